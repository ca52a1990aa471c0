import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import ServiceLifecycle

/// The HTTP server with a route table behind it.
package struct GatewayServer: Service, CustomStringConvertible {
    private let table: RouteTable
    private let address: Address
    private let logger: Logger
    private let listening: @Sendable () async -> Void

    /// Where to listen.
    package enum Address: Sendable, Equatable, CustomStringConvertible {
        case tcp(host: String, port: Int)
        case unix(path: String)

        package var description: String {
            switch self {
            case .tcp(let host, let port): "\(host):\(port)"
            case .unix(let path): "unix:\(path)"
            }
        }
    }

    /// - Parameter listening: Called once the socket is open.
    package init(
        _ table: RouteTable, at address: Address, logger: Logger,
        listening: @escaping @Sendable () async -> Void = {}
    ) {
        self.table = table
        self.address = address
        self.logger = logger
        self.listening = listening
    }

    package var description: String { "gateway" }

    package func run() async throws {
        let bind: BindAddress =
            switch address {
            case .tcp(let host, let port): .hostname(host, port: port)
            case .unix(let path): .unixDomainSocket(path: path)
            }
        // Hummingbird logs whole errors and URIs at debug; our own lines say what may be said.
        var serverLogger = logger
        serverLogger.logLevel = max(logger.logLevel, .warning)
        let application = Application(
            router: table.router(),
            server: Self.http1,
            configuration: .init(address: bind, serverName: nil),
            onServerRunning: { [listening] _ in await listening() },
            logger: serverLogger)
        try await application.run()
    }

    /// HTTP/1.1 with the limits of the edge.
    static let http1 = HTTPServerBuilder.http1(
        configuration: .init(
            additionalChannelHandlers: [ClientWatch()],
            // Longer than the 75 s that reverse proxies keep a connection, so that they close first.
            idleTimeout: .seconds(90),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 16 << 10, maxHeaderFieldCount: 100)))
}
