/// How often something is tried and how long each wait may be: full jitter, so that a crowd that failed together does
/// not come back together.
package struct RetrySchedule: Sendable {
    /// Tries in all, the first included.
    package var attempts: Int
    package var base: Duration
    package var cap: Duration

    package init(attempts: Int, base: Duration, cap: Duration) {
        self.attempts = attempts
        self.base = base
        self.cap = cap
    }

    /// How long to wait after `attempt` failed; nil when it was the last one.
    ///
    /// - Parameters:
    ///   - attempt: 1 for the first.
    ///   - jitter: From 0 up to, not including, 1.
    package func wait(after attempt: Int, jitter: Double) -> Duration? {
        guard attempt < attempts else { return nil }
        return min(cap, base * (1 << min(attempt - 1, 20))) * jitter
    }
}

/// Waits that double from one failure to the next, for something that is asked on its own account.
package struct Backoff: Equatable, Sendable {
    private let first: Duration
    private let cap: Duration
    private var failures = 0

    package init(first: Duration, cap: Duration) {
        self.first = first
        self.cap = cap
    }

    /// How long to wait after one more failure.
    package mutating func failed() -> Duration {
        failures += 1
        return min(cap, first * (1 << min(failures - 1, 20)))
    }

    package mutating func succeeded() {
        failures = 0
    }
}
