import Core
package import HTTPTypes
import Relay

/// Which origins' scripts may read our answers (the CORS protocol of the Fetch standard).
package struct CrossOrigin: Sendable {
    /// A few, among which one is found sooner by looking at each than by its hash.
    let origins: [String]
    private let requestHeaders: String

    /// - Parameters:
    ///   - origins: Serialised origins, compared byte for byte: scheme, host and port.
    ///   - headers: What a script may send besides the content type and its languages.
    package init(origins: Set<String>, headers: [HTTPField.Name]) {
        self.origins = origins.sorted()
        requestHeaders = (Self.requestHeaders + headers).map(\.canonicalName).joined(separator: ", ")
    }

    /// What scripts may send besides the headers of an authenticator.
    ///
    /// These are the headers that `openapi.yaml` has for routes of scripts; `ContractTests` holds the two together.
    private static let requestHeaders: [HTTPField.Name] = [
        .contentType, .authorization, .acceptLanguage, .idempotencyKey, .lastEventID,
    ]
    /// What scripts may read, likewise, besides what every script may. (`WWW-Authenticate` comes with a 401.)
    private static let responseHeaders =
        "X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, Allow, WWW-Authenticate"

    /// Where an origin stands in the list; nil when it is not on it.
    func place(of origin: String) -> Int? { origins.firstIndex { $0.equalsBytes(of: origin) } }

    /// Whether a browser's page may make this call at all; these headers only ever deny.
    ///
    /// - Parameters:
    ///   - carriesItsCredential: The request itself proves who sends it, with a bearer or a connect token. A forward-auth
    ///     proxy's cookie does not: every page can make a browser send it.
    ///   - isSafe: The request changes nothing.
    func admits(_ head: JudgedHead, carriesItsCredential: Bool, isSafe: Bool) -> Bool {
        if let origin = head.origin { return place(of: origin) != nil }
        switch head.fetchSite {
        case "same-origin", "none": return true
        case nil: return carriesItsCredential || isSafe
        default: return false
        }
    }

    /// The fields of an answer to a page of `origin`, which is named when it is on the list; never a wildcard.
    func fields(for origin: String?) -> HTTPFields {
        var fields: HTTPFields = [.vary: "Origin, Sec-Fetch-Site"]
        guard let place = origin.flatMap(place) else { return fields }
        fields[.accessControlAllowOrigin] = origins[place]
        fields[.accessControlExposeHeaders] = Self.responseHeaders
        return fields
    }

    /// Puts the fields on an answer.
    func mark(_ reply: inout Reply, for head: HTTPRequest) {
        for field in fields(for: head.headerFields[.origin]) { reply.headers[field.name] = field.value }
    }

    /// The answer to a preflight; an origin that is not listed learns nothing from it.
    func preflight(from origin: String?, methods: [HTTPRequest.Method]) -> Reply {
        var reply = Reply(.noContent)
        if origin.flatMap(place) != nil {
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
