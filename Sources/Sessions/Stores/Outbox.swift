package import Core
package import FoundationEssentials

/// Events for the integrator's backend, from their creation until delivery, and then as long as sessions are kept.
///
/// Delivery is at least once: several processes may lease from one outbox, and an event that is not settled before the
/// end of its lease is leased again. Every call either answers or throws `storeUnavailable`.
package protocol Outbox: Sendable {
    /// Stores events, all or none; an event whose id is stored already is skipped.
    ///
    /// An event that names a session gets the next number of that session's sequence, as long as the session is kept.
    func put(_ events: [NewEvent]) async throws(BFFError)

    /// Leases at most `limit` due events until `lease`, the longest due first; no other call gets them before that.
    ///
    /// An event waits for the earlier ones of its session, until these have failed ``OutgoingEvent/headStart`` times.
    /// - Parameter inFlight: The subjects of the caller's deliveries in flight, one for each: together with these, no
    ///   subject has more than ``OutgoingEvent/share``.
    func take(
        dueAt now: Date, leasedUntil lease: Date, limit: Int, besides inFlight: [Subject]
    ) async throws(BFFError) -> [OutgoingEvent]

    /// Stores the results of delivery attempts, all or none.
    ///
    /// A failure counts only while the caller holds the lease; a delivery always counts.
    func settle(_ deliveries: [Delivery]) async throws(BFFError)

    /// Makes every event that was created at `instant` or later due at `now`, as if it had never been tried.
    /// - Returns: How many.
    func replay(since instant: Date, at now: Date) async throws(BFFError) -> Int

    /// The latest events, the latest first.
    func events(limit: Int) async throws(BFFError) -> [KeptEvent]

    /// Counts the events that are pending, and those that were given up.
    func eventCounts() async throws(BFFError) -> EventCounts
}

extension Outbox {
    /// Leases events for a caller with no deliveries in flight.
    package func take(
        dueAt now: Date, leasedUntil lease: Date, limit: Int
    ) async throws(BFFError) -> [OutgoingEvent] {
        try await take(dueAt: now, leasedUntil: lease, limit: limit, besides: [])
    }
}

/// An event for the integrator's backend.
package struct NewEvent: Equatable, Sendable {
    /// `evt_…`: the `webhook-id` by which a receiver detects duplicates; an event of Flatpeak's keeps its own.
    package let id: EventID
    /// Such as `session.connected`.
    package let type: String
    /// The session whose sequence it is part of.
    package let session: SessionID?
    /// The subject with which it is removed.
    package let subject: Subject?
    package let at: Date
    /// A JSON value.
    package let data: [UInt8]

    /// - Parameter data: A JSON value; it is not checked again.
    package init(
        id: EventID, type: String, session: SessionID? = nil, subject: Subject? = nil, at now: Date, data: [UInt8]
    ) {
        self.id = id
        self.type = type
        self.session = session
        self.subject = subject
        at = now
        self.data = data
    }
}

/// An event that is leased for delivery.
package struct OutgoingEvent: Equatable, Sendable {
    package let event: NewEvent
    /// Its number among the events of its session, from 1; `nil` for an event without a session.
    package let sequence: Int?
    /// Failed attempts so far.
    package let attempts: Int
    /// The end of the lease.
    package let lease: Date

    package init(_ event: NewEvent, sequence: Int?, attempts: Int, lease: Date) {
        self.event = event
        self.sequence = sequence
        self.attempts = attempts
        self.lease = lease
    }

    /// How often an event is tried before later ones of its session overtake it.
    package static let headStart = 2
    /// How many events of one subject one process delivers at once, so that slow deliveries for one user leave slots for
    /// the events of others.
    package static let share = 8
    /// How long a pending event is kept at least, in seconds: longer than all its attempts take.
    package static let leastLife: TimeInterval = 7 * 86400
}

/// The result of one delivery attempt.
package struct Delivery: Equatable, Sendable {
    package enum Result: Equatable, Sendable {
        case delivered(at: Date)
        case failed(nextAt: Date)
        /// Given up: not tried again unless an operator replays it.
        case dead
    }
    package let id: EventID
    package let lease: Date
    package let result: Result
    /// The status of the answer, or in a word why there was none.
    package let answer: String

    package init(of event: OutgoingEvent, _ result: Result, answer: String) {
        id = event.event.id
        lease = event.lease
        self.result = result
        self.answer = answer
    }
}

/// A stored event as the operator sees it.
package struct KeptEvent: Equatable, Sendable {
    package enum State: String, Sendable { case pending, delivered, dead }
    package let event: OutgoingEvent
    package let state: State
    /// The result of the last attempt; `nil` before the first.
    package let answer: String?

    package init(_ event: OutgoingEvent, state: State, answer: String?) {
        self.event = event
        self.state = state
        self.answer = answer
    }
}

/// How many events of an outbox are in which state.
package struct EventCounts: Equatable, Sendable {
    package var pending: Int
    package var dead: Int

    package init(pending: Int, dead: Int) {
        self.pending = pending
        self.dead = dead
    }
}
