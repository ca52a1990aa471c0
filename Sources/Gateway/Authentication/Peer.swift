package import Core
package import Relay

/// The reverse proxies whose word about a client is taken.
package struct TrustedProxies: Sendable {
    private let ranges: [AddressRange]
    private let trustsUnix: Bool

    package init(_ ranges: [AddressRange], unix: Bool) {
        self.ranges = ranges
        trustsUnix = unix
    }

    package func contains(_ peer: Peer) -> Bool {
        switch peer {
        case .unix: trustsUnix
        case .address(let address): ranges.contains { $0.contains(address) }
        }
    }
}
