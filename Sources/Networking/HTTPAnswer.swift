import Wire

/// A whole answer: the status, the body, and the two header fields that are read.
package struct HTTPAnswer: Sendable {
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

    /// Whether the body is declared to be JSON, with or without parameters.
    package var isJSON: Bool { MediaType.isJSON(contentType) }
}
