package import Core
package import Edge
package import HTTPTypes

/// Believes the user that a forward-auth proxy names (oauth2-proxy, Authelia, Pomerium), when the proxy is one of ours.
package struct ProxyAuthenticator: Authenticator {
    private let header: HTTPField.Name
    private let proxies: TrustedProxies
    package let headers: [HTTPField.Name] = []
    package let schemes = [AuthenticationScheme.forwardAuth]

    /// - Parameter proxies: Set by hand: whoever is in it can be anybody.
    package init(header: HTTPField.Name, proxies: TrustedProxies) {
        self.header = header
        self.proxies = proxies
    }

    package func provesSender(_ caller: Caller) -> Bool { false }

    package func isAddressed(by caller: Caller) -> Bool {
        !caller.head.headerFields[values: header].isEmpty
    }

    package func subject(of caller: Caller) async throws(BFFError) -> Subject {
        // Twice is once from the proxy and once from a client that the proxy let through.
        let values = caller.head.headerFields[values: header]
        guard proxies.contains(caller.peer), values.count == 1, let subject = values.first.flatMap(Subject.init)
        else { throw .unauthenticated }
        return subject
    }
}
