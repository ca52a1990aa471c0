import Core
import FoundationEssentials
import Wire

/// An absolute URL from a setting, parsed and checked.
struct WebAddress: Equatable, Sendable {
    let text: String
    let scheme: String
    let host: String
    let port: Int?

    /// Scheme, host and port as browsers write an origin; `nil` for a deep link.
    let origin: String?

    /// - Throws: When `text` is not an absolute address, or holds a user or password.
    /// - Parameter isPage: Whether it is a page's, which an app's WebView may serve itself.
    init(_ text: String, isPage: Bool = false) throws(SettingsReader.Unfit) {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), let parts = URLComponents(string: text),
            let scheme = parts.scheme?.lowercased()
        else { throw .init("is not an absolute address such as https://example.com") }
        guard parts.user == nil, parts.password == nil else { throw .init("must not hold a user or a password") }
        guard parts.port.map({ (1...65_535).contains($0) }) ?? true else {
            throw .init("has a port that is not a number from 1 to 65535")
        }
        self.text = text
        self.scheme = scheme
        host = parts.host?.lowercased() ?? ""
        port = parts.port
        guard scheme == "http" || scheme == "https" else {
            // A script or a local file as a "return address" would run in the customer's browser.
            guard !Self.withoutOrigin.contains(scheme) else { throw .init("must not use the scheme \(scheme)") }
            origin = nil
            return
        }
        guard !host.isEmpty else { throw .init("has no host") }
        // A WebView that serves a name below `localhost` itself does not resolve it.
        guard scheme == "https" || Self.isLoopback(host) || (isPage && host.hasByteSuffix(".localhost")) else {
            throw .init("must use https; http is for localhost alone")
        }
        let shown = port.map { $0 == (scheme == "https" ? 443 : 80) ? "" : ":\($0)" } ?? ""
        origin = "\(scheme)://\(host)\(shown)"
    }

    /// Schemes whose pages have the opaque origin `null`.
    private static let withoutOrigin = ["javascript", "data", "file", "blob", "vbscript", "about", "view-source"]

    /// An origin as a browser sends it, or as the WebView of an app does: `https://app.example.com`,
    /// `capacitor://localhost`, `http://tauri.localhost`.
    ///
    /// Origins are compared byte for byte: another spelling would never match, and is refused.
    static func pageOrigin(_ text: String) throws(SettingsReader.Unfit) -> String {
        let address = try WebAddress(text, isPage: true)
        // A custom scheme has no default port: only the form can be checked.
        let authority = String(Substring(text.utf8.dropFirst(address.scheme.utf8.count + 3)))
        let own = address.port.map { authority.hasByteSuffix(":\($0)") } ?? !authority.utf8.contains(UInt8(ascii: ":"))
        let isOwn = own && text.hasBytePrefix("\(address.scheme)://") && RequestTarget.isAuthority(authority.utf8.span)
        guard address.origin.map({ $0.equalsBytes(of: text) }) ?? isOwn else {
            throw .init("\(text) is not an origin; write scheme://host or scheme://host:port, in lower case")
        }
        return text
    }

    /// The port that a connection goes to.
    var effectivePort: Int { port ?? (scheme == "https" ? 443 : 80) }

    /// The host as resolvers take it: an IPv6 address without its brackets.
    var hostName: String { host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host }

    /// Names and addresses that never leave the machine.
    static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "[::1]" || host == "::1"
            || (host.hasPrefix("127.") && host.split(separator: ".").count == 4
                && host.allSatisfy { $0.isNumber || $0 == "." })
    }

    /// An address of a server: http or https, and nothing behind host and port unless `path` is allowed.
    static func server(_ text: String, path: Bool = false) throws(SettingsReader.Unfit) -> WebAddress {
        let trimmed = text.hasSuffix("/") ? String(text.dropLast()) : text
        let address = try WebAddress(trimmed)
        guard let origin = address.origin else { throw .init("must start with https://") }
        let rest = trimmed.lowercased().dropFirst(origin.utf8.count)
        guard !trimmed.contains("?"), !trimmed.contains("#"), path || rest.isEmpty || rest.hasPrefix(":") else {
            throw .init("must end after the host and port")
        }
        return address
    }
}
