/// Where a server listens.
package enum ListenAddress: Sendable, Equatable, CustomStringConvertible {
    case tcp(host: String, port: Int)
    /// - Parameter mode: The permissions of the socket's file: who may write it may connect.
    case unix(path: String, mode: UInt16)
    /// The sockets that the service manager opened and holds while this process comes and goes.
    case inherited(sockets: Int)

    /// Where systemd puts the first socket that it passes on; the others follow (sd_listen_fds(3)).
    static let firstInherited: Int32 = 3

    package var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path, _): "unix:\(path)"
        case .inherited: "systemd"
        }
    }
}

/// A server cannot listen where it should.
package struct CannotListen: Error, CustomStringConvertible {
    package let address: ListenAddress
    let why: String

    package var description: String { "cannot listen on \(address): \(why)" }
}
