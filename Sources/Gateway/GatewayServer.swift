package import Logging
import NIOPosix
package import Relay
import ServiceLifecycle

/// The HTTP server with a route table behind it.
package struct GatewayServer: Service, CustomStringConvertible {
    private let table: RouteTable
    private let lane: Lane
    private let address: ListenAddress
    private let mostConnections: Int
    private let logger: Logger
    private let listening: @Sendable (_ port: Int?) async -> Void

    /// - Parameters:
    ///   - mostConnections: More wait until one of them ends.
    ///   - listening: Called once the socket is open, with its port if it has one.
    package init(
        _ table: RouteTable, lane: Lane, at address: ListenAddress, mostConnections: Int = 10_000, logger: Logger,
        listening: @escaping @Sendable (_ port: Int?) async -> Void = { _ in }
    ) {
        self.table = table
        self.lane = lane
        self.address = address
        self.mostConnections = mostConnections
        self.logger = logger
        self.listening = listening
    }

    package var description: String { "gateway" }

    package func run() async throws {
        do {
            try await Listener(
                address, mostConnections: mostConnections, secondsSince1970: lane.secondsSince1970, logger
            ).run(
                table.router(), { [lane] in LaneChannel(responder: $0, lane: lane) },
                listening: { [lane, listening] port in
                    lane.start(on: MultiThreadedEventLoopGroup.singleton)
                    await listening(port)
                }, ending: { [lane] in lane.end() })
        } catch {
            await lane.stop()
            throw error
        }
        await lane.stop()
    }
}
