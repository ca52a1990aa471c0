import Core
import Flatpeak
import FoundationEssentials
import Logging
import Networking
import Resilience
import Sessions
import Synchronization

/// Processes each event of the inbox once, and retries until that succeeds.
///
/// An event only says what to query: state is read from Flatpeak, so that events may come late, twice or in any order.
final class EventProcessor: Sendable {
    /// Events processed at once: few, so that users' calls to Flatpeak find free slots.
    private static let batch = 4
    /// How long one may take, and how long those claimed are leased, in seconds: what a process leaves that is
    /// killed waits no longer.
    private static let timeout = Duration.seconds(15)
    private static let lease: TimeInterval = 20
    private static let interval = Duration.seconds(1)
    private static let longestWait: TimeInterval = 3600
    /// An event that Flatpeak itself has no good answer to is given up after so many tries; one that cannot be asked
    /// about, never.
    private static let senselessTries = 8
    private static let cleanUpInterval = Duration.seconds(3600)
    /// How long ids are kept: longer than Flatpeak's list goes back, so that a repeated event is never taken for a new
    /// one.
    static let memory: TimeInterval = 100 * 86400

    private let sessions: Sessions
    private let reads: LocationReads
    private let inbox: any Inbox & LocationStore
    private let now: @Sendable () -> Date
    private let time: ServiceClock
    private let clock: any Clock<Duration>
    private let record: WebhookRecord
    private let logger: Logger
    private let wakeUps = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    init(
        sessions: Sessions, reads: LocationReads, inbox: any Inbox & LocationStore, now: @escaping @Sendable () -> Date,
        time: ServiceClock, clock: any Clock<Duration>, record: WebhookRecord, logger: Logger
    ) {
        self.sessions = sessions
        self.reads = reads
        self.inbox = inbox
        self.now = now
        self.time = time
        self.clock = clock
        self.record = record
        self.logger = logger
    }

    /// Wakes the processor for a new event in the inbox.
    func nudge() {
        wakeUps.continuation.yield()
    }

    func run() async {
        await withTaskGroup { group in
            group.addTask { [self] in
                for await _ in wakeUps.stream { while await work() == Self.batch, !Task.isCancelled {} }
            }
            // What another process left, and what is to be tried again.
            group.addTask { [self] in await every(Self.interval) { nudge() } }
            group.addTask { [self] in
                await every(Self.cleanUpInterval) { try? await inbox.removeReceived(before: now() - Self.memory) }
            }
        }
    }

    private func every(_ interval: Duration, _ work: () async -> Void) async {
        while !Task.isCancelled {
            await work()
            guard (try? await time.sleep(interval)) != nil else { return }
        }
    }

    /// Leases due events and processes them.
    /// - Returns: How many were due.
    func work() async -> Int {
        let instant = now()
        let taken = try? await inbox.takeReceived(
            dueAt: instant, leasedUntil: instant + Self.lease, limit: Self.batch)
        guard let taken, !taken.isEmpty else { return 0 }
        await withTaskGroup(of: Void.self) { group in
            for event in taken { group.addTask { [self] in await end(event) } }
        }
        if let waiting = try? await inbox.waiting() { record.waiting(waiting.count, since: waiting.since) }
        return taken.count
    }

    private func end(_ taken: TakenEvent) async {
        do throws(BFFError) {
            let effect = try await boundedEffect(of: taken.event)
            _ = try await inbox.settle(taken.event.id, effect)
        } catch {
            record.failed()
            logger.log(
                level: taken.attempts == 1 ? .info : .warning, "an event could not have its effect yet",
                metadata: [
                    "bff.event": "\(taken.event.id)", "bff.code": "\(error.code)", "bff.attempts": "\(taken.attempts)",
                ])
            if error.isFlatpeaksAnswer, taken.attempts >= Self.senselessTries {
                logger.error("an event is given up", metadata: ["bff.event": "\(taken.event.id)"])
                // It may show what is not confirmed: nothing is known of it.
                let isWithheld = sessions.settings.confirmation != .off
                let events = isWithheld ? [] : [Self.passedOn(taken.event, subject: nil)]
                _ = try? await inbox.settle(taken.event.id, EventEffect(events: events))
                return
            }
            let wait = min(Self.longestWait, Double(1 << min(taken.attempts &- 1, 12)))
            try? await inbox.postpone(taken, until: now() + wait)
        }
    }

    private func boundedEffect(of event: ReceivedEvent) async throws(BFFError) -> EventEffect {
        do {
            return try await withDeadline(Self.timeout, clock: clock) { [self] in
                try await effect(of: event)
            }
        } catch {
            throw error as? BFFError ?? .upstreamTimedOut
        }
    }

    /// Looks where an event points, and says what is to be kept of it.
    ///
    /// Known here or not, it is published to the integrator's backend.
    private func effect(of received: ReceivedEvent) async throws(BFFError) -> EventEffect {
        let event = try FlatpeakEvent(received.body)
        var subject: Subject?
        var update: LocationUpdate?
        var action: LocationAction?
        // Whether the event may show what is not confirmed yet.
        var isWithheld = false
        switch event.type {
        // One page of the documents spells it the second way, and another one misspells the third (upstream.md §5.1).
        case "connect_session.complete", "connect.session.complete":
            if let token = event.object.flatMap({ ConnectToken($0) }) {
                let session = try await sessions.outcomes.handleCompletion(of: token)
                subject = session?.subject
                // An unknown one may be too new to be in the store.
                isWithheld = session.map { !$0.isConfirmed } ?? (sessions.settings.confirmation != .off)
            }
            if subject == nil { record.knewNothing() }
        case let type where type.hasBytePrefix("tariff.") || type == "location.update" || type == "locaiton.update":
            let owners: [Subject]
            if let location = event.location {
                owners = try await inbox.owners(of: location, limit: 2)
            } else {
                owners = []
            }
            guard let location = event.location, let owner = owners.first else {
                record.knewNothing()
                // It may be that of a session whose owner has not confirmed it.
                isWithheld = sessions.settings.confirmation != .off
                break
            }
            // What is several people's is forgotten with none of them.
            subject = owners.count == 1 ? owner : nil
            let announced = RequiredAction(announcedBy: event.type)
            if let announced {
                action = try await confirmed(announced, at: location, of: owner, event)
            } else {
                try await reads.handleChange(at: location, of: owner)
            }
            // A contract that ends soon, or could be read in a better way, has the prices that it had.
            if announced.map({ $0 == .reconnect }) ?? true { update = LocationUpdate(location, at: now()) }
            isWithheld = try await inbox.ownedLocation(location, of: owner)?.isHeld ?? true
        default: break
        }
        if isWithheld { return EventEffect(action: action) }
        var events = [Self.passedOn(received, subject: subject)]
        if let update, let event = Self.updateEvent(update, by: received.id, subject: subject) { events.append(event) }
        if let action, let event = Self.actionEvent(action, by: received.id, subject: subject) { events.append(event) }
        return EventEffect(update: update, action: action, events: events)
    }

    /// Drops what was read of a location, and asks whether its user has to do what the event says.
    private func confirmed(
        _ announced: RequiredAction, at location: LocationID, of owner: Subject, _ event: FlatpeakEvent
    ) async throws(BFFError) -> LocationAction? {
        let (status, queriedAt) = try await reads.refreshStatus(of: location, for: CallerKey(owner))
        guard status.stillRequires(announced, of: event.tariff) else { return nil }
        if announced != .reconnect, try await inbox.actions(at: [location])[location]?.required == .reconnect {
            return nil
        }
        return LocationAction(location: location, required: announced, tariff: event.tariff, since: queriedAt)
    }

    // MARK: - For the integrator's backend

    /// Flatpeak's event as it came, under its own id.
    private static func passedOn(_ event: ReceivedEvent, subject: Subject?) -> NewEvent {
        NewEvent(
            id: event.id, type: "flatpeak.\(event.type)", subject: subject, at: event.receivedAt, data: event.body)
    }

    /// That prices at a location may differ; its id follows from the event's, so that it is put once.
    private static func updateEvent(_ update: LocationUpdate, by event: EventID, subject: Subject?) -> NewEvent? {
        let data = NotifiedUpdate(location_id: update.location.text, subject: subject?.text)
        guard let id = EventID("\(event.text.prefix(56))_updated"), let json = try? JSONBody.encode(data) else {
            return nil
        }
        return NewEvent(id: id, type: "location.updated", subject: subject, at: update.at, data: json)
    }

    /// That a user has to do something; its id follows from the event's, so that it is put once.
    private static func actionEvent(_ action: LocationAction, by event: EventID, subject: Subject?) -> NewEvent? {
        let data = NotifiedAction(
            location_id: action.location.text, action_required: action.required.rawValue, tariff_id: action.tariff,
            subject: subject?.text)
        guard let id = EventID("\(event.text.prefix(57))_action"), let json = try? JSONBody.encode(data) else {
            return nil
        }
        return NewEvent(
            id: id, type: "tariff.action_required", subject: subject, at: action.since, data: json)
    }
}

/// A location that was updated, as the integrator's backend receives it; the subject is missing when it is several
/// people's.
private struct NotifiedUpdate: Encodable {
    let location_id: String
    let subject: String?
}

/// What the user has to do, as the integrator's backend receives it; the subject is missing when it is several people's.
private struct NotifiedAction: Encodable {
    let location_id: String
    let action_required: String
    let tariff_id: String?
    let subject: String?
}

extension RequiredAction {
    /// The action that an event of Flatpeak's says to be required (upstream.md §5.1); `nil` for any other event.
    fileprivate init?(announcedBy type: String) {
        switch type {
        case "tariff.expired", "tariff.fetch.failed": self = .reconnect
        case "tariff.connection.upgrade": self = .upgrade
        case "tariff.expiring": self = .renew
        default: return nil
        }
    }
}

extension BFFError {
    /// Whether Flatpeak was asked and had no good answer, as against not being there.
    fileprivate var isFlatpeaksAnswer: Bool {
        switch self {
        case .notFound, .upstreamRefused, .upstreamInvalidAnswer, .malformedJSON: true
        default: false
        }
    }
}
