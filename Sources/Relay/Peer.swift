package import Core
package import NIOCore

/// Who is at the other end of a connection.
package enum Peer: Hashable, Sendable {
    case address(IPAddress)
    /// A unix socket: whoever may open its file.
    case unix

    package init(_ channel: any Channel) {
        self = channel.remoteAddress?.ipAddress.flatMap { IPAddress($0) }.map { .address($0) } ?? .unix
    }
}
