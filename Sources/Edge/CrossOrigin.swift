import Core
package import HTTPTypes

/// Which origins' scripts may read our answers (the CORS protocol of the Fetch standard).
package struct CrossOrigin: Sendable {
    /// A few, among which one is found sooner by looking at each than by its hash.
    package let origins: [String]
    private let requestHeaders: String

    /// - Parameters:
    ///   - origins: Serialised origins, compared byte for byte: scheme, host and port.
    ///   - headers: What a script may send.
    package init(origins: Set<String>, headers: [HTTPField.Name]) {
        self.origins = origins.sorted()
        requestHeaders = headers.map(\.canonicalName).joined(separator: ", ")
    }

    /// What scripts may read besides what every script may: the headers that `openapi.yaml` has for their routes. (`WWW-Authenticate` comes with a 401.)
    private static let responseHeaders =
        "X-Request-Id, Retry-After, Age, RateLimit, RateLimit-Policy, Allow, WWW-Authenticate"

    /// The index of an origin in the list; `nil` when it is not listed.
    package func index(of origin: String) -> Int? { origins.firstIndex { $0.equalsBytes(of: origin) } }

    /// Whether a browser's page may make this call at all; these headers only ever deny.
    ///
    /// - Parameters:
    ///   - carriesItsCredential: The request itself proves who sends it, with a bearer or a connect token. A forward-auth
    ///     proxy's cookie does not: every page can make a browser send it.
    ///   - isSafe: The request changes nothing.
    package func admits(_ head: RequestHeadFacts, carriesItsCredential: Bool, isSafe: Bool) -> Bool {
        if let origin = head.origin { return index(of: origin) != nil }
        switch head.fetchSite {
        case "same-origin", "none": return true
        case nil: return carriesItsCredential || isSafe
        default: return false
        }
    }

    /// The fields of an answer to a page of `origin`, which is named when it is on the list; never a wildcard.
    package func fields(for origin: String?) -> HTTPFields {
        var fields: HTTPFields = [.vary: "Origin, Sec-Fetch-Site"]
        guard let index = origin.flatMap(index) else { return fields }
        fields[.accessControlAllowOrigin] = origins[index]
        fields[.accessControlExposeHeaders] = Self.responseHeaders
        return fields
    }

    /// The fields of the answer to a preflight; none for an origin that is not listed.
    package func preflightFields(for origin: String?, methods: [HTTPRequest.Method]) -> HTTPFields {
        guard origin.flatMap(index) != nil else { return [:] }
        return [
            .accessControlAllowMethods: methods.map(\.rawValue).joined(separator: ", "),
            .accessControlAllowHeaders: requestHeaders, .accessControlMaxAge: "600",
        ]
    }
}
