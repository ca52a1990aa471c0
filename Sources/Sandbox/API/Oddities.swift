/// Odd mode: everything that the documents contradict themselves about, in every answer at once.
enum Oddities {
    private static let renamed = ["price_available": "tariff_available"]
    private static let times: Set = ["time_created", "time_expiry", "last_updated", "next_update"]

    /// The same answer with `expires_in` as a string (upstream.md §2), the price flag under another name (§3), a blank
    /// after CONNECTED (§6.2), a misspelt event (§5.1), times without a zone and an unknown field in every object.
    static func applied(to value: JSON) -> JSON {
        switch value {
        case .array(let items):
            return .array(items.map(applied(to:)))
        case .object(let members):
            var odd: [String: JSON] = ["undocumented": ["kind": "odd"]]
            for (name, member) in members { odd[renamed[name] ?? name] = twisted(name, member) }
            return .object(odd)
        default:
            return value
        }
    }

    /// The same with a connect token in every object, as a member of that name and as a value under another.
    static func leaking(_ value: JSON) -> JSON {
        switch value {
        case .array(let items): .array(items.map(leaking))
        case .object(let members):
            .object(members.mapValues(leaking)).merging(["connect_token": .string(token), "link": .string(token)])
        default: value
        }
    }

    /// A connect token that no session has.
    static let token = "cot_0dd0dd0dd0dd0dd0dd0dd0dd"

    private static func twisted(_ name: String, _ value: JSON) -> JSON {
        switch (name, value) {
        case ("expires_in", .int(let seconds)): .string(String(seconds))
        case ("status", "CONNECTED"): "CONNECTED "
        case ("type", "location.update"): "locaiton.update"
        case (_, .string(let text)) where times.contains(name) && text.hasSuffix("Z"): .string(String(text.dropLast()))
        default: applied(to: value)
        }
    }
}
