package import Logging
package import Relay
import ServiceLifecycle

/// The listener of operators: probes, and what they ask about the process.
///
/// Nothing that is registered here is reached through the public listener. Whoever reaches it may ask: it is for the
/// machine, or for a network of operators alone. Requests are read and bounded as there.
package struct AdminServer: Service, CustomStringConvertible {
    private let table: RouteTable
    private let lane: Lane
    private let address: ListenAddress
    private let logger: Logger
    private let listening: @Sendable (_ port: Int?) async -> Void

    /// - Parameters:
    ///   - routes: For anyone, since nobody signs in here.
    ///   - randomBytes: Makes request ids.
    ///   - lane: Makes the connections' lane, without a relay.
    ///   - listening: Called once the socket is open, with its port if it has one.
    package init(
        _ routes: [Route], at address: ListenAddress, randomBytes: @escaping @Sendable (Int) -> [UInt8], logger: Logger,
        lane: (any LaneRules) throws -> Lane, listening: @escaping @Sendable (_ port: Int?) async -> Void = { _ in }
    ) rethrows {
        // Scrapes and probes come every few seconds and say nothing of users: they have no line in the log.
        table = RouteTable(
            routes, authenticator: AnyOf([]), origins: [], limits: Limits(mint: nil, address: nil),
            proxies: TrustedProxies([], unix: false), randomBytes: randomBytes, logger: logger, log: { _ in })
        self.lane = try lane(table.laneRules)
        self.address = address
        self.logger = logger
        self.listening = listening
    }

    package var description: String { "admin" }

    package func run() async throws {
        do {
            try await Listener(
                address, mostConnections: Self.mostConnections, secondsSince1970: lane.secondsSince1970, logger
            ).run(
                table.router(), { [lane] in LaneChannel(responder: $0, lane: lane) },
                listening: listening, ending: { [lane] in lane.end() })
        } catch {
            await lane.stop()
            throw error
        }
        await lane.stop()
    }

    private static let mostConnections = 64
}
