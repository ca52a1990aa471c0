package import Core
package import FoundationEssentials

/// What Flatpeak told this service, from the moment it was acknowledged until it had its effect; and which events those
/// were, for so long that none has its effect a second time.
///
/// Several processes may take from one inbox: what a process took and did not settle before its lease was over is taken
/// again. Every call either answers or throws `storeUnavailable`.
package protocol Inbox: Sendable {
    /// Keeps events that are new: all of them, durably, or nothing.
    /// - Returns: What each of them was, in the same order.
    func receive(_ events: [ReceivedEvent]) async throws(BFFError) -> [Receipt]
    func hasReceived(_ id: EventID) async throws(BFFError) -> Bool

    /// Takes at most `limit` events that are due, the longest due first, and leases them until `lease`: nobody is given
    /// them again before that.
    func takeReceived(dueAt moment: Date, leasedUntil lease: Date, limit: Int) async throws(BFFError) -> [TakenEvent]
    /// Ends an event together with what came of it: all of it or nothing.
    /// - Returns: False when another process has ended it; then nothing is changed.
    func settle(_ id: EventID, _ effect: EventEffect) async throws(BFFError) -> Bool
    /// Makes an event that was taken due at another moment, unless the lease was lost.
    func postpone(_ event: TakenEvent, until moment: Date) async throws(BFFError)

    /// How many events wait for their effect, and since when the oldest does.
    func waiting() async throws(BFFError) -> (count: Int, since: Date?)
    /// Forgets that events were received before `moment`, other than those that wait.
    func removeReceived(before moment: Date) async throws(BFFError)

    /// A text of the caller's own, such as how far Flatpeak's list of events was read.
    func bookmark() async throws(BFFError) -> String?
    func keep(bookmark: String) async throws(BFFError)

    /// At most `limit` subjects who own a location.
    func owners(of location: LocationID, limit: Int) async throws(BFFError) -> [Subject]
}

/// An event as Flatpeak sent it, or as it stands in Flatpeak's list.
package struct ReceivedEvent: Equatable, Sendable {
    package let id: EventID
    package let type: String
    /// The event as JSON, to the byte.
    package let body: [UInt8]
    /// SHA-256 of a body that was signed; nil for an event from the list, which is written differently.
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

/// What an event was to the inbox.
package enum Receipt: String, Sendable, CaseIterable {
    case new
    /// It was received before.
    case known
    /// It was received before and said something else then, which counts.
    case altered
}

/// An event that was taken to have its effect.
package struct TakenEvent: Equatable, Sendable {
    package let event: ReceivedEvent
    /// How often it was taken, this time included.
    package let attempts: Int
    /// Until when it is ours.
    package let lease: Date

    package init(_ event: ReceivedEvent, attempts: Int, lease: Date) {
        self.event = event
        self.attempts = attempts
        self.lease = lease
    }
}

/// What comes of an event, besides what is asked of Flatpeak.
package struct EventEffect: Equatable, Sendable {
    /// The user has to do something at a location.
    package var action: LocationAction?
    /// What the integrator's backend hears of it, for the ``Outbox``.
    package var events: [NewEvent]

    package init(action: LocationAction? = nil, events: [NewEvent] = []) {
        self.action = action
        self.events = events
    }
}

/// What the user has to do about a tariff at a location.
package struct LocationAction: Equatable, Sendable {
    package let location: LocationID
    package let required: RequiredAction
    /// The tariff that Flatpeak's event was about; nil when it did not say.
    package let tariff: String?
    /// When Flatpeak's API confirmed it.
    package let since: Date

    package init(location: LocationID, required: RequiredAction, tariff: String?, since: Date) {
        self.location = location
        self.required = required
        self.tariff = tariff
        self.since = since
    }
}

/// Something that only the user can mend.
package enum RequiredAction: String, Sendable, CaseIterable {
    /// Connect the tariff again: it expired, or its provider does not let Flatpeak read it any more.
    case reconnect
}
