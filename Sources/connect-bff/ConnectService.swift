import ArgumentParser
import Core
import Edge
import Flatpeak
import FoundationEssentials
import Glibc
import Gateway
import Logging
import Networking
import Relay
import ServiceLifecycle
import Sessions
import Telemetry
import Tracing
import UnixSignals
import Webhooks

/// The service, wired: the one place where clocks, randomness, network and store are chosen.
struct ConnectService {
    let flatpeak: FlatpeakClient.Settings
    let transport: HTTPTransport
    /// Certificates in PEM to trust instead of the system's roots.
    var certificateAuthorities: [UInt8]?
    let sessions: SessionSettings
    let listen: ListenAddress
    let adminListen: ListenAddress
    /// More wait until one of them ends.
    var mostConnections = 1000
    /// How long connections are still taken once the process was told to end.
    var drain = Duration.zero
    /// How long a connection is held between two requests.
    var keepAlive = ConnectionTimes().idle
    let allowedOrigins: Set<String>
    /// Empty for any.
    var allowedHosts: Set<String> = []
    let authenticator: any Authenticator
    let trustedProxies: TrustedProxies
    let limits: RateLimits
    /// Whether relayed calls that came whole and in the plain shape are read by the relay, and not by the complete reader.
    var readsPlainCalls = true
    let store: any SessionStore & Inbox & Outbox
    /// Who hears of events; nil when they are only kept.
    var events: EventDelivery.Receiver?
    let logger: Logger
    let metrics: PrometheusRegistry
    /// Nil where nobody looks at traces.
    var tracer: (any Tracer)?
    /// A short name of the key that seals connect tokens, for operators.
    var stateKey: @Sendable () -> String? = { nil }
    /// Takes a line for each request; nil for the logger's own form.
    var requestLog: (@Sendable (RequestLine) -> Void)?
    /// What runs from the beginning to the end.
    var always: [any Service] = []
    /// Writes out what is held back, before the process ends out of turn.
    var flush: @Sendable () -> Void = {}

    /// Runs until SIGTERM or SIGINT, then drains (``Shutdown``), and shuts the transport down.
    ///
    /// - Parameters:
    ///   - pages: Routes besides those of the contract.
    ///   - listening: Called once the socket is open.
    ///   - reload: Reads the credentials anew; nil where they cannot change.
    /// - Throws: `ExitCode.cannotStart`, after it said why.
    func run(
        pages: [Route] = [], listening: @escaping @Sendable () async -> Void = {},
        reload: (@Sendable (CredentialReload.Trigger) async throws(Settings.Invalid) -> Credentials)? = nil
    ) async throws {
        let flatpeak = FlatpeakClient(flatpeak, transport: transport, tracer: tracer, logger: logger)
        let now: @Sendable () -> Date = { Date() }
        let cache = SessionCache(store: store, now: now, logger: logger)
        let reads = LocationReads(flatpeak: flatpeak, cache: cache, now: now)
        let sessions = Sessions(
            flatpeak: flatpeak, cache: cache, reads: reads, settings: sessions, now: now,
            randomBytes: Self.randomBytes, logger: logger)
        let delivery = EventDelivery(outbox: store, receiver: events, now: now, logger: logger)
        let webhooks = Webhooks(
            sessions: sessions, reads: reads, flatpeak: flatpeak, inbox: store,
            fetchKeys: { () throws(DocumentFailure) in try await flatpeak.keySet() }, mode: self.flatpeak.mode,
            now: now, logger: logger)
        let shutdown = Shutdown()
        let isReady: @Sendable () -> Bool = { [authenticator] in !shutdown.hasBegun && authenticator.isReady }
        let table = RouteTable(
            Route.contract(
                sessions: sessions, cache: cache, reads: reads, flatpeak: flatpeak, webhooks: webhooks, now: now,
                isReady: isReady)
                + pages,
            authenticator: authenticator, origins: allowedOrigins,
            limits: RequestLimits(mint: limits.mint, address: limits.address), proxies: trustedProxies,
            hosts: allowedHosts, capacity: .init(relays: RelayCalls.places), randomBytes: Self.randomBytes,
            logger: logger, log: requestLog, tracer: tracer)
        let relay = try relay(sessions, flatpeak.relayCalls, table.edge.fastPathSlots)
        var times = ConnectionTimes()
        times.idle = keepAlive
        let connections = ClientConnections(
            table.edge, fastPath: relay, times: times, readsPlain: readsPlainCalls,
            secondsSince1970: Self.secondsSince1970, randomBytes: Self.randomBytes)
        let (adminOpen, openAdmin) = AsyncStream<Never>.makeStream()
        let condition: @Sendable () -> Condition = { [stateKey] in
            Condition(
                flatpeak: flatpeak.condition, isReady: flatpeak.isReady && isReady(), store: cache.status,
                webhooks: webhooks.facts, stateKey: stateKey(), events: delivery.standing, requests: table.load,
                process: .now(), now: now())
        }
        let admin = AdminServer(
            Route.probes(flatpeak: flatpeak, cache: cache, isReady: isReady)
                + Route.forOperators(metrics, condition), at: adminListen, times: times,
            secondsSince1970: Self.secondsSince1970, randomBytes: Self.randomBytes, logger: logger,
            listening: { _ in openAdmin.finish() })
        // The last one is stopped first: no request is taken any more while those under way still find a bearer, and
        // probes are answered to the end.
        var services: [any Service] =
            always + [
                admin,
                BackgroundWork("event delivery", { await delivery.run() }, finish: { await delivery.finish() }),
                BackgroundWork("bearer renewal") { await flatpeak.run() },
                BackgroundWork("webhooks") { await webhooks.run() },
                BackgroundWork("sessions", { await sessions.run() }, finish: { await sessions.finish() }),
            ]
        if let work = authenticator.background { services.append(BackgroundWork("identity keys", work)) }
        if let reload {
            services.append(
                CredentialReload(
                    flatpeak: flatpeak, inUse: self.flatpeak.credentials, read: reload, logger: logger))
        }
        services.append(
            GatewayServer(table, connections, at: listen, mostConnections: mostConnections, logger: logger) {
                [listen, adminListen, logger] _ in
                for await _ in adminOpen {}
                guard !Task.isCancelled else { return }
                logger.info("listening", metadata: ["bff.listen": "\(listen)", "bff.admin_listen": "\(adminListen)"])
                await listening()
                Systemd.notify("READY=1", at: Self.notifySocket)
            })
        var configuration = ServiceGroupConfiguration(services: services, logger: logger)
        configuration.maximumGracefulShutdownDuration = Shutdown.patience
        do {
            try await run(ServiceGroup(configuration: configuration), until: shutdown, connections)
        } catch {
            await transport.shutdown()
            throw error
        }
        await transport.shutdown()
    }

    private func run(_ group: ServiceGroup, until shutdown: Shutdown, _ connections: ClientConnections) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let steps = Shutdown.Steps(
            announce: { [logger, drain] in
                Systemd.notify("STOPPING=1", at: Self.notifySocket)
                logger.info("stopping", metadata: ["bff.drain": "\(drain)"])
                connections.drain()
            },
            close: { await group.triggerGracefulShutdown() },
            exit: { [flush] code in
                flush()
                // Not `exit`: it would wait for threads of libraries, and nothing waits here.
                _exit(code)
            })
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { [drain] in
                await shutdown.run(on: signals, window: drain, sleep: { try await Task.sleep(for: $0) }, steps)
            }
            do {
                try await group.run()
            } catch let error as CannotListen {
                throw ExitCode.cannotStart.after([error.description])
            } catch  where shutdown.hasBegun {
                // Some requests were given up; that ends the process no less well.
                logger.warning("requests were cut off", metadata: ["bff.error_type": "\(type(of: error))"])
            }
            tasks.cancelAll()
        }
    }

    private static let notifySocket = ProcessInfo.processInfo.environment["NOTIFY_SOCKET"]

    private func relay(
        _ sessions: Sessions, _ calls: RelayCalls, _ slots: AdmissionControl
    ) throws -> SessionRelay {
        do {
            return try SessionRelay(
                at: Route.relayPaths, sessions: sessions, calls: calls, slots: slots,
                certificateAuthorities: certificateAuthorities,
                instance: Self.randomBytes(8).hexadecimal, limit: limits.relay, tracer: tracer)
        } catch {
            throw ExitCode.cannotStart.after(["cannot use FLATPEAK_CONNECT_URL or FLATPEAK_CA_FILE: \(error)"])
        }
    }

    static let secondsSince1970: @Sendable () -> Int = { Int(saturating: Date().timeIntervalSince1970) }

    /// From the system's generator, which is the kernel's.
    static let randomBytes: @Sendable (Int) -> [UInt8] = { count in
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}
