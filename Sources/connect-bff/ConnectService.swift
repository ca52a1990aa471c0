import ArgumentParser
import Core
import Flatpeak
import FoundationEssentials
import Gateway
import Logging
import Relay
import ServiceLifecycle
import Sessions
import Store
import UnixSignals

/// The service, wired: the one place where clocks, randomness, network and store are chosen.
struct ConnectService {
    let flatpeak: FlatpeakClient.Settings
    let certificateAuthorities: String?
    let sessions: SessionSettings
    let listen: GatewayServer.Address
    let allowedOrigins: Set<String>
    let authenticator: any Authenticator
    let logger: Logger

    /// Runs until SIGTERM or SIGINT, then lets requests under way finish.
    ///
    /// - Parameters:
    ///   - pages: Routes besides those of the contract.
    ///   - listening: Called once the socket is open.
    /// - Throws: `ExitCode.cannotStart`, after it said why.
    func run(
        pages: [Route] = [], listening: @escaping @Sendable () async -> Void = {}
    ) async throws {
        let transport = HTTPTransport(certificateAuthorities: certificateAuthorities)
        let table = RouteTable(
            routes(transport) + pages, authenticator: authenticator, origins: allowedOrigins,
            randomBytes: Self.randomBytes, logger: logger)
        var configuration = ServiceGroupConfiguration(
            services: [GatewayServer(table, at: listen, logger: logger, listening: listening)],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(20)
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch {
            await transport.shutdown()
            throw ExitCode.cannotStart.after(["cannot listen on \(listen): \(error)"])
        }
        await transport.shutdown()
    }

    private func routes(_ transport: HTTPTransport) -> [Route] {
        let now: @Sendable () -> Date = { Date() }
        let flatpeak = FlatpeakClient(flatpeak, transport: transport, logger: logger)
        let sessions = Sessions(
            flatpeak: flatpeak, store: InMemoryStore(), settings: sessions, now: now, randomBytes: Self.randomBytes,
            logger: logger)
        let relay = Relay(
            sessions: sessions, flatpeak: flatpeak, instance: Self.randomBytes(8).hexadecimal, logger: logger)
        return Route.contract(sessions: sessions, flatpeak: flatpeak, relay: relay, now: now)
    }

    /// From the system's generator, which is the kernel's.
    private static let randomBytes: @Sendable (Int) -> [UInt8] = { count in
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}
