import Core
package import Flatpeak
package import FoundationEssentials
package import Logging
import Metrics
import Resilience
package import Sessions
import Synchronization

/// Delivers what is in the outbox to the integrator's backend: the driver of ``DeliveryPace`` and ``DeliveryAnswer``.
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
    }

    /// How an operator finds the deliveries.
    package struct Standing: Sendable {
        /// Whether there is somebody to deliver to.
        package let hasReceiver: Bool
        /// Whether the receiver takes nothing and is asked now and then only.
        package let isSlowed: Bool
        /// As last counted; nil before that.
        package let counts: EventCounts?
    }

    private struct State {
        var pace = DeliveryPace()
        /// What the store has still to hear.
        var unsettled: [Delivery] = []
        var counts: EventCounts?
        var alarm = OncePer(.seconds(60))
    }

    /// How often it is looked what is due, and counted what there is.
    private static let interval = Duration.seconds(1)
    private static let countInterval = Duration.seconds(15)
    /// How long events that were taken are nobody else's, in seconds: longer than a delivery may take.
    private static let lease: TimeInterval = 30

    private let outbox: any Outbox
    private let receiver: Receiver?
    private let now: @Sendable () -> Date
    private let time: UpstreamTime
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameters:
    ///   - receiver: Nil when there is none: events are kept and counted.
    ///   - now: The wall clock, by which events are due and tries are signed.
    ///   - time: A monotonic clock, for waits.
    package init(
        outbox: any Outbox, receiver: Receiver?, now: @escaping @Sendable () -> Date, time: UpstreamTime = .real,
        logger: Logger
    ) {
        self.outbox = outbox
        self.receiver = receiver
        self.now = now
        self.time = time
        self.logger = logger
    }

    package var standing: Standing {
        state.withLock {
            Standing(hasReceiver: receiver != nil, isSlowed: $0.pace.isSlowed, counts: $0.counts)
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

    /// Tells the store what it has still to hear, once everything else has ended.
    package func finish() async {
        _ = await settle([])
    }

    /// Delivers what is due, as far as the receiver takes it.
    /// - Returns: How long there is nothing to do.
    func turn(_ receiver: Receiver) async -> Duration {
        // What was delivered and is not settled would be taken again.
        guard await settle([]) else { return Self.interval }
        switch state.withLock({ $0.pace.permit(at: time.now()) }) {
        case .wait(let wait): return wait
        case .take(let limit):
            let moment = now()
            let taken = try? await outbox.take(dueAt: moment, leasedUntil: moment + Self.lease, limit: limit)
            guard let taken, !taken.isEmpty else {
                state.withLock { $0.pace.tookNone(at: time.now()) }
                return Self.interval
            }
            _ = await settle(await deliver(taken, to: receiver))
            return .zero
        }
    }

    private func deliver(_ events: [OutgoingEvent], to receiver: Receiver) async -> [Delivery] {
        await withTaskGroup(of: Delivery?.self) { group in
            for event in events { group.addTask { [self] in await deliver(event, to: receiver) } }
            return await group.reduce(into: []) { deliveries, delivery in
                if let delivery { deliveries.append(delivery) }
            }
        }
    }

    /// Makes one try; nil when the process ends meanwhile: whether it was delivered is not known, and so it is again.
    private func deliver(_ event: OutgoingEvent, to receiver: Receiver) async -> Delivery? {
        let answer: DeliveryAnswer
        if let message = try? event.message {
            let headers = receiver.signer.headers(
                id: event.event.id.text, seconds: Int(saturating: now().timeIntervalSince1970), body: message)
            do throws(TransportFailure) {
                let (status, retryAfter) = try await receiver.post(
                    message, [("content-type", "application/json"), ("user-agent", "connect-bff")] + headers)
                answer = .status(status, retryAfter: retryAfter)
            } catch {
                guard error != .cancelled, !Task.isCancelled else { return nil }
                answer = .none(error)
            }
        } else {
            answer = .none(.unreadable)
        }
        state.withLock { $0.pace.answered(answer, at: time.now(), jitter: time.jitter()) }
        let delivery = Delivery(
            of: event, answer.result(of: event, at: now(), jitter: time.jitter()), answer: answer.text)
        tell(delivery, of: event)
        return delivery
    }

    private func tell(_ delivery: Delivery, of event: OutgoingEvent) {
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

    /// - Returns: Whether the store has heard all there is.
    private func settle(_ deliveries: [Delivery]) async -> Bool {
        let all = state.withLock { state in
            state.unsettled += deliveries
            return state.unsettled
        }
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
