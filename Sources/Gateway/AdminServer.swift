package import Edge
package import Logging
import Networking
import ServiceLifecycle

/// The listener of operators: probes, and what they ask about the process.
///
/// Nothing that is registered here is reached through the public listener. Whoever reaches it may ask: it is for the
/// machine, or for a network of operators alone. Requests are read and bounded as there.
package struct AdminServer: Service, CustomStringConvertible {
    private let server: GatewayServer

    /// - Parameters:
    ///   - routes: For anyone, since there is no sign-in here.
    ///   - randomBytes: Makes request ids.
    ///   - secondsSince1970: The wall clock, for the `Date` of responses.
    ///   - listening: Called once the socket is open, with its port if it has one.
    package init(
        _ routes: [Route], at address: ListenAddress, times: ConnectionTimes = ConnectionTimes(),
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        secondsSince1970: @escaping @Sendable () -> Int, randomBytes: @escaping @Sendable (Int) -> [UInt8],
        logger: Logger, listening: @escaping @Sendable (_ port: Int?) async -> Void = { _ in }
    ) {
        // Scrapes and probes come every few seconds and say nothing of users: they have no line in the log.
        var settings = EdgeSettings()
        settings.times = times
        let table = RouteTable(
            routes, authenticator: AnyOf([]), edge: settings, now: now, logger: logger, log: { _ in })
        let connections = ClientConnections(
            table.edge, router: table, fastPath: nil, now: now, secondsSince1970: secondsSince1970,
            randomBytes: randomBytes)
        server = GatewayServer(
            connections, at: address, mostConnections: Self.mostConnections, description: "admin",
            listening: listening)
    }

    package var description: String { server.description }

    package func run() async throws { try await server.run() }

    private static let mostConnections = 64
}
