/// The attempts of a call and the waits between them: exponential with full jitter, so that callers that failed together
/// do not retry together.
package struct RetrySchedule: Sendable {
    /// Attempts in all, the first included.
    package var attempts: Int
    package var base: Duration
    package var cap: Duration

    package init(attempts: Int, base: Duration, cap: Duration) {
        self.attempts = attempts
        self.base = base
        self.cap = cap
    }

    /// Returns the wait after `attempt` failed; `nil` when it was the last one.
    ///
    /// - Parameters:
    ///   - attempt: 1 for the first.
    ///   - jitter: From 0 up to, not including, 1.
    package func wait(after attempt: Int, jitter: Double) -> Duration? {
        guard attempt < attempts else { return nil }
        return min(cap, base * (1 << min(attempt - 1, 20))) * jitter
    }
}

/// Exponential backoff for background work: the wait doubles with each failure up to a cap.
package struct Backoff: Equatable, Sendable {
    private let first: Duration
    private let cap: Duration
    private var failures = 0

    package init(first: Duration, cap: Duration) {
        self.first = first
        self.cap = cap
    }

    /// Counts a failure, and returns the wait after it.
    package mutating func failed() -> Duration {
        failures += 1
        return min(cap, first * (1 << min(failures - 1, 20)))
    }

    package mutating func succeeded() {
        failures = 0
    }
}
