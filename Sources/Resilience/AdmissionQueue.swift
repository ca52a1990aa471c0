/// Bounds how many requests are in flight, and queues some for a slot: the oldest gets the next one.
///
/// The queue is for bursts. Once a wait has timed out, new requests are refused at once until a slot is free again: the
/// wait would only delay the same answer. No caller has more than its share of slots, nor of the queue.
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
    /// The oldest first, so they also time out in this order.
    private var line: [Waiting] = []
    /// Counted, since a line of generic waiters takes long to look at, and every request asks.
    package private(set) var waiting = 0
    private var hasTimedOut = false
    private var isTimed = false

    package enum Arrival: Equatable {
        case entered
        /// - Parameter timer: When to call ``expire(at:)``; nil when a call is to come anyway.
        case waits(timer: ContinuousClock.Instant?)
        case refused
        /// The caller has its share already.
        case shareTaken
    }

    package struct Expiry {
        package let refused: [Waiter]
        /// When to call ``expire(at:)`` again; nil when nothing waits.
        package let timer: ContinuousClock.Instant?
    }

    /// - Parameters:
    ///   - capacity: Requests in flight.
    ///   - length: Requests that may wait.
    ///   - shares: One caller has at most one of so many equal parts of slots and queue.
    ///   - timeout: The longest wait.
    package init(capacity: Int, length: Int, shares: Int = 1, timeout: Duration) {
        slots = Bulkhead(limit: capacity, share: Self.part(of: capacity, shares))
        self.length = length
        lengthShare = Self.part(of: length, shares)
        self.timeout = timeout
    }

    private static func part(of count: Int, _ shares: Int) -> Int { max(1, (count + shares - 1) / shares) }

    package var underWay: Int { slots.underWay }

    /// Whether a request that arrives now is refused whoever sends it.
    package var isFull: Bool { slots.underWay >= slots.limit && (hasTimedOut || line.count >= length) }

    /// Takes a slot if there is one now; each one taken is given back with ``leave(_:)``.
    ///
    /// While a request waits there is none: a slot that is given back goes to it.
    package mutating func enter() -> Bool { slots.enter() == .entered }

    /// Takes a slot, or waits for one.
    package mutating func arrive(
        _ waiter: Waiter, of caller: CallerKey? = nil, at now: ContinuousClock.Instant
    ) -> Arrival {
        switch slots.enter(caller) {
        case .entered: return .entered
        case .shareTaken: return .shareTaken
        case .full: break
        }
        guard !hasTimedOut, line.count < length else { return .refused }
        guard caller == nil || line.count(where: { $0.caller == caller }) < lengthShare else { return .shareTaken }
        let until = now + timeout
        line.append(Waiting(waiter: waiter, caller: caller, until: until))
        waiting += 1
        guard !isTimed else { return .waits(timer: nil) }
        isTimed = true
        return .waits(timer: until)
    }

    /// Gives a slot back.
    /// - Returns: Who has it now.
    package mutating func leave(_ caller: CallerKey? = nil) -> Waiter? {
        if leaveUnawaited(caller) { return nil }
        slots.leave(caller)
        // A caller may have taken its share by other requests while this one waited.
        for index in line.indices where slots.enter(line[index].caller) == .entered {
            waiting -= 1
            return line.remove(at: index).waiter
        }
        return nil
    }

    /// Gives a slot back unless a request waits for it, which costs less to find out than which.
    /// - Returns: Whether it is given back; if not, ``leave(_:)`` hands it on.
    package mutating func leaveUnawaited(_ caller: CallerKey? = nil) -> Bool {
        guard waiting == 0 else { return false }
        hasTimedOut = false
        slots.leave(caller)
        return true
    }

    /// Ends the waits that have lasted too long.
    package mutating func expire(at now: ContinuousClock.Instant) -> Expiry {
        let refused = line.prefix { $0.until <= now }.map(\.waiter)
        line.removeFirst(refused.count)
        waiting = line.count
        if !refused.isEmpty { hasTimedOut = true }
        isTimed = !line.isEmpty
        return Expiry(refused: refused, timer: line.first?.until)
    }
}
