/// The steps that a database has had, against those that this program knows.
enum SchemaSteps {
    /// Whether this program may use the database.
    ///
    /// A step of a newer release that leaves the tables usable for programs that know fewer says how many these have to
    /// know, at the end of its name: `7 invoices, usable from 5`. A database with any other unknown step is refused.
    /// - Parameters:
    ///   - applied: The names of the database's steps.
    ///   - known: The names of this program's steps, in order.
    static func areUsable(_ applied: some Sequence<String>, known: [String]) -> Bool {
        applied.allSatisfy { known.contains($0) || (firstUser($0) ?? .max) <= known.count }
    }

    private static func firstUser(_ name: String) -> Int? {
        let words = name.split(separator: " ").suffix(3)
        guard words.count == 3, words.dropLast().joined(separator: " ") == "usable from" else { return nil }
        return words.last.flatMap { Int($0) }
    }
}
