/// Lets at most one event through in an interval, such as an alarm that would otherwise come with every request.
package struct Throttle: Sendable {
    private let interval: Duration
    private var last: ContinuousClock.Instant?

    package init(interval: Duration) {
        self.interval = interval
    }

    /// Whether the interval since the last event that was let through is over; if so, this event is let through.
    package mutating func isDue(at now: ContinuousClock.Instant) -> Bool {
        if let last, last.duration(to: now) < interval { return false }
        last = now
        return true
    }
}
