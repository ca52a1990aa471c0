import NIOCore
import NIOPosix
import Resilience
import Synchronization

/// How many requests are under way, over all connections, and which ones wait to be.
final class UnderWay: Sendable {
    private let queue: Mutex<AdmissionQueue<@Sendable (Bool) -> Void>>

    /// - Parameters:
    ///   - capacity: Requests under way; a quarter as many may wait.
    ///   - patience: The longest wait.
    init(_ capacity: Int, patience: Duration) {
        queue = Mutex(AdmissionQueue(capacity: capacity, length: (capacity + 3) / 4, patience: patience))
    }

    var load: (underWay: Int, waiting: Int) { queue.withLock { ($0.underWay, $0.waiting) } }

    /// Takes a place if there is one now; each one taken is given back with ``leave()``.
    func enter() -> Bool { queue.withLock { $0.enter() } }

    /// Takes a place, or waits for one.
    /// - Parameter told: Hears once whether it was had; here, or on any other thread.
    func enterInTurn(_ told: @escaping @Sendable (Bool) -> Void) {
        switch queue.withLock({ $0.arrive(told, at: .now) }) {
        case .entered: told(true)
        case .refused: told(false)
        case .waits(let timer): if let timer { expire(at: timer) }
        }
    }

    /// Takes a place, waiting for one if need be; false when none came.
    func enterInTurn() async -> Bool {
        if enter() { return true }
        return await withCheckedContinuation { continuation in enterInTurn { continuation.resume(returning: $0) } }
    }

    func leave() {
        let next = queue.withLock { queue -> (@Sendable (Bool) -> Void)? in
            // Nearly always nobody waits.
            if queue.leaveUnawaited() { nil } else { queue.leave() }
        }
        next?(true)
    }

    private func expire(at time: ContinuousClock.Instant) {
        let wait = TimeAmount(ContinuousClock.now.duration(to: time))
        _ = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: wait) { self.expire() }
    }

    private func expire() {
        let expiry = queue.withLock { $0.expire(at: .now) }
        for told in expiry.refused { told(false) }
        if let timer = expiry.timer { expire(at: timer) }
    }
}
