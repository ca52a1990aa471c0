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
    private let logger: Logger
    private let listening: @Sendable () async -> Void

    /// - Parameters:
    ///   - routes: For anyone, since nobody signs in here.
    ///   - randomBytes: Makes request ids.
    ///   - listening: Called once the socket is open.
    package init(
        _ routes: [Route], at address: ListenAddress, randomBytes: @escaping @Sendable (Int) -> [UInt8],
        logger: Logger, listening: @escaping @Sendable () async -> Void = {}
    ) {
        // Scrapes and probes come every few seconds and say nothing of users: they have no line in the log.
        table = RouteTable(
            routes, authenticator: AnyOf([]), origins: [], limits: Limits(mint: nil, address: nil),
            proxies: TrustedProxies([], unix: false), randomBytes: randomBytes, logger: logger, log: { _ in })
        self.address = address
        self.logger = logger
        self.listening = listening
    }

    package var description: String { "admin" }

    package func run() async throws {
        try await Listener(address, logger).run(
            table.router(),
            server: .http1(
                configuration: .init(
                    idleTimeout: .seconds(90),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 16 << 10, maxHeaderFieldCount: 100)))
        ) { _ in await listening() }
    }
}
