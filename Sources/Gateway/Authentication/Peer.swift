package import Core
import NIOCore

/// Who is at the other end of a connection.
package enum Peer: Hashable, Sendable {
    case address(IPAddress)
    /// A unix socket: whoever may open its file.
    case unix

    init(_ channel: any Channel) {
        self = channel.remoteAddress?.ipAddress.flatMap { IPAddress($0) }.map { .address($0) } ?? .unix
    }
}

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
