package import Core

/// One request, ready to be sent: nothing of a client's headers is in it unless it was put there by name.
package struct UpstreamRequest: Sendable {
    package let operation: Operation
    package let url: String
    package let headers: [(name: String, value: String)]
    package let body: [UInt8]?
}

/// What upstream said: the status, the body, and the two headers that anybody reads.
package struct UpstreamAnswer: Sendable {
    package let status: Int
    package let contentType: String?
    /// `Retry-After`, in seconds; nil when absent or not a number.
    package let retryAfter: Int?
    package let body: [UInt8]

    package init(status: Int, contentType: String?, retryAfter: Int?, body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.retryAfter = retryAfter
        self.body = body
    }

    /// Whether upstream declared the body to be JSON, with or without parameters.
    package var isJSON: Bool {
        guard let type = contentType?.prefix(while: { $0 != ";" }) else { return false }
        return type.lowercased().filter { $0 != " " } == "application/json"
    }
}

/// The network, handed in: sends one request and reads the whole answer within the operation's deadline.
package protocol UpstreamTransport: Sendable {
    /// - Throws: `upstreamUnreachable`, `upstreamTimedOut` or `upstreamInvalidAnswer`.
    func send(_ request: UpstreamRequest) async throws(BFFError) -> UpstreamAnswer
}
