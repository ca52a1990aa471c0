/// The result of one check.
struct Finding: Encodable, Equatable {
    enum Verdict: String, Encodable {
        case ok
        /// Works, and deserves attention.
        case warning
        case failed
        /// Not checked, since something else fails.
        case skipped
    }

    enum Check: String, Encodable, CaseIterable {
        case settings, upstream, listeners, proxy, page, origins, reach, clock, login, mode, version, jwks, identity,
            store
    }

    let check: Check
    let verdict: Verdict
    /// What was observed, and what it means.
    let meaning: String
    /// How to fix it.
    var todo: String?
}
