import Core
import Flatpeak
import FoundationEssentials
import Logging
import Sessions
import Synchronization

/// Lets each event in the inbox have its effect, once, and again until it had it.
///
/// State is fetched, not believed: an event says where to look, so that events may come late, twice or in any order.
final class Effects: Sendable {
    /// Events that are taken at a time, and how many of them are looked into at once: few, so that users find Flatpeak's
    /// places free.
    private static let batch = 16
    private static let atOnce = 4
    /// How long those taken are nobody else's, in seconds: longer than asking about all of them can take.
    private static let lease: TimeInterval = 120
    private static let interval = Duration.seconds(1)
    private static let longestWait: TimeInterval = 3600
    /// An event that Flatpeak itself has no good answer to is given up after so many tries; one that cannot be asked
    /// about, never.
    private static let senselessTries = 8
    private static let cleanUpInterval = Duration.seconds(3600)
    /// Ids are remembered for longer than Flatpeak's list goes back, so that no way of hearing of an event again makes
    /// it a new one.
    static let memory: TimeInterval = 100 * 86400

    private let sessions: Sessions
    private let reads: LocationReads
    private let inbox: any Inbox
    private let now: @Sendable () -> Date
    private let time: UpstreamTime
    private let record: WebhookRecord
    private let logger: Logger
    private let news = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    init(
        sessions: Sessions, reads: LocationReads, inbox: any Inbox, now: @escaping @Sendable () -> Date,
        time: UpstreamTime, record: WebhookRecord, logger: Logger
    ) {
        self.sessions = sessions
        self.reads = reads
        self.inbox = inbox
        self.now = now
        self.time = time
        self.record = record
        self.logger = logger
    }

    /// There is something new in the inbox.
    func nudge() {
        news.continuation.yield()
    }

    func run() async {
        await withTaskGroup { group in
            group.addTask { [self] in
                for await _ in news.stream { while await work() == Self.batch, !Task.isCancelled {} }
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

    /// Takes some events and lets them have their effect.
    /// - Returns: How many were due.
    func work() async -> Int {
        let moment = now()
        let taken = try? await inbox.takeReceived(
            dueAt: moment, leasedUntil: moment + Self.lease, limit: Self.batch)
        guard let taken, !taken.isEmpty else { return 0 }
        await withTaskGroup(of: Void.self) { group in
            for (index, event) in taken.enumerated() {
                if index >= Self.atOnce { await group.next() }
                group.addTask { [self] in await end(event) }
            }
        }
        if let waiting = try? await inbox.waiting() { record.waiting(waiting.count, since: waiting.since) }
        return taken.count
    }

    private func end(_ taken: TakenEvent) async {
        do throws(BFFError) {
            let effect = try await effect(of: FlatpeakEvent(taken.event.body))
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
                _ = try? await inbox.settle(taken.event.id, EventEffect())
                return
            }
            let wait = min(Self.longestWait, Double(1 << min(taken.attempts - 1, 12)))
            try? await inbox.postpone(taken, until: now() + wait)
        }
    }

    /// Looks where an event points, and says what is to be kept of it.
    private func effect(of event: FlatpeakEvent) async throws(BFFError) -> EventEffect {
        var effect = EventEffect()
        switch event.type {
        // One page of the documents spells it the second way, and another one misspells the third (upstream.md §5.1).
        case "connect_session.complete", "connect.session.complete":
            guard let token = event.object.flatMap({ ConnectToken($0) }),
                try await sessions.completed(token) != nil
            else {
                record.knewNothing()
                break
            }
        case let type where type.hasPrefix("tariff.") || type == "location.update" || type == "locaiton.update":
            guard let location = event.location, try await !inbox.owners(of: location, limit: 1).isEmpty else {
                record.knewNothing()
                break
            }
            effect.action = try await action(at: location, of: event)
        default:
            // Kept and passed on.
            break
        }
        return effect
    }

    /// Drops what was read of a location, and asks whether its user has to do something where the event may say so.
    private func action(
        at location: LocationID, of event: FlatpeakEvent
    ) async throws(BFFError) -> LocationAction? {
        guard event.type == "tariff.expired" || event.type == "tariff.fetch.failed" else {
            try await reads.changed(at: location)
            return nil
        }
        let (status, askedAt) = try await reads.look(at: location)
        guard status.needsReconnection(of: event.tariff) else { return nil }
        return LocationAction(location: location, required: .reconnect, tariff: event.tariff, since: askedAt)
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
