package import Core
package import FoundationEssentials

/// Events for the integrator's backend, from their birth until they are delivered and for as long as sessions are kept.
///
/// At least once: several processes may take from one outbox, and what a process took and did not settle before its
/// lease was over is taken again. Every call either answers or throws `storeUnavailable`.
package protocol Outbox: Sendable {
    /// Keeps events, all or none; one whose id is there already is not kept a second time.
    ///
    /// One that names a session gets the next number of that session's sequence, as long as the session is kept.
    func put(_ events: [NewEvent]) async throws(BFFError)

    /// Takes at most `limit` events that are due, the longest due first, and leases them until `lease`: nobody is given
    /// them again before that.
    ///
    /// An event waits for the earlier ones of its session, until these have failed ``OutgoingEvent/headStart`` times.
    /// - Parameter underWay: The subjects of events that the caller has under way, one for each: with these, none has more
    ///   than ``OutgoingEvent/share``.
    func take(
        dueAt moment: Date, leasedUntil lease: Date, limit: Int, besides underWay: [Subject]
    ) async throws(BFFError) -> [OutgoingEvent]

    /// Keeps what became of events that were taken: all of it or nothing.
    ///
    /// A failure counts only while the lease is ours; a delivery counts whoever made it.
    func settle(_ deliveries: [Delivery]) async throws(BFFError)

    /// Makes every event that was born at `moment` or later due at `now`, as if it had never been tried.
    /// - Returns: How many.
    func replay(since moment: Date, at now: Date) async throws(BFFError) -> Int

    /// The youngest events, youngest first.
    func events(limit: Int) async throws(BFFError) -> [KeptEvent]

    /// How many events wait, and how many were given up.
    func eventCounts() async throws(BFFError) -> EventCounts
}

extension Outbox {
    /// Takes events for a caller that has none under way.
    package func take(
        dueAt moment: Date, leasedUntil lease: Date, limit: Int
    ) async throws(BFFError) -> [OutgoingEvent] {
        try await take(dueAt: moment, leasedUntil: lease, limit: limit, besides: [])
    }
}

/// Something that the integrator's backend is to hear of.
package struct NewEvent: Equatable, Sendable {
    /// `evt_…`: the `webhook-id` by which a receiver knows an event again; an event of Flatpeak's keeps its own.
    package let id: EventID
    /// What happened, such as `session.connected`.
    package let type: String
    /// The session in whose sequence it stands.
    package let session: SessionID?
    /// With whom it is forgotten.
    package let subject: Subject?
    package let at: Date
    /// A JSON value.
    package let data: [UInt8]

    /// - Parameter data: A JSON value; nobody checks it again.
    package init(
        id: EventID, type: String, session: SessionID? = nil, subject: Subject? = nil, at moment: Date, data: [UInt8]
    ) {
        self.id = id
        self.type = type
        self.session = session
        self.subject = subject
        at = moment
        self.data = data
    }
}

/// An event that was taken to be delivered.
package struct OutgoingEvent: Equatable, Sendable {
    package let event: NewEvent
    /// Its place among the events of its session, from 1; nil for one of no session.
    package let sequence: Int?
    /// How often it was tried and failed.
    package let attempts: Int
    /// Until when it is ours.
    package let lease: Date

    package init(_ event: NewEvent, sequence: Int?, attempts: Int, lease: Date) {
        self.event = event
        self.sequence = sequence
        self.attempts = attempts
        self.lease = lease
    }

    /// How often an event is tried before later ones of its session overtake it.
    package static let headStart = 2
    /// How many events of one subject one process delivers at once, so that the slow answers of one user leave room for
    /// the events of others.
    package static let share = 8
    /// How long an event that nobody took yet is kept at least, in seconds: longer than all its tries take.
    package static let leastLife: TimeInterval = 7 * 86400
}

/// What became of one try.
package struct Delivery: Equatable, Sendable {
    package enum Result: Equatable, Sendable {
        case delivered(at: Date)
        case failed(nextAt: Date)
        /// It is not tried again unless somebody replays it.
        case dead
    }
    package let id: EventID
    package let lease: Date
    package let result: Result
    /// The status that was answered, or why there was none, in a word.
    package let answer: String

    package init(of event: OutgoingEvent, _ result: Result, answer: String) {
        id = event.event.id
        lease = event.lease
        self.result = result
        self.answer = answer
    }
}

/// An event as the operator sees it.
package struct KeptEvent: Equatable, Sendable {
    package enum State: String, Sendable { case pending, delivered, dead }
    package let event: OutgoingEvent
    package let state: State
    /// What the last try came to; nil before the first.
    package let answer: String?

    package init(_ event: OutgoingEvent, state: State, answer: String?) {
        self.event = event
        self.state = state
        self.answer = answer
    }
}

/// The state of an outbox.
package struct EventCounts: Equatable, Sendable {
    package var pending: Int
    package var dead: Int

    package init(pending: Int, dead: Int) {
        self.pending = pending
        self.dead = dead
    }
}
