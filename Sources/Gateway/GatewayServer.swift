package import Edge
import Logging
import ServiceLifecycle

/// A listener with its client connections, as a service.
package struct GatewayServer: Service, CustomStringConvertible {
    private let connections: ClientConnections
    private let listener: Listener
    private let listening: @Sendable (_ port: Int?) async -> Void

    package let description: String

    /// - Parameters:
    ///   - mostConnections: More wait until one of them ends.
    ///   - description: Names the service in logs.
    ///   - listening: Called once the socket is open, with its port if it has one.
    package init(
        _ connections: ClientConnections, at address: ListenAddress,
        mostConnections: Int = 10_000, description: String = "gateway",
        listening: @escaping @Sendable (_ port: Int?) async -> Void = { _ in }
    ) {
        self.description = description
        self.connections = connections
        self.listening = listening
        listener = Listener(address, mostConnections: mostConnections)
    }

    package func run() async throws {
        try await listener.run(connections, listening: listening)
    }
}
