package import Core
package import FoundationEssentials

/// The durable store of sessions.
///
/// Every call either answers or throws `storeUnavailable`; a store that is unavailable never answers "unknown". Calls may
/// take as long as the disk does; ``SessionCache`` bounds the wait of its callers.
package protocol SessionStore: Sendable {
    /// Persists writes in one transaction, all or none apart from single sessions that the store refuses.
    ///
    /// A session whose row cannot be read, or that the engine rejects, is refused alone, counted and logged.
    ///
    /// Facts are merged with the stored ones. A location that a session gave is bound to its subject, once, and once the
    /// session is confirmed: a later write does not undo ``LocationStore/unbind(_:from:)``. When the state at `now` differs from the last published one, its
    /// event is put into the ``Outbox`` together with the facts. ``SessionChange`` is that rule.
    func save(_ writes: [SessionWrite], at now: Date) async throws(BFFError) -> SavedSessions
    /// Publishes the events of at most `limit` sessions whose state changed by time alone
    /// (``ConnectSession/nextChange(after:)``).
    /// - Returns: How many sessions there were.
    func publishTimedChanges(at now: Date, limit: Int) async throws(BFFError) -> Int
    /// Finds a session; `nil` also for one whose row cannot be read.
    func session(_ id: SessionID) async throws(BFFError) -> ConnectSession?
    /// Finds a session by its token; `nil` also for one whose row cannot be read.
    func session(token: ConnectToken) async throws(BFFError) -> ConnectSession?
    /// Leases sessions whose ``ConnectSession/nextPoll`` has come, the longest due first.
    ///
    /// No process gets them again before the result of a later poll is stored, or before `end`, when the lease holder is
    /// assumed dead.
    func leaseDue(at now: Date, limit: Int, until end: Date) async throws(BFFError) -> [ConnectSession]

    /// Notifies of changes to the store until cancelled: of those to sessions that other processes make, and of all to
    /// locations. Those that this process makes are notified before the call that makes them returns.
    ///
    /// A store that does not notify never says that it is subscribed.
    func watch(_ notify: @escaping @Sendable (StoreChange) -> Void) async

    /// Removes sessions minted and events created before `instant`, and idempotency keys that are over at `now`.
    ///
    /// Pending events stay for ``OutgoingEvent/leastLife``.
    /// - Returns: How many sessions were removed.
    func removeSessions(before instant: Date, at now: Date) async throws(BFFError) -> Int
}

extension SessionStore {
    package func watch(_ notify: @escaping @Sendable (StoreChange) -> Void) async {}
}

/// The result of ``SessionStore/save(_:at:)``.
package struct SavedSessions: Sendable {
    /// The sessions as they are stored now, without those that were removed meanwhile.
    package var kept: [ConnectSession] = []
    /// Sessions that the store cannot keep, though it keeps others.
    package var refused: Set<SessionID> = []

    package init() {}
}

/// A notification of a store.
package enum StoreChange: Equatable, Sendable {
    /// Another process changed or removed these sessions.
    case changed([SessionID])
    /// Locations were bound to a subject, or taken from it.
    case ownershipChanged(SubjectDigest)
    /// Prices at a location may have changed, or the action that is required there or whether it is held did.
    case locationChanged(LocationID)
    /// Another process may have changed the owners of any location and the action at it.
    case anyLocationChanged
    /// From here on changes are notified; earlier ones may have been missed.
    case subscribed
    /// From here on changes may be missed.
    case unsubscribed
}

/// A pending write of one session.
package struct SessionWrite: Sendable {
    package var session: ConnectSession
    /// Whether the session was never written to the store.
    package var isNew: Bool
    /// The idempotency key of the session's mint, to be stored together with it.
    package var key: MintKey?

    package init(_ session: ConnectSession, isNew: Bool, key: MintKey? = nil) {
        self.session = session
        self.isNew = isNew
        self.key = key
    }
}
