/// Lets something through once in a while, such as an alarm that would otherwise come with every request.
package struct OncePer: Sendable {
    private let interval: Duration
    private var last: ContinuousClock.Instant?

    package init(_ interval: Duration) {
        self.interval = interval
    }

    package mutating func isDue(at now: ContinuousClock.Instant) -> Bool {
        if let last, last.duration(to: now) < interval { return false }
        last = now
        return true
    }
}
