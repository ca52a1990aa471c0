/// Reads the members of a JSON object by type: absent and null are nil, another type is `data_json_invalid`.
struct Fields {
    let members: [String: JSON]

    init(_ members: [String: JSON]) { self.members = members }

    init(_ value: JSON?, named name: String) throws(Refusal) {
        guard let members = value?.object else { throw .dataInvalid("\(name) must be an object") }
        self.members = members
    }

    func text(_ name: String) throws(Refusal) -> String? {
        switch members[name] {
        case nil, .null: return nil
        case .string(let text): return text
        default: throw .dataInvalid("\(name) must be a string")
        }
    }

    func flag(_ name: String) throws(Refusal) -> Bool {
        switch members[name] {
        case nil, .null: return false
        case .bool(let flag): return flag
        default: throw .dataInvalid("\(name) must be true or false")
        }
    }

    func number(_ name: String) throws(Refusal) -> Double {
        guard let number = members[name]?.number else { throw .dataInvalid("\(name) must be a number") }
        return number
    }

    /// A number, which a query and ZERO write as a text; nil where it is absent.
    func quantity(_ name: String) throws(Refusal) -> Double? {
        switch members[name] {
        case nil, .null: return nil
        case .string(let text):
            guard let number = Double(text), number.isFinite else { throw .dataInvalid("\(name) must be a number") }
            return number
        default: return try number(name)
        }
    }

    func object(_ name: String) throws(Refusal) -> Fields? {
        switch members[name] {
        case nil, .null: return nil
        case let value: return try Fields(value, named: name)
        }
    }
}
