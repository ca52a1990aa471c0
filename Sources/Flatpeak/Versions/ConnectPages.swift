import Core

/// The names of Connect's pages that decide something (upstream.md §4.2 to §4.4); no other page decides anything.
package struct ConnectPages: Sendable {
    /// What a request names that asks for the current page.
    let starts: [String]
    /// The page that shows what is connected.
    ///
    /// There is no button to save: once it shows, the tariff is connected.
    let summaries: [String]
    /// The page that says that the provider has not answered yet.
    let pending: [String]
    /// Answers with which the customer left for good, besides a redirect to the callback.
    let ends: [String]

    /// Whether a request to this page asks for the current page.
    package func isStart(_ route: String?) -> Bool { Self.has(starts, route) }
    package func isSummary(_ route: String?) -> Bool { Self.has(summaries, route) }
    package func isPending(_ route: String?) -> Bool { Self.has(pending, route) }
    package func isEnd(_ route: String?) -> Bool { Self.has(ends, route) }

    // Not `contains`: each relayed call comes here, and compares bytes.
    private static func has(_ names: [String], _ route: String?) -> Bool {
        guard let route else { return false }
        for name in names where name == route { return true }
        return false
    }
}
