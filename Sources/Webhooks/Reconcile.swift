import Core
import Flatpeak
import FoundationEssentials
import Logging
import Sessions

/// Finds in Flatpeak's list of events what no delivery told: at the start, and once an hour.
///
/// What is found goes into the same inbox, which knows what it has. The driver of ``EventWalk``.
final class Reconcile: Sendable {
    private static let interval = Duration.seconds(3600)
    /// Until the list is asked for again when it could not be read to the end.
    private static let pause = Duration.seconds(60)
    private static let page = 100

    private let flatpeak: FlatpeakClient
    private let inbox: any Inbox
    private let now: @Sendable () -> Date
    private let time: UpstreamTime
    private let record: WebhookRecord
    private let logger: Logger
    private let found: @Sendable () -> Void

    /// - Parameter found: Called when something new is in the inbox.
    init(
        flatpeak: FlatpeakClient, inbox: any Inbox, now: @escaping @Sendable () -> Date, time: UpstreamTime,
        record: WebhookRecord, logger: Logger, found: @escaping @Sendable () -> Void
    ) {
        self.flatpeak = flatpeak
        self.inbox = inbox
        self.now = now
        self.time = time
        self.record = record
        self.logger = logger
        self.found = found
    }

    func run() async {
        while !Task.isCancelled {
            var pause = Self.interval
            do throws(BFFError) {
                try await walk()
            } catch {
                logger.warning("Flatpeak's events cannot be listed now", metadata: ["bff.code": "\(error.code)"])
                pause = Self.pause
            }
            guard (try? await time.sleep(pause)) != nil else { return }
        }
    }

    /// Reads the list from the newest, or from where it stopped, down to what was read before.
    func walk() async throws(BFFError) {
        var walk = try await kept()
        var isDone = false
        while !isDone {
            let page: EventPage
            do throws(BFFError) {
                page = try await flatpeak.events(after: walk.cursor, limit: Self.page)
            } catch .upstreamRefused where walk.cursor != nil {
                walk.restart()
                continue
            }
            let moment = now()
            let events = page.events.compactMap { event in
                event.id.map {
                    ReceivedEvent(id: $0, type: event.type, body: event.body, digest: nil, receivedAt: moment)
                }
            }
            // Oldest first, as they happened.
            let receipts = try await inbox.receive(events.reversed())
            let gaps = receipts.count { $0 == .new }
            if gaps > 0 {
                record.foundGaps(gaps)
                logger.notice("events were found that no delivery told of", metadata: ["bff.count": "\(gaps)"])
                found()
            }
            isDone = walk.read(
                page.events.map { .init(id: $0.id, createdAt: $0.createdAt) }, hasMore: page.hasMore, at: moment)
            try await keep(walk)
        }
        record.reconciled(at: now())
    }

    private func kept() async throws(BFFError) -> EventWalk {
        if let text = try await inbox.bookmark(),
            let walk = try? JSONDecoder().decode(EventWalk.self, from: Data(text.utf8))
        {
            return walk
        }
        let walk = EventWalk(at: now())
        try await keep(walk)
        return walk
    }

    private func keep(_ walk: EventWalk) async throws(BFFError) {
        guard let text = try? JSONEncoder().encode(walk) else { throw .internalFailure }
        try await inbox.keep(bookmark: String(decoding: text, as: UTF8.self))
    }
}
