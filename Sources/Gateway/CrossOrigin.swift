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
        requestHeaders = ([.contentType, .authorization, .acceptLanguage, .idempotencyKey] + headers)
            .map(\.canonicalName).joined(separator: ", ")
    }

    /// Whether a browser's page may make this call at all; these headers only ever deny.
    ///
    /// - Parameter carriesItsCredential: The request itself proves who sends it, with a bearer or a connect token. A
    ///   forward-auth proxy's cookie does not: every page can make a browser send it.
    func admits(_ head: HTTPRequest, carriesItsCredential: Bool) -> Bool {
        let site = head.headerFields[.secFetchSite]
        if head.headerFields[.origin] != nil { return allowed(head) != nil }
        switch site {
        case "same-origin", "none": return true
        case nil: return carriesItsCredential || head.method == .get || head.method == .head
        default: return false
        }
    }

    /// Names the caller's origin in the answer when it is on the list, never a wildcard.
    func mark(_ reply: inout Reply, for head: HTTPRequest) {
        reply.headers[.vary] = "Origin, Sec-Fetch-Site"
        guard let origin = allowed(head) else { return }
        reply.headers[.accessControlAllowOrigin] = origin
        reply.headers[.accessControlExposeHeaders] = "X-Request-Id, Retry-After, RateLimit, RateLimit-Policy"
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

extension HTTPField.Name {
    static let secFetchSite = HTTPField.Name("Sec-Fetch-Site") ?? .via
}
