package import Core
package import FoundationEssentials

/// Where sessions are kept for good.
///
/// Every call either answers or throws `storeUnavailable`; a store that cannot be asked never says "unknown". Calls may
/// take as long as the disk does; ``SessionCache`` stands between them and whoever cannot wait.
package protocol SessionStore: Sendable {
    /// Keeps what is new about sessions, durably: all of it or nothing, but for single sessions that it refuses.
    ///
    /// A session whose row cannot be read, or that the engine does not take, is refused alone, counted and logged.
    ///
    /// Facts are merged with those that are kept. A location that a session gave becomes its subject's own, once:
    /// a later write does not undo ``unbind(_:from:)``. When the state at `now` differs from the last published one, its
    /// event is put into the ``Outbox`` together with the facts. ``SessionChange`` is that rule.
    func save(_ writes: [SessionWrite], at now: Date) async throws(BFFError) -> SavedSessions
    /// Publishes the events of at most `limit` sessions whose state changed by time alone
    /// (``ConnectSession/nextChange(after:)``).
    /// - Returns: How many sessions that were.
    func publishTimedChanges(at now: Date, limit: Int) async throws(BFFError) -> Int
    /// Finds a session; `nil` also for one whose row cannot be read.
    func session(_ id: SessionID) async throws(BFFError) -> ConnectSession?
    /// Finds a session by its token; `nil` also for one whose row cannot be read.
    func session(token: ConnectToken) async throws(BFFError) -> ConnectSession?
    /// Leases sessions whose ``ConnectSession/nextPoll`` has come, the longest due first.
    ///
    /// No process is given them again before the answer of a later poll is kept, or before `end`, when the lease holder
    /// is taken for dead.
    func leaseDue(at moment: Date, limit: Int, until end: Date) async throws(BFFError) -> [ConnectSession]

    /// Takes a key for a mint, unless it is taken.
    /// - Returns: The mint that has the key already; nil when it is now `mint`'s.
    func begin(
        _ mint: IdempotentMint, as key: IdempotencyKey, of subject: Subject, at now: Date
    ) async throws(BFFError) -> IdempotentMint?
    /// Releases a key whose mint failed, unless another mint holds it by now (``IdempotentMint/holder``).
    func release(_ key: MintKey, of subject: Subject) async throws(BFFError)

    /// Takes a location from the subject.
    /// - Returns: False when it was not the subject's.
    func unbind(_ location: LocationID, from subject: Subject) async throws(BFFError) -> Bool
    /// The subject's own locations, sorted.
    func locations(of subject: Subject) async throws(BFFError) -> [LocationID]
    func owns(_ subject: Subject, _ location: LocationID) async throws(BFFError) -> Bool
    /// What users have to do at these locations; those at which nothing is to be done are missing.
    func actions(at locations: [LocationID]) async throws(BFFError) -> [LocationID: LocationAction]
    /// Nothing is to be done at a location any more, as far as it was known before `moment`.
    func clearAction(at location: LocationID, knownBefore moment: Date) async throws(BFFError)

    /// Seals tokens under the first of `stateKeys` from now on, and anew what is sealed under an older key; those that
    /// were known before still open.
    func adopt(stateKeys: [[UInt8]]) async throws(BFFError)

    /// Notifies of what other processes change in the store, until cancelled; a store of a single process has no such
    /// changes.
    func watch(_ notify: @escaping @Sendable (StoreChange) -> Void) async

    /// Removes everything of a subject, its events among it.
    func forget(_ subject: Subject) async throws(BFFError) -> Forgotten
    /// Removes sessions minted and events born before `moment`, and idempotency keys that are over at `now`.
    ///
    /// Events that are still to be delivered stay for ``OutgoingEvent/leastLife``.
    /// - Returns: How many sessions.
    func removeSessions(before moment: Date, at now: Date) async throws(BFFError) -> Int
}

extension SessionStore {
    package func watch(_ notify: @escaping @Sendable (StoreChange) -> Void) async {}
}

/// What a store made of some writes.
package struct SavedSessions: Sendable {
    /// The sessions as they are kept now; one that was removed meanwhile is not made again and is missing.
    package var kept: [ConnectSession] = []
    /// Sessions that the store cannot keep, though it keeps others.
    package var refused: Set<SessionID> = []

    package init() {}
}

/// A notification about other processes.
package enum StoreChange: Equatable, Sendable {
    /// These sessions were changed or removed.
    case changed([SessionID])
    /// From here on changes are notified; earlier ones may have been missed.
    case subscribed
    /// From here on changes may be missed.
    case unsubscribed
}

/// What is new about a session.
package struct SessionWrite: Sendable {
    package var session: ConnectSession
    /// Whether the store was never written it.
    package var isNew: Bool
    /// The key that the session was minted under, to be kept together with it.
    package var key: MintKey?

    package init(_ session: ConnectSession, isNew: Bool, key: MintKey? = nil) {
        self.session = session
        self.isNew = isNew
        self.key = key
    }
}

/// An idempotency key and its mint.
package struct MintKey: Sendable {
    package let key: IdempotencyKey
    package let mint: IdempotentMint

    package init(_ key: IdempotencyKey, _ mint: IdempotentMint) {
        self.key = key
        self.mint = mint
    }
}

/// How much was removed of a subject.
package struct Forgotten: Equatable, Sendable {
    package var sessions: Int
    package var locations: Int

    package init(sessions: Int, locations: Int) {
        self.sessions = sessions
        self.locations = locations
    }
}
