import Core
package import Resilience

/// One try of a call, ready to be sent: nothing of a client's headers is in it unless it was put there by name.
package struct UpstreamRequest: Sendable {
    package let operation: Operation
    package let url: String
    package var headers: [(name: String, value: String)]
    package let body: [UInt8]?
    /// Who the call is made for; nil for a call of the service's own.
    package var caller: CallerKey?
    /// From the first byte sent to the last byte read.
    package var timeLimit: Duration
}

/// What upstream said: the status, the body, and the two headers that anybody reads.
package struct UpstreamAnswer: Sendable {
    package let status: Int
    package let contentType: String?
    /// `Retry-After`, in seconds from now; nil when absent or malformed.
    package let retryAfter: Int?
    package let body: [UInt8]

    package init(status: Int, contentType: String?, retryAfter: Int?, body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.retryAfter = retryAfter
        self.body = body
    }

    /// Whether upstream declared the body to be JSON, with or without parameters.
    package var isJSON: Bool { Core.isJSON(contentType: contentType) }
}

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

/// The network, handed in: makes one try and reads the whole answer.
package protocol UpstreamTransport: Sendable {
    func send(_ request: UpstreamRequest) async throws(TransportFailure) -> UpstreamAnswer
}
