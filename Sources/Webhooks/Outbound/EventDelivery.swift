import Core
import Flatpeak
package import FoundationEssentials
package import Logging
import Metrics
package import Networking
import Resilience
package import Sessions
import Synchronization

/// Delivers what is in the outbox to the integrator's backend: the driver of ``DeliverySchedule`` and ``DeliveryAnswer``.
package final class EventDelivery: Sendable {
    /// Where events go.
    package struct Receiver: Sendable {
        package typealias Post =
            @Sendable (_ body: [UInt8], _ headers: [(name: String, value: String)]) async throws(TransportFailure) -> (
                status: Int, retryAfter: Int?
            )
        package let signer: EventSigner
        let post: Post

        /// - Parameter post: Sends one event and says what was answered, `Retry-After` in seconds; within ``timeLimit``.
        package init(signer: EventSigner, post: @escaping Post) {
            self.signer = signer
            self.post = post
        }

        /// How long a receiver may take for one event.
        package static let timeLimit = Duration.seconds(15)
        /// Connections to it at once.
        package static let connections = DeliverySchedule.widest
    }

    /// The status of the deliveries, for operators.
    package struct Status: Sendable {
        /// Whether events are delivered at all.
        package let hasReceiver: Bool
        /// Whether the receiver accepts nothing, and is tried rarely.
        package let isSlowed: Bool
        /// As last counted; nil before that.
        package let counts: EventCounts?
    }

    private struct State {
        var pace = DeliverySchedule()
        /// Events that the receiver has not answered yet.
        var inFlight: [EventID: NewEvent] = [:]
        /// Results that the store does not have yet.
        var unsettled: [Delivery] = []
        var counts: EventCounts?
        var alarm = Throttle(interval: .seconds(60))
    }

    /// How often it is looked what is due, and counted what there is.
    private static let interval = Duration.seconds(1)
    private static let countInterval = Duration.seconds(15)
    /// How long claimed events are leased, in seconds: longer than a delivery may take.
    private static let lease: TimeInterval = 30

    private let outbox: any Outbox
    private let receiver: Receiver?
    private let now: @Sendable () -> Date
    private let time: ServiceClock
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameters:
    ///   - receiver: Nil when there is none: events are kept and counted.
    ///   - now: The wall clock, by which events are due and tries are signed.
    ///   - time: A monotonic clock, for waits.
    package init(
        outbox: any Outbox, receiver: Receiver?, now: @escaping @Sendable () -> Date, time: ServiceClock = .real,
        logger: Logger
    ) {
        self.outbox = outbox
        self.receiver = receiver
        self.now = now
        self.time = time
        self.logger = logger
    }

    package var status: Status {
        state.withLock {
            Status(hasReceiver: receiver != nil, isSlowed: $0.pace.isSlowed, counts: $0.counts)
        }
    }

    /// Delivers and counts until cancelled.
    package func run() async {
        await withTaskGroup { group in
            group.addTask { [self] in
                repeat { await count() } while (try? await time.sleep(Self.countInterval)) != nil
            }
            guard let receiver else { return }
            group.addTask { [self] in
                while !Task.isCancelled {
                    let wait = await turn(receiver)
                    if wait > .zero { try? await time.sleep(wait) }
                }
            }
        }
    }

    /// Writes the deliveries that the store does not have yet, once everything else has ended.
    package func finish() async {
        _ = await settle()
    }

    private enum Wake { case delivered, tick }

    /// Delivers what is due, as far as the receiver takes it, until nothing is under way.
    ///
    /// A sliding window: as soon as a delivery ends, the next event is taken. Deliveries that end while the store writes
    /// are settled together, in its next write.
    /// - Returns: How long there is nothing to do.
    func turn(_ receiver: Receiver) async -> Duration {
        await withTaskGroup(of: Wake.self) { group in
            var isTicking = false
            while true {
                let (events, wait, isAway) = await take()
                for event in events {
                    group.addTask { [self] in
                        await deliver(event, to: receiver)
                        return .delivered
                    }
                }
                let (isIdle, isSettled) = state.withLock { ($0.inFlight.isEmpty, $0.unsettled.isEmpty) }
                if isIdle, isSettled || isAway {
                    group.cancelAll()
                    return wait
                }
                if isIdle { continue }
                // What becomes due meanwhile does not wait for a slow answer. By real time: it is no event's.
                if !isTicking {
                    group.addTask {
                        try? await Task.sleep(for: Self.interval)
                        return .tick
                    }
                    isTicking = true
                }
                while let wake = await group.next() {
                    if wake == .tick { isTicking = false }
                    if wake == .tick || state.withLock({ !$0.unsettled.isEmpty || $0.inFlight.isEmpty }) { break }
                }
            }
        }
    }

    /// Settles what was delivered, and takes as many events as there is room for.
    /// - Returns: The events, or how long there is nothing to take, and whether the store could not settle.
    private func take() async -> (events: [OutgoingEvent], wait: Duration, isAway: Bool) {
        // What was delivered and is not settled would be taken again.
        guard await settle() else { return ([], Self.interval, true) }
        guard !Task.isCancelled else { return ([], Self.interval, false) }
        let permit = state.withLock { $0.pace.permit(at: time.now(), inFlight: $0.inFlight.count) }
        switch permit {
        case .wait(let wait): return ([], wait, false)
        case .take(0): return ([], Self.interval, false)
        case .take(let limit):
            let instant = now(), subjects = state.withLock { $0.inFlight.values.compactMap(\.subject) }
            let taken = try? await outbox.take(
                dueAt: instant, leasedUntil: instant + Self.lease, limit: limit, besides: subjects)
            guard let taken, !taken.isEmpty else {
                state.withLock { $0.pace.tookNone(at: time.now()) }
                return ([], Self.interval, false)
            }
            state.withLock { state in for event in taken { state.inFlight[event.event.id] = event.event } }
            return (taken, .zero, false)
        }
    }

    /// Makes one try.
    private func deliver(_ event: OutgoingEvent, to receiver: Receiver) async {
        let delivery = await tried(event, at: receiver)
        state.withLock { state in
            state.inFlight[event.event.id] = nil
            if let delivery { state.unsettled.append(delivery) }
        }
    }

    /// - Returns: What became of a try; nil when the process ends meanwhile: whether it was delivered is not known, and so
    ///   it is again.
    private func tried(_ event: OutgoingEvent, at receiver: Receiver) async -> Delivery? {
        guard let message = try? event.message else {
            // It will never be one.
            let delivery = Delivery(of: event, .dead, answer: "unwritable")
            record(delivery, of: event)
            return delivery
        }
        let answer: DeliveryAnswer
        let headers = receiver.signer.headers(
            id: event.event.id.text, seconds: Int(saturating: now().timeIntervalSince1970), body: message)
        do throws(TransportFailure) {
            let (status, retryAfter) = try await receiver.post(
                message, [("content-type", "application/json")] + headers)
            answer = .status(status, retryAfter: retryAfter)
        } catch {
            guard error != .cancelled, !Task.isCancelled else { return nil }
            answer = .none(error)
        }
        let key = event.event.subject?.text ?? event.event.session?.text ?? event.event.id.text
        state.withLock { $0.pace.answered(answer, to: key, at: time.now(), jitter: time.jitter()) }
        let delivery = Delivery(
            of: event, answer.result(of: event, at: now(), jitter: time.jitter()), answer: answer.text)
        record(delivery, of: event)
        return delivery
    }

    private func record(_ delivery: Delivery, of event: OutgoingEvent) {
        let result: String
        let metadata: Logger.Metadata = [
            "bff.event": "\(event.event.id)", "bff.answer": "\(delivery.answer)",
            "bff.attempts": "\(event.attempts &+ 1)",
        ]
        switch delivery.result {
        case .delivered: result = "delivered"
        case .failed:
            result = "failed"
            let isAlarm = state.withLock { $0.alarm.isDue(at: time.now()) }
            logger.log(
                level: isAlarm ? .warning : .debug, "an event was not delivered and is tried again",
                metadata: metadata)
        case .dead:
            result = "dead"
            logger.error("an event was given up; connect-bff events replay delivers it again", metadata: metadata)
        }
        Counter(label: "connect_bff_event_deliveries_total", dimensions: [("result", result)]).increment()
    }

    /// - Returns: Whether the store has all there was.
    private func settle() async -> Bool {
        let all = state.withLock(\.unsettled)
        guard !all.isEmpty else { return true }
        guard (try? await outbox.settle(all)) != nil else { return false }
        state.withLock { $0.unsettled.removeFirst(all.count) }
        return true
    }

    private func count() async {
        guard let counts = try? await outbox.eventCounts() else { return }
        state.withLock { $0.counts = counts }
        Gauge(label: "connect_bff_events_pending").record(counts.pending)
        Gauge(label: "connect_bff_events_dead").record(counts.dead)
    }
}
