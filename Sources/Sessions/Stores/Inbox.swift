package import Core
package import FoundationEssentials

/// Events of Flatpeak's, from their acknowledgement until they are processed; and the ids of processed events, so that
/// none is processed twice.
///
/// Several processes may lease from one inbox: an event that is not settled before the end of its lease is leased again.
/// Every call either answers or throws `storeUnavailable`.
package protocol Inbox: Sendable {
    /// Persists the events that are new, all or none.
    /// - Returns: A receipt for each event, in the same order.
    func receive(_ events: [ReceivedEvent]) async throws(BFFError) -> [Receipt]
    /// Whether an event was received before, processed or not.
    func hasReceived(_ id: EventID) async throws(BFFError) -> Bool

    /// Leases at most `limit` due events until `lease`, the longest due first; no other call gets them before that.
    func takeReceived(dueAt now: Date, leasedUntil lease: Date, limit: Int) async throws(BFFError) -> [TakenEvent]
    /// Completes an event and stores its effect, both or neither.
    /// - Returns: False when another process has completed it; then nothing changes.
    func settle(_ id: EventID, _ effect: EventEffect) async throws(BFFError) -> Bool
    /// Makes a leased event due at another time, unless the lease was lost.
    func postpone(_ event: TakenEvent, until instant: Date) async throws(BFFError)

    /// Counts the events that are not processed yet, and returns when the oldest of them was received.
    func waiting() async throws(BFFError) -> (count: Int, since: Date?)
    /// Removes the ids of processed events that were received before `instant`.
    func removeReceived(before instant: Date) async throws(BFFError)

    /// Reads the cursor of the backfill: how far Flatpeak's list of events was read, in the caller's format.
    func bookmark() async throws(BFFError) -> String?
    /// Stores the cursor of the backfill.
    func keep(bookmark: String) async throws(BFFError)
}

/// An event as Flatpeak sent it, or as Flatpeak's list has it.
package struct ReceivedEvent: Equatable, Sendable {
    package let id: EventID
    package let type: String
    /// The event as JSON, byte for byte.
    package let body: [UInt8]
    /// SHA-256 of a signed body; `nil` for an event from the list, whose JSON differs.
    package let digest: [UInt8]?
    package let receivedAt: Date

    package init(id: EventID, type: String, body: [UInt8], digest: [UInt8]?, receivedAt: Date) {
        self.id = id
        self.type = type
        self.body = body
        self.digest = digest
        self.receivedAt = receivedAt
    }
}

/// How an event compares with those in the inbox.
package enum Receipt: String, Sendable, CaseIterable {
    case new
    /// Received before.
    case known
    /// Received before with another body; the first one stays valid.
    case altered
}

/// An event that is leased for processing.
package struct TakenEvent: Equatable, Sendable {
    package let event: ReceivedEvent
    /// How often it was leased, this time included.
    package let attempts: Int
    /// The end of the lease.
    package let lease: Date

    package init(_ event: ReceivedEvent, attempts: Int, lease: Date) {
        self.event = event
        self.attempts = attempts
        self.lease = lease
    }
}

/// The changes that an event makes to the store.
package struct EventEffect: Equatable, Sendable {
    /// A location at which prices may have changed.
    package var update: LocationUpdate?
    /// An action that the user has to take at a location, unless ``RequiredAction/reconnect`` is required there already.
    package var action: LocationAction?
    /// Events for the integrator's backend, to put into the ``Outbox``.
    package var events: [NewEvent]

    /// The location that clients may follow, and that changes.
    package var location: LocationID? { update?.location ?? action?.location }

    package init(update: LocationUpdate? = nil, action: LocationAction? = nil, events: [NewEvent] = []) {
        self.update = update
        self.action = action
        self.events = events
    }
}
