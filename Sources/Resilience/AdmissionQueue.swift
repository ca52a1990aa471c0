/// Bounds the requests in flight, and queues some for a slot: the oldest gets the next one.
///
/// The queue is for bursts. Once a wait has timed out, new requests are rejected at once until a slot is free again: a
/// wait would only delay the same answer. No caller has more than its share of the slots, nor of the queue.
package struct AdmissionQueue<Waiter> {
    private struct Waiting {
        let waiter: Waiter
        let caller: CallerKey?
        let until: ContinuousClock.Instant
    }

    private var slots: Bulkhead
    private let length: Int
    private let lengthShare: Int
    private let timeout: Duration
    /// The oldest first, which is also the order of their timeouts.
    private var queue: [Waiting] = []
    /// The length of the queue; counted, since every request reads it and the count of a generic array is slow.
    package private(set) var waiting = 0
    private var hasTimedOut = false
    private var isTimed = false

    package enum Admission: Equatable {
        case acquired
        /// - Parameter timer: When to call ``expire(at:)``; `nil` when a timer is set already.
        case queued(timer: ContinuousClock.Instant?)
        case rejected
        /// The caller has its share already.
        case shareTaken
    }

    package struct Expiry {
        /// The waiters that timed out.
        package let rejected: [Waiter]
        /// When to call ``expire(at:)`` again; `nil` when the queue is empty.
        package let timer: ContinuousClock.Instant?
    }

    /// - Parameters:
    ///   - capacity: Requests in flight.
    ///   - length: Requests that may wait.
    ///   - shares: The number of equal shares of slots and queue; one caller has at most one share.
    ///   - timeout: The longest wait.
    package init(capacity: Int, length: Int, shares: Int = 1, timeout: Duration) {
        slots = Bulkhead(limit: capacity, share: Self.part(of: capacity, shares))
        self.length = length
        lengthShare = Self.part(of: length, shares)
        self.timeout = timeout
    }

    private static func part(of count: Int, _ shares: Int) -> Int { max(1, (count + shares - 1) / shares) }

    package var inUse: Int { slots.inUse }

    /// Whether a request of any caller would be rejected now.
    package var isFull: Bool { slots.inUse >= slots.limit && (hasTimedOut || queue.count >= length) }

    /// Acquires a slot if one is free; each one is given back with ``release(_:)``.
    ///
    /// No slot is free while a request is queued: a released one goes to the queue.
    package mutating func tryAcquire() -> Bool { slots.tryAcquire() == .acquired }

    /// Acquires a slot, or queues for one.
    package mutating func acquire(
        _ waiter: Waiter, of caller: CallerKey? = nil, at now: ContinuousClock.Instant
    ) -> Admission {
        switch slots.tryAcquire(caller) {
        case .acquired: return .acquired
        case .shareTaken: return .shareTaken
        case .full: break
        }
        guard !hasTimedOut, queue.count < length else { return .rejected }
        guard caller == nil || queue.count(where: { $0.caller == caller }) < lengthShare else { return .shareTaken }
        let until = now + timeout
        queue.append(Waiting(waiter: waiter, caller: caller, until: until))
        waiting += 1
        guard !isTimed else { return .queued(timer: nil) }
        isTimed = true
        return .queued(timer: until)
    }

    /// Gives a slot back, or hands it to the next waiter.
    /// - Returns: The waiter that has the slot now.
    package mutating func release(_ caller: CallerKey? = nil) -> Waiter? {
        if releaseUnlessQueued(caller) { return nil }
        slots.release(caller)
        // A caller may have acquired its share for other requests while this one was queued.
        for index in queue.indices where slots.tryAcquire(queue[index].caller) == .acquired {
            waiting -= 1
            return queue.remove(at: index).waiter
        }
        return nil
    }

    /// Gives a slot back unless a request is queued for it; cheaper than ``release(_:)``.
    /// - Returns: Whether the slot is given back; if not, ``release(_:)`` hands it on.
    package mutating func releaseUnlessQueued(_ caller: CallerKey? = nil) -> Bool {
        guard waiting == 0 else { return false }
        hasTimedOut = false
        slots.release(caller)
        return true
    }

    /// Ends the waits that have timed out.
    package mutating func expire(at now: ContinuousClock.Instant) -> Expiry {
        let rejected = queue.prefix { $0.until <= now }.map(\.waiter)
        queue.removeFirst(rejected.count)
        waiting = queue.count
        if !rejected.isEmpty { hasTimedOut = true }
        isTimed = !queue.isEmpty
        return Expiry(rejected: rejected, timer: queue.first?.until)
    }
}
