package import Core
package import NIOCore

/// Who is at the other end of a connection.
package enum Peer: Hashable, Sendable {
    case address(IPAddress)
    /// A unix socket: whoever may open its file.
    case unix
    /// The kernel does not say, as it does of a connection that was reset; trusted for nothing.
    case unknown

    package init(_ channel: any Channel) {
        self = Peer(local: channel.localAddress, remote: channel.remoteAddress)
    }

    /// - Parameter local: Our own end, which says what kind of socket it is even where the other end has no name.
    package init(local: SocketAddress?, remote: SocketAddress?) {
        self =
            switch local {
            case .unixDomainSocket: .unix
            case .v4, .v6: remote?.ipAddress.flatMap { IPAddress($0) }.map { .address($0) } ?? .unknown
            case nil: .unknown
            }
    }
}
