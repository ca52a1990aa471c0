/// What one check came to.
struct Finding: Encodable, Equatable {
    enum Verdict: String, Encodable {
        case ok
        /// Works, but somebody should know.
        case warning
        case failed
        /// Cannot be told as long as something else fails.
        case skipped
    }

    enum Check: String, Encodable, CaseIterable {
        case settings, upstream, listeners, proxy, origins, reach, clock, login, mode, version, jwks, identity, store
    }

    let check: Check
    let verdict: Verdict
    /// What was found, and what it means.
    let meaning: String
    /// What mends it.
    var todo: String?
}
