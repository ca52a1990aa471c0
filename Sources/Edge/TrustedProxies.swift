package import Core

/// The one header in which our reverse proxies name the client; the other one is the client's own, and is not read.
package enum ForwardedHeader: String, Sendable, CaseIterable {
    case xForwardedFor = "x-forwarded-for"
    /// RFC 7239.
    case forwarded
}

/// The reverse proxies whose word about a client is taken.
package struct TrustedProxies: Sendable {
    private let ranges: [AddressRange]
    private let trustsUnix: Bool
    package let header: ForwardedHeader

    package init(_ ranges: [AddressRange] = [], unix: Bool = false, header: ForwardedHeader = .xForwardedFor) {
        self.ranges = ranges
        trustsUnix = unix
        self.header = header
    }

    package func contains(_ peer: Peer) -> Bool {
        switch peer {
        case .unix: trustsUnix
        case .unknown: false
        case .address(let address): ranges.contains { $0.contains(address) }
        }
    }
}
