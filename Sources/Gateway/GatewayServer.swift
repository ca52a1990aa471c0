import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import NIOPosix
package import Relay
import ServiceLifecycle

/// The HTTP server with a route table behind it.
package struct GatewayServer: Service, CustomStringConvertible {
    private let table: RouteTable
    private let lane: Lane
    private let address: Address
    private let logger: Logger
    private let listening: @Sendable (_ port: Int?) async -> Void

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

    /// - Parameter listening: Called once the socket is open, with its port if it has one.
    package init(
        _ table: RouteTable, lane: Lane, at address: Address, logger: Logger,
        listening: @escaping @Sendable (_ port: Int?) async -> Void = { _ in }
    ) {
        self.table = table
        self.lane = lane
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
            server: .lane(lane),
            configuration: .init(address: bind, serverName: nil),
            onServerRunning: { [lane, listening] channel in
                lane.start(on: MultiThreadedEventLoopGroup.singleton)
                await listening(channel.localAddress?.port)
            },
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton),
            logger: serverLogger)
        do {
            try await application.run()
        } catch {
            await lane.stop()
            throw error
        }
        await lane.stop()
    }
}
