import Core

/// The header fields of every call that this service makes: to Flatpeak, identity providers, event receivers and span
/// collectors.
package enum OutgoingHeaders {
    /// Names and values, the same for each call.
    ///
    /// - `Accept`: firewalls and frameworks refuse calls without one; a key set may be `application/jwk-set+json`, which
    ///   a strict server would refuse with 406 to a client that takes `application/json` alone.
    /// - `Accept-Encoding`: without it a server may compress (RFC 9110 section 12.5.3), and nothing here decompresses.
    /// - `User-Agent`: firewalls refuse calls without one, and logs of others name us.
    package static let fixed: [(name: String, value: String)] = [
        (name: "Accept", value: "application/json, */*;q=0.5"), (name: "Accept-Encoding", value: "identity"),
        (name: "User-Agent", value: "connect-bff/\(ProductVersion.current)"),
    ]
}
