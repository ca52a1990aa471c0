package import Edge
package import Logging
import ServiceLifecycle

/// The HTTP server with a route table behind it.
package struct GatewayServer: Service, CustomStringConvertible {
    private let table: RouteTable
    private let connections: ClientConnections
    private let listener: Listener
    private let listening: @Sendable (_ port: Int?) async -> Void

    package let description: String

    /// - Parameters:
    ///   - mostConnections: More wait until one of them ends.
    ///   - description: Names the service in logs.
    ///   - listening: Called once the socket is open, with its port if it has one.
    package init(
        _ table: RouteTable, _ connections: ClientConnections, at address: ListenAddress,
        mostConnections: Int = 10_000, description: String = "gateway", logger: Logger,
        listening: @escaping @Sendable (_ port: Int?) async -> Void = { _ in }
    ) {
        self.description = description
        self.table = table
        self.connections = connections
        self.listening = listening
        listener = Listener(address, mostConnections: mostConnections, logger)
    }

    package func run() async throws {
        try await listener.run(connections, table, listening: listening)
    }
}
