import Hummingbird
import HummingbirdCore
package import Logging
import NIOPosix
import ServiceLifecycle

/// The listener of operators: probes, and what they ask about the process.
///
/// Nothing that is registered here is reached through the public listener. Whoever reaches it may ask: it is for the
/// machine, or for a network of operators alone.
package struct AdminServer: Service, CustomStringConvertible {
    private let table: RouteTable
    private let address: ListenAddress
    private let secondsSince1970: @Sendable () -> Int
    private let logger: Logger
    private let listening: @Sendable () async -> Void

    /// - Parameters:
    ///   - routes: For anyone, since nobody signs in here.
    ///   - secondsSince1970: The wall clock, for the `Date` of answers.
    ///   - randomBytes: Makes request ids.
    ///   - listening: Called once the socket is open.
    package init(
        _ routes: [Route], at address: ListenAddress, secondsSince1970: @escaping @Sendable () -> Int,
        randomBytes: @escaping @Sendable (Int) -> [UInt8], logger: Logger,
        listening: @escaping @Sendable () async -> Void = {}
    ) {
        // Scrapes and probes come every few seconds and say nothing of users: they have no line in the log.
        table = RouteTable(
            routes, authenticator: AnyOf([]), origins: [], limits: Limits(mint: nil, address: nil),
            proxies: TrustedProxies([], unix: false), randomBytes: randomBytes, logger: logger, log: { _ in })
        self.address = address
        self.secondsSince1970 = secondsSince1970
        self.logger = logger
        self.listening = listening
    }

    package var description: String { "admin" }

    package func run() async throws {
        let configuration = HTTP1Channel.Configuration(
            additionalChannelHandlers: [WriteDeadline()],
            idleTimeout: .seconds(90),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 16 << 10, maxHeaderFieldCount: 100))
        try await Listener(
            address, mostConnections: Self.mostConnections, secondsSince1970: secondsSince1970, logger
        ).run(
            table.router(), { HTTP1Channel(responder: $0, configuration: configuration) },
            listening: { _ in await listening() })
    }

    private static let mostConnections = 64
}
