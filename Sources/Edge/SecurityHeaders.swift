package import HTTPTypes

/// The header fields of every response, unless a handler said otherwise.
package enum SecurityHeaders {
    /// Nothing is sniffed, framed, cached or passed to a next page.
    package static let fields: HTTPFields = [
        .xContentTypeOptions: "nosniff",
        .contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'",
        .referrerPolicy: "no-referrer",
        .crossOriginResourcePolicy: "same-origin",
        // Proxies that compress wait for more of an event stream than its next event; this forbids it (RFC 9111 section
        // 5.2.2.6).
        .cacheControl: "no-store, no-transform",
    ]
    /// Keeps a browser on https.
    package static let strictTransport: HTTPFields = [.strictTransportSecurity: "max-age=31536000"]
}
