import ArgumentParser
import Core
import Flatpeak
import FoundationEssentials
import Gateway
import Logging
import Relay
import ServiceLifecycle
import Sessions
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
    let store: any SessionStore
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
        let now: @Sendable () -> Date = { Date() }
        let ledger = SessionLedger(store: store, logger: logger)
        let reads = LocationReads(flatpeak: flatpeak, ledger: ledger, now: now)
        let sessions = Sessions(
            flatpeak: flatpeak, ledger: ledger, reads: reads, settings: sessions, now: now,
            randomBytes: Self.randomBytes, logger: logger)
        let relay = Relay(
            sessions: sessions, flatpeak: flatpeak, instance: Self.randomBytes(8).hexadecimal, limit: limits.relay,
            logger: logger)
        let table = RouteTable(
            Route.contract(
                sessions: sessions, ledger: ledger, reads: reads, flatpeak: flatpeak, relay: relay, now: now) + pages,
            authenticator: authenticator, origins: allowedOrigins,
            limits: Limits(mint: limits.mint, address: limits.address), proxies: trustedProxies,
            randomBytes: Self.randomBytes, logger: logger)
        // The last one is stopped first: no request is taken any more while those under way still find a bearer.
        var services: [any Service] = [
            BackgroundWork("bearer renewal") { await flatpeak.run() },
            BackgroundWork("sessions", { await sessions.run() }, finish: { await sessions.finish() }),
        ]
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

    /// From the system's generator, which is the kernel's.
    static let randomBytes: @Sendable (Int) -> [UInt8] = { count in
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}
