/// Bounds how many requests are under way, and lets some wait for a place: the oldest gets the next one.
///
/// The queue is for bursts. Once somebody has waited in vain, whoever comes is refused at once until a place is free
/// again: the wait would only tell them the same thing later.
package struct AdmissionQueue<Waiter> {
    private struct Waiting {
        let waiter: Waiter
        let until: ContinuousClock.Instant
    }

    private var places: Bulkhead
    private let length: Int
    private let patience: Duration
    /// The oldest first, so they also run out of time in this order.
    private var line: [Waiting] = []
    /// Counted, since a line of no matter whom takes long to look at, and every request asks.
    package private(set) var waiting = 0
    private var hasWaitedInVain = false
    private var isTimed = false

    package enum Arrival: Equatable {
        case entered
        /// - Parameter timer: When to call ``expire(at:)``; nil when a call is to come anyway.
        case waits(timer: ContinuousClock.Instant?)
        case refused
    }

    package struct Expiry {
        package let refused: [Waiter]
        /// When to call ``expire(at:)`` again; nil when nobody waits.
        package let timer: ContinuousClock.Instant?
    }

    /// - Parameters:
    ///   - capacity: Requests under way.
    ///   - length: Requests that may wait.
    ///   - patience: The longest wait.
    package init(capacity: Int, length: Int, patience: Duration) {
        places = Bulkhead(limit: capacity)
        self.length = length
        self.patience = patience
    }

    package var underWay: Int { places.underWay }

    /// Takes a place if there is one now; each one taken is given back with ``leave()``.
    ///
    /// While somebody waits there is none: a place that is given back goes to them.
    package mutating func enter() -> Bool { places.enter() }

    /// Takes a place, or waits for one.
    package mutating func arrive(_ waiter: Waiter, at now: ContinuousClock.Instant) -> Arrival {
        if places.enter() { return .entered }
        guard !hasWaitedInVain, line.count < length else { return .refused }
        let until = now + patience
        line.append(Waiting(waiter: waiter, until: until))
        waiting += 1
        guard !isTimed else { return .waits(timer: nil) }
        isTimed = true
        return .waits(timer: until)
    }

    /// Gives a place back.
    /// - Returns: Who has it now.
    package mutating func leave() -> Waiter? {
        if leaveUnawaited() { return nil }
        waiting -= 1
        return line.removeFirst().waiter
    }

    /// Gives a place back unless somebody waits for it, which costs less to find out than who.
    /// - Returns: Whether it is given back; if not, ``leave()`` hands it on.
    package mutating func leaveUnawaited() -> Bool {
        guard waiting == 0 else { return false }
        hasWaitedInVain = false
        places.leave()
        return true
    }

    /// Ends the waits that have lasted too long.
    package mutating func expire(at now: ContinuousClock.Instant) -> Expiry {
        let refused = line.prefix { $0.until <= now }.map(\.waiter)
        line.removeFirst(refused.count)
        waiting = line.count
        if !refused.isEmpty { hasWaitedInVain = true }
        isTimed = !line.isEmpty
        return Expiry(refused: refused, timer: line.first?.until)
    }
}
