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
    let transport: HTTPTransport
    let sessions: SessionSettings
    let listen: GatewayServer.Address
    let allowedOrigins: Set<String>
    let authenticator: any Authenticator
    let trustedProxies: TrustedProxies
    let limits: RateLimits
    let logger: Logger

    /// Runs until SIGTERM or SIGINT, then lets requests under way finish, and shuts the transport down.
    ///
    /// - Parameters:
    ///   - pages: Routes besides those of the contract.
    ///   - listening: Called once the socket is open.
    ///   - reload: Reads the credentials anew; nil where they cannot change.
    /// - Throws: `ExitCode.cannotStart`, after it said why.
    func run(
        pages: [Route] = [], listening: @escaping @Sendable () async -> Void = {},
        reload: (@Sendable () async throws(Settings.Invalid) -> Credentials)? = nil
    ) async throws {
        let flatpeak = FlatpeakClient(flatpeak, transport: transport, logger: logger)
        let table = RouteTable(
            routes(flatpeak) + pages, authenticator: authenticator, origins: allowedOrigins,
            limits: Limits(mint: limits.mint, address: limits.address), proxies: trustedProxies,
            randomBytes: Self.randomBytes, logger: logger)
        // The last one is stopped first: no request is taken any more while those under way still find a bearer.
        var services: [any Service] = [BearerRenewal(flatpeak: flatpeak)]
        if let reload { services.append(CredentialReload(flatpeak: flatpeak, read: reload, logger: logger)) }
        services.append(
            GatewayServer(table, at: listen, logger: logger) { [listen, logger] in
                logger.info("listening", metadata: ["bff.listen": "\(listen)"])
                await listening()
            })
        var configuration = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(20)
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch {
            await transport.shutdown()
            throw ExitCode.cannotStart.after(["cannot listen on \(listen): \(error)"])
        }
        await transport.shutdown()
    }

    private func routes(_ flatpeak: FlatpeakClient) -> [Route] {
        let now: @Sendable () -> Date = { Date() }
        let store = InMemoryStore()
        let reads = LocationReads(flatpeak: flatpeak, store: store, now: now)
        let sessions = Sessions(
            flatpeak: flatpeak, store: store, reads: reads, settings: sessions, now: now,
            randomBytes: Self.randomBytes, logger: logger)
        let relay = Relay(
            sessions: sessions, flatpeak: flatpeak, instance: Self.randomBytes(8).hexadecimal,
            limit: limits.relay, logger: logger)
        return Route.contract(sessions: sessions, reads: reads, flatpeak: flatpeak, relay: relay, now: now)
    }

    /// From the system's generator, which is the kernel's.
    static let randomBytes: @Sendable (Int) -> [UInt8] = { count in
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}
