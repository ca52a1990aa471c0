/// Forms that several settings have.
extension SettingsReader {
    /// One of the raw values of `type`.
    static func choice<Value: RawRepresentable<String> & CaseIterable>(
        _ type: Value.Type
    ) -> (String) throws(Unfit) -> Value {
        { (text) throws(Unfit) in
            guard let value = Value(rawValue: text) else {
                throw .init("must be one of " + Value.allCases.map(\.rawValue).joined(separator: ", "))
            }
            return value
        }
    }

    /// The items of a comma list, without blanks around them.
    static func items(_ text: String) throws(Unfit) -> [String] {
        let items = text.split(separator: ",", omittingEmptySubsequences: false).map { item in
            String(item.drop(while: { $0 == " " }).reversed().drop(while: { $0 == " " }).reversed())
        }
        guard !items.contains("") else { throw .init("has an empty item") }
        return items
    }

    /// `5s`.
    static func wholeSeconds(_ range: ClosedRange<Int>) -> (String) throws(Unfit) -> Duration {
        { (text) throws(Unfit) in
            guard text.hasSuffix("s"), let count = Int(text.dropLast()), range.contains(count) else {
                throw .init("must be a number of seconds from \(range.lowerBound) to \(range.upperBound), such as 5s")
            }
            return .seconds(count)
        }
    }
}
