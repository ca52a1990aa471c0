/// Where a server listens.
package enum ListenAddress: Sendable, Equatable, CustomStringConvertible {
    case tcp(host: String, port: Int)
    /// - Parameter mode: The permissions of the socket's file: who may write it may connect.
    case unix(path: String, mode: UInt16)

    package var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path, _): "unix:\(path)"
        }
    }
}

/// A server cannot listen where it should.
package struct CannotListen: Error, CustomStringConvertible {
    package let address: ListenAddress
    let why: String

    package var description: String { "cannot listen on \(address): \(why)" }
}
