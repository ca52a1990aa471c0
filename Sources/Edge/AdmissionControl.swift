import NIOCore
import NIOPosix
package import Resilience
import Synchronization

/// How many requests are in flight, over all connections, and which ones wait for a slot.
package final class AdmissionControl: Sendable {
    package enum Grant {
        case granted
        case refused
        /// The caller has its share of slots already.
        case shareTaken
    }

    private let queue: Mutex<AdmissionQueue<@Sendable (Grant) -> Void>>

    /// - Parameters:
    ///   - capacity: Requests in flight; a quarter as many may wait.
    ///   - shares: One caller has at most one of so many equal parts of both.
    ///   - timeout: The longest wait.
    package init(_ capacity: Int, shares: Int = 1, timeout: Duration) {
        queue = Mutex(
            AdmissionQueue(capacity: capacity, length: (capacity + 3) / 4, shares: shares, timeout: timeout))
    }

    package var load: (inFlight: Int, waiting: Int) { queue.withLock { ($0.inUse, $0.waiting) } }

    /// Whether a request that arrives now is refused whoever sends it.
    package var isFull: Bool { queue.withLock { $0.isFull } }

    /// Takes a slot if there is one now; each one taken is given back with ``release(_:)``.
    package func tryAcquire() -> Bool { queue.withLock { $0.tryAcquire() } }

    /// Takes a slot, or queues for one.
    /// - Parameter completion: Called exactly once, here or on any other thread.
    func acquire(for caller: CallerKey? = nil, _ completion: @escaping @Sendable (Grant) -> Void) {
        switch queue.withLock({ $0.acquire(completion, of: caller, at: .now) }) {
        case .acquired: completion(.granted)
        case .rejected: completion(.refused)
        case .shareTaken: completion(.shareTaken)
        case .queued(let timer): if let timer { expire(at: timer) }
        }
    }

    /// Takes a slot, waiting for one if need be.
    package func acquire(for caller: CallerKey?) async -> Grant {
        await withCheckedContinuation { continuation in
            acquire(for: caller) { continuation.resume(returning: $0) }
        }
    }

    /// - Parameter caller: Who took the slot.
    package func release(_ caller: CallerKey? = nil) {
        let next = queue.withLock { queue -> (@Sendable (Grant) -> Void)? in
            // Nearly always nothing waits.
            if queue.releaseUnlessQueued(caller) { nil } else { queue.release(caller) }
        }
        next?(.granted)
    }

    private func expire(at time: ContinuousClock.Instant) {
        let wait = TimeAmount(ContinuousClock.now.duration(to: time))
        _ = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: wait) { self.expire() }
    }

    private func expire() {
        let expiry = queue.withLock { $0.expire(at: .now) }
        for completion in expiry.rejected { completion(.refused) }
        if let timer = expiry.timer { expire(at: timer) }
    }
}
