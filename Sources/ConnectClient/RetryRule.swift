import Foundation

/// When a call is sent again.
struct RetryRule {
    /// How often a call is sent at most.
    static let attempts = 3
    /// The longest `Retry-After` that is waited for, in seconds.
    static let longest: TimeInterval = 20

    private var sent = 1

    /// Counts an attempt that failed with an error.
    /// - Returns: The seconds to wait before the next attempt; nil when there is none.
    mutating func pause(after error: ConnectError) -> TimeInterval? {
        guard sent < Self.attempts else { return nil }
        defer { sent += 1 }
        if error.code == .networkError { return sent == 1 ? 0.5 : 1 }
        guard [409, 422, 429, 503].contains(error.status), let wait = error.retryAfter, wait <= Self.longest else {
            return nil
        }
        return wait
    }
}

/// When a stream that broke or ended is opened again.
struct ReconnectRule {
    /// The longest pause without `Retry-After`, in seconds.
    static let longest: TimeInterval = 30

    private var next: TimeInterval = 0.5

    /// An event came.
    mutating func succeed() { next = 0.5 }

    /// Counts a stream that ended.
    /// - Parameters:
    ///   - error: Why; nil when the service ended it.
    ///   - jitter: The part of the pause to wait, so that not all clients come back at once after a restart.
    /// - Returns: The seconds to wait before the next one; nil when the error ends it for good.
    mutating func pause(after error: ConnectError?, jitter: Double) -> TimeInterval? {
        if let error, error.code != .networkError {
            switch error.status {
            // The page of a captive portal, or the way there.
            case 200..<400: break
            case 408, 429, 500...: break
            default: return nil
            }
        }
        defer { next = min(next * 2, Self.longest) }
        return max(next * jitter, error?.retryAfter ?? 0)
    }
}
