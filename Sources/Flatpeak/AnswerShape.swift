import Core
import Wire

/// The fields of an answer that clients get, and where each edition of Flatpeak's API has them.
///
/// What is not listed does not get through, and every value is the bytes that came.
indirect enum AnswerShape: Sendable {
    /// A text, a number, a boolean or null.
    case scalar
    /// A text without blanks around it; the documents themselves show one with a trailing blank.
    case trimmed
    /// Which way energy flowed; older editions say it in the words for tariffs.
    case flow
    /// A reference that the client gave, as Flatpeak has it: what holds one of another owner is left out of its list.
    case reference
    case object([Field])
    case list(AnswerShape)

    /// A field of an object.
    struct Field: Sendable {
        let name: String
        /// The names that lead to it, newest edition first.
        let paths: [[String]]
        let shape: AnswerShape
        let isRequired: Bool
        /// What clients get where Flatpeak gives nothing, as JSON.
        let substitute: String?
        /// Left out unless this member of the object is not null.
        let companion: String?

        /// - Parameter paths: Those of other editions, with a full stop between the names.
        init(
            _ name: String, or paths: String..., as shape: AnswerShape = .scalar, isRequired: Bool = false,
            substitute: String? = nil, with companion: String? = nil
        ) {
            self.name = name
            self.paths = ([name] + paths).map { $0.splitBytes(at: ".").map(String.init) }
            self.shape = shape
            self.isRequired = isRequired
            self.substitute = substitute
            self.companion = companion
        }

        /// A field whose value is known without Flatpeak.
        static func fixed(_ name: String, _ text: String) -> Field {
            Field(name: name, paths: [], shape: .scalar, isRequired: false, substitute: "\"\(text)\"")
        }

        private init(name: String, paths: [[String]], shape: AnswerShape, isRequired: Bool, substitute: String?) {
            self.name = name
            self.paths = paths
            self.shape = shape
            self.isRequired = isRequired
            self.substitute = substitute
            companion = nil
        }
    }

    /// Why a value does not fit.
    enum Mismatch: Error {
        case invalid
        case foreignReference
    }

    /// Builds the answer for clients.
    /// - Parameters:
    ///   - body: Strict JSON.
    ///   - own: The client's reference behind one of Flatpeak's; `nil` for one of another owner.
    func answer(from body: [UInt8], own: (String) -> String? = { _ in nil }) throws(BFFError) -> [UInt8] {
        guard let value = JSONValue(body) else { throw .upstreamInvalidAnswer }
        do throws(Mismatch) {
            guard let answer = try json(from: value, own) else { throw .invalid }
            return answer
        } catch {
            throw .upstreamInvalidAnswer
        }
    }

    /// - Returns: Nil where the value is of another kind.
    private func json(from value: JSONValue, _ own: (String) -> String?) throws(Mismatch) -> [UInt8]? {
        switch self {
        case .scalar: return value.isScalar ? Array(value.bytes) : nil
        case .trimmed: return value.plainText.map { Array("\"\($0.withoutBlankEnds)\"".utf8) }
        case .flow:
            switch value.plainText {
            case "IMPORT": return Array(#""INBOUND""#.utf8)
            case "EXPORT": return Array(#""OUTBOUND""#.utf8)
            default: return value.isScalar ? Array(value.bytes) : nil
            }
        case .reference:
            guard !value.isNull else { return nil }
            guard let text = value.plainText, let reference = own(text) else { throw .foreignReference }
            return Array("\"\(reference)\"".utf8)
        case .object(let fields):
            guard let members = value.members else { return nil }
            return try Self.object(fields, of: members, own)
        case .list(let shape):
            guard let elements = value.elements else { return nil }
            var list: [UInt8] = []
            for element in elements {
                let json: [UInt8]
                do throws(Mismatch) {
                    guard let fit = try shape.json(from: element, own) else { throw .invalid }
                    json = fit
                } catch {
                    if case .foreignReference = error { continue }
                    throw error
                }
                list.append(list.isEmpty ? UInt8(ascii: "[") : UInt8(ascii: ","))
                list += json
            }
            return (list.isEmpty ? [UInt8(ascii: "[")] : list) + [UInt8(ascii: "]")]
        }
    }

    /// - Returns: Nil where none of the fields is there.
    private static func object(
        _ fields: [Field], of members: [String: JSONValue], _ own: (String) -> String?
    ) throws(Mismatch) -> [UInt8]? {
        var object: [UInt8] = []
        for field in fields {
            if let companion = field.companion, members[companion]?.isNull ?? true { continue }
            var found: [UInt8]?
            for path in field.paths where found == nil {
                if let value = value(at: path, of: members) { found = try field.shape.json(from: value, own) }
            }
            guard let json = found ?? field.substitute.map({ Array($0.utf8) }) else {
                guard !field.isRequired else { throw .invalid }
                continue
            }
            object.append(object.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
            object += "\"\(field.name)\":".utf8
            object += json
        }
        return object.isEmpty ? nil : object + [UInt8(ascii: "}")]
    }

    private static func value(at path: [String], of members: [String: JSONValue]) -> JSONValue? {
        guard let first = path.first, var value = members[first] else { return nil }
        for name in path.dropFirst() {
            guard let next = value.members?[name] else { return nil }
            value = next
        }
        return value
    }
}
