import Core
package import HTTPTypes

/// Which origins' scripts may read our answers (the CORS protocol of the Fetch standard).
package struct CrossOrigin: Sendable {
    private let origins: Set<String>
    private let requestHeaders: String

    /// - Parameters:
    ///   - origins: Serialised origins, compared byte for byte: scheme, host and port.
    ///   - headers: What a script may send besides the content type and its languages.
    package init(origins: Set<String>, headers: [HTTPField.Name]) {
        self.origins = origins
        requestHeaders = ([.contentType, .authorization, .acceptLanguage] + headers)
            .map(\.canonicalName).joined(separator: ", ")
    }

    /// Names the caller's origin in the answer when it is on the list, never a wildcard.
    func mark(_ reply: inout Reply, for head: HTTPRequest) {
        reply.headers[.vary] = "Origin"
        guard let origin = allowed(head) else { return }
        reply.headers[.accessControlAllowOrigin] = origin
        reply.headers[.accessControlExposeHeaders] = "X-Request-Id, Retry-After"
    }

    private func allowed(_ head: HTTPRequest) -> String? {
        guard let origin = head.headerFields[.origin], origins.contains(origin) else { return nil }
        return origin
    }

    /// The answer to a preflight; an origin that is not listed learns nothing from it.
    func preflight(_ head: HTTPRequest, methods: [HTTPRequest.Method]) -> Reply {
        var reply = Reply(.noContent)
        if allowed(head) != nil {
            reply.headers[.accessControlAllowMethods] = methods.map(\.rawValue).joined(separator: ", ")
            reply.headers[.accessControlAllowHeaders] = requestHeaders
            reply.headers[.accessControlMaxAge] = "600"
        }
        return reply
    }
}
