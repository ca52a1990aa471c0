/// Why there is no answer, which decides whether the call may be made again.
package enum TransportFailure: Error, CaseIterable, Sendable {
    /// No connection came about; nothing was sent.
    case notConnected
    /// The connection broke after something may have been sent.
    case broken
    /// The time was over.
    case timedOut
    /// The answer is no HTTP, was torn off, or is longer than the operation allows.
    case unreadable
    /// The answer is compressed, though `Accept-Encoding: identity` was sent.
    case encoded
    /// Whoever wanted the answer left.
    case cancelled
}
