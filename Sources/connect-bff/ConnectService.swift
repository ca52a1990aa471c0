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
import Webhooks

/// The service, wired: the one place where clocks, randomness, network and store are chosen.
struct ConnectService {
    let flatpeak: FlatpeakClient.Settings
    let transport: HTTPTransport
    /// A PEM file to trust instead of the system's roots.
    var certificateAuthorities: String?
    let sessions: SessionSettings
    let listen: GatewayServer.Address
    let allowedOrigins: Set<String>
    /// Empty for any.
    var allowedHosts: Set<String> = []
    let authenticator: any Authenticator
    let trustedProxies: TrustedProxies
    let limits: RateLimits
    let store: any SessionStore & Inbox
    let logger: Logger
    /// Takes a line for each request; nil for the logger's own form.
    var requestLog: (@Sendable (RequestLine) -> Void)?
    /// What runs from the beginning to the end.
    var always: [any Service] = []

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
        let webhooks = Webhooks(
            sessions: sessions, reads: reads, flatpeak: flatpeak, inbox: store,
            fetchKeys: { [transport, url = "\(self.flatpeak.apiURL)/jwks.json"] in await transport.document(at: url) },
            mode: self.flatpeak.mode, now: now, logger: logger)
        let table = RouteTable(
            Route.contract(
                sessions: sessions, ledger: ledger, reads: reads, flatpeak: flatpeak, webhooks: webhooks, now: now)
                + pages,
            authenticator: authenticator, origins: allowedOrigins,
            limits: Limits(mint: limits.mint, address: limits.address), proxies: trustedProxies,
            hosts: allowedHosts, randomBytes: Self.randomBytes, logger: logger, log: requestLog)
        let lane = try lane(sessions, flatpeak.relayCalls, table.laneRules)
        // The last one is stopped first: no request is taken any more while those under way still find a bearer.
        var services: [any Service] =
            always + [
                BackgroundWork("bearer renewal") { await flatpeak.run() },
                BackgroundWork("webhooks") { await webhooks.run() },
                BackgroundWork("sessions", { await sessions.run() }, finish: { await sessions.finish() }),
            ]
        if let reload { services.append(CredentialReload(flatpeak: flatpeak, read: reload, logger: logger)) }
        services.append(
            GatewayServer(table, lane: lane, at: listen, logger: logger) { [listen, logger] _ in
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

    private func lane(_ sessions: Sessions, _ calls: RelayCalls, _ rules: any LaneRules) throws -> Lane {
        do {
            return try Lane(
                sessions: sessions, calls: calls, rules: rules, certificateAuthorities: certificateAuthorities,
                instance: Self.randomBytes(8).hexadecimal, limit: limits.relay,
                secondsSince1970: { Int(Date().timeIntervalSince1970) }, randomBytes: Self.randomBytes)
        } catch {
            throw ExitCode.cannotStart.after(["cannot use FLATPEAK_CONNECT_URL or FLATPEAK_CA_FILE: \(error)"])
        }
    }

    /// From the system's generator, which is the kernel's.
    static let randomBytes: @Sendable (Int) -> [UInt8] = { count in
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}
