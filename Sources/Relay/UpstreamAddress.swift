import Core

/// Where the Connect host is.
package struct UpstreamAddress: Equatable, Sendable {
    let isSecure: Bool
    /// A name or an address, without brackets.
    let host: String
    let port: Int
    /// As `Host` names it.
    let authority: String

    /// Reads scheme, host and port; the settings have checked that they make sense.
    package init?(_ url: String) {
        let parts = url.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1].isEmpty else { return nil }
        let scheme = parts[0].lowercased()
        guard scheme == "https:" || scheme == "http:" else { return nil }
        let authority = parts[2].prefix { $0 != "/" }
        isSecure = scheme == "https:"
        let end = authority.lastIndex(of: "]") ?? authority.startIndex
        let colon = authority[end...].lastIndex(of: ":")
        let host = authority[..<(colon ?? authority.endIndex)]
        guard !host.isEmpty else { return nil }
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : String(host)
        if let colon {
            guard let port = Int(authority[authority.index(after: colon)...]) else { return nil }
            self.port = port
        } else {
            port = isSecure ? 443 : 80
        }
        self.authority = String(authority)
    }

    /// The bytes of scheme, host and port in a URL.
    var originLength: Int { (isSecure ? "https://" : "http://").utf8.count + authority.utf8.count }

    /// The name that the certificate must carry; an address is compared by itself.
    var serverName: String? { IPAddress(host) == nil ? host : nil }
}
