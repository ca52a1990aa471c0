import Core
import Flatpeak
import FoundationEssentials
import Logging
import Networking
import Sessions

/// Finds in Flatpeak's list of events what no delivery brought: at the start, and once an hour.
///
/// What is found goes into the same inbox, which knows what it has. The driver of ``EventBackfill``.
final class Reconcile: Sendable {
    private static let interval = Duration.seconds(3600)
    /// Until the list is asked for again when it could not be read to the end.
    private static let pause = Duration.seconds(60)
    private static let page = 100

    private let flatpeak: FlatpeakClient
    private let inbox: any Inbox
    private let now: @Sendable () -> Date
    private let time: ServiceClock
    private let record: WebhookRecord
    private let logger: Logger
    private let found: @Sendable () -> Void

    /// - Parameter found: Called when something new is in the inbox.
    init(
        flatpeak: FlatpeakClient, inbox: any Inbox, now: @escaping @Sendable () -> Date, time: ServiceClock,
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
        var step = EventBackfill.Step.next
        while step == .next {
            if let page = try await page(after: walk.cursor) {
                let instant = now()
                try await receive(page.events, at: instant)
                step = walk.read(
                    page.events.map { .init(id: $0.id, createdAt: $0.createdAt) }, hasMore: page.hasMore, at: instant)
            } else {
                step = walk.refused()
            }
            try await keep(walk)
        }
        if step == .passedOver {
            logger.error("a part of Flatpeak's list of events cannot be read and is left out; ask Flatpeak's support")
            return
        }
        guard step == .done else {
            logger.warning("Flatpeak's list of events could not be read to its end; the next try begins at the newest")
            return
        }
        record.reconciled(at: now())
    }

    /// - Returns: Nil when the list does not know the cursor.
    private func page(after cursor: EventID?) async throws(BFFError) -> EventPage? {
        do throws(BFFError) {
            return try await flatpeak.events(after: cursor, limit: Self.page)
        } catch  where cursor != nil && error.refusesCursor {
            return nil
        }
    }

    private func receive(_ events: [FlatpeakEvent], at instant: Date) async throws(BFFError) {
        let received = events.compactMap { event in
            event.id.map {
                ReceivedEvent(id: $0, type: event.type, body: event.body, digest: nil, receivedAt: instant)
            }
        }
        // Oldest first, as they happened.
        let receipts = try await inbox.receive(received.reversed())
        let gaps = receipts.count { $0 == .new }
        guard gaps > 0 else { return }
        record.foundGaps(gaps)
        logger.notice("events were found that no delivery brought", metadata: ["bff.count": "\(gaps)"])
        found()
    }

    private func kept() async throws(BFFError) -> EventBackfill {
        if let text = try await inbox.bookmark(),
            let walk = try? JSONDecoder().decode(EventBackfill.self, from: Data(text.utf8))
        {
            return walk
        }
        let walk = EventBackfill(at: now())
        try await keep(walk)
        return walk
    }

    private func keep(_ walk: EventBackfill) async throws(BFFError) {
        guard let text = try? JSONEncoder().encode(walk) else { throw .internalFailure }
        try await inbox.keep(bookmark: String(decoding: text, as: UTF8.self))
    }
}

extension BFFError {
    /// Whether an answer to a request with a cursor says that the list does not know it.
    fileprivate var refusesCursor: Bool {
        switch self {
        case .upstreamRefused, .notFound: true
        default: false
        }
    }
}
