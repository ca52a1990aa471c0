package import Core
package import FoundationEssentials

/// The durable ledger of writes to Flatpeak that have an idempotency key, by subject: each is sent at most once.
///
/// Every call either answers or throws `storeUnavailable`. An entry goes with its subject's ownership of its location.
package protocol WriteLedger: Sendable {
    /// Enters a write under a key before it is sent, unless another write has the key.
    ///
    /// A subject has at most ``LedgerEntry/share`` entries; its oldest ones make room.
    /// - Returns: The write that has the key already; `nil` when it is now that of `entry`.
    func begin(
        _ entry: LedgerEntry, as key: IdempotencyKey, of subject: Subject, at now: Date
    ) async throws(BFFError) -> LedgerEntry?
    /// Records what came of a write, unless another write has the key by now.
    func end(
        _ key: IdempotencyKey, of subject: Subject, heldBy owner: String, as outcome: LedgerEntry.Outcome
    ) async throws(BFFError)
    /// Removes a write that was not sent, unless another write has the key by now.
    func removeEntry(_ key: IdempotencyKey, of subject: Subject, heldBy owner: String) async throws(BFFError)
}

/// One write to Flatpeak with an idempotency key: its request, and what came of it.
package struct LedgerEntry: Equatable, Sendable {
    /// Method and template of the route.
    package let route: String
    package let location: LocationID
    /// SHA-256 of the request's body.
    package let body: [UInt8]
    /// A random value that identifies the call that took the key.
    package let owner: String
    package let startedAt: Date
    package var outcome: Outcome

    package enum Outcome: Equatable, Sendable {
        /// It may be in flight, or its process ended before the outcome was known.
        case begun
        /// What the client was answered.
        case answered(status: Int, body: [UInt8])
        /// It was sent, and Flatpeak did not say what became of it.
        case unknown
    }

    package init(
        route: String, location: LocationID, body: [UInt8], owner: String, startedAt: Date, outcome: Outcome = .begun
    ) {
        self.route = route
        self.location = location
        self.body = body
        self.owner = owner
        self.startedAt = startedAt
        self.outcome = outcome
    }

    /// How long an entry is kept, in seconds.
    package static let life: TimeInterval = 86400
    /// How long a write can be in flight, in seconds: longer than the deadlines of the call and of its bearer together.
    package static let longestWrite: TimeInterval = 30
    /// Entries of one subject.
    package static let share = 1000

    /// When the key is free again.
    package var endsAt: Date { startedAt + Self.life }

    /// Whether it is the same request.
    package func isRepeated(by other: LedgerEntry) -> Bool {
        route.equalsBytes(of: other.route) && location == other.location && body == other.body
    }

    /// The answer to a repeated request, which is not sent again.
    package func answer(to repeated: LedgerEntry) throws(BFFError) -> (status: Int, body: [UInt8]) {
        guard isRepeated(by: repeated) else { throw .idempotencyKeyReused }
        switch outcome {
        case .answered(let status, let body): return (status, body)
        case .begun where repeated.startedAt < startedAt + Self.longestWrite: throw .idempotencyInProgress
        case .begun, .unknown: throw .writeOutcomeUnknown
        }
    }
}
