import ArgumentParser
import ConnectPage
import Core
import Edge
import Flatpeak
import FoundationEssentials
import Gateway
import Glibc
import Logging
import Networking
import Relay
import ServiceLifecycle
import Sessions
import Telemetry
import UnixSignals
import Webhooks

/// The service, assembled: the one place where clocks and randomness are chosen.
struct ConnectService: Sendable {
    private let services: [any Service]
    private let connections: ClientConnections
    private let shutdown: Shutdown
    private let drain: Duration
    private let log: ServiceLog

    /// Wires the service; nothing runs yet.
    /// - Parameters:
    ///   - authenticator: Replaces those that the configuration names, in `connect-bff dev` alone.
    ///   - pages: Routes besides those of the contract.
    ///   - source: Where credentials are read again; `nil` when they cannot change.
    ///   - listening: Called once the sockets are open.
    /// - Throws: An exit code, once standard error has the reason.
    static func assemble(
        _ configuration: ServiceConfiguration, _ resources: ServiceResources,
        authenticator: (any Authenticator)? = nil, pages: [Route] = [], reloadingFrom source: SettingsSource? = nil,
        listening: @escaping @Sendable () async -> Void = {}
    ) throws -> ConnectService {
        let logger = resources.log.logger, edge = configuration.edge, listeners = configuration.listeners
        let graph = ServiceGraph(configuration, resources)
        let authenticators = Authenticators(
            configuration.authentication, proxies: edge.trustedProxies, transport: resources.others, logger: logger)
        let authenticator = authenticator ?? authenticators.all
        let stateKeys = stateKeys(configuration, resources, source)
        let shutdown = Shutdown()
        let isReady: @Sendable () -> Bool = { !shutdown.hasBegun && authenticator.isReady }
        let page = configuration.sessions.hostedPage.map { _ in
            ConnectPage(
                configuration.brand, framedBy: edge.frameAncestors,
                apiVersion: configuration.flatpeak.version.rawValue)
        }
        let table = RouteTable(
            Route.contract(
                sessions: graph.sessions, cache: graph.cache, reads: graph.reads, flatpeak: graph.flatpeak,
                webhooks: graph.webhooks, writers: configuration.authentication.writers, page: page, logos: graph.logos,
                now: { Date() }, isReady: isReady) + pages,
            authenticator: authenticator, edge: edge, messages: MessagePages(configuration.brand, in: page),
            logger: logger, log: resources.log.addRequest, tracer: graph.tracer)
        let connections = ClientConnections(
            table.edge, router: table,
            fastPath: try relay(configuration, graph, table.edge.fastPathSlots, resources.flatpeak.tls),
            secondsSince1970: secondsSince1970, randomBytes: randomBytes)
        let (adminOpen, openAdmin) = AsyncStream<Never>.makeStream()
        let status: @Sendable () -> ServiceStatus = {
            ServiceStatus(
                flatpeak: graph.flatpeak.status, isReady: graph.flatpeak.isReady && isReady(),
                store: graph.cache.status, webhooks: graph.webhooks.status,
                stateKey: stateKeys.inUse.flatMap(StoreSettings.fingerprint(of:)), events: graph.delivery.status,
                requests: table.load, process: .now(), now: Date())
        }
        let admin = AdminServer(
            Route.probes(flatpeak: graph.flatpeak, cache: graph.cache, isReady: isReady)
                + Route.forOperators(resources.metrics, status), at: listeners.admin, times: edge.times,
            secondsSince1970: secondsSince1970, randomBytes: randomBytes, logger: logger,
            listening: { _ in openAdmin.finish() })
        // Services stop in reverse order: requests end while calls still find a bearer, and probes are answered to the
        // end.
        var services: [any Service] = [resources.log.background, graph.spanExport].compactMap(\.self)
        services += [admin] + graph.services
        if let work = authenticator.background { services.append(BackgroundWork("identity keys", work)) }
        if let source {
            let reloads = reloads(configuration, graph, source, logger)
            services.append(
                ReloadService(
                    reloads: authenticators.reloads + [{ await stateKeys.reload($0) }] + reloads, logger: logger))
        }
        services.append(
            GatewayServer(
                connections, at: listeners.address, mostConnections: listeners.maximumConnections
            ) { _ in
                for await _ in adminOpen {}
                guard !Task.isCancelled else { return }
                logger.info(
                    "listening",
                    metadata: ["bff.listen": "\(listeners.address)", "bff.admin_listen": "\(listeners.admin)"])
                await listening()
                Systemd.notify("READY=1", at: notifySocket)
            })
        return ConnectService(
            services: services, connections: connections, shutdown: shutdown, drain: listeners.drain, log: resources.log
        )
    }

    private static func relay(
        _ configuration: ServiceConfiguration, _ graph: ServiceGraph, _ slots: AdmissionControl, _ tls: UpstreamTLS?
    ) throws -> SessionRelay {
        do {
            return try SessionRelay(
                at: Route.relayPaths, sessions: graph.sessions, calls: graph.flatpeak.relayCalls, slots: slots,
                tls: tls, instance: randomBytes(8).hexadecimal, limit: configuration.edge.rateLimits.relay,
                tracer: graph.tracer)
        } catch {
            throw ExitCode.cannotStart.after(["cannot use FLATPEAK_CONNECT_URL or FLATPEAK_CA_FILE: \(error)"])
        }
    }

    // MARK: - Reloads

    /// The keys under which connect tokens are sealed; after a change the store seals its tokens again.
    private static func stateKeys(
        _ configuration: ServiceConfiguration, _ resources: ServiceResources, _ source: SettingsSource?
    ) -> Reloaded<[[UInt8]]> {
        Reloaded(
            "state keys", inUse: configuration.store.keys, logger: resources.log.logger,
            load: { (_) throws(ReloadFailure) in try await source?.reread(StoreSettings.read).keys },
            adopt: { [store = resources.store] (keys) throws(ReloadFailure) in
                do throws(BFFError) { try await store.adopt(stateKeys: keys) } catch {
                    throw ReloadFailure(why: "the store cannot be written now")
                }
            })
    }

    /// Reloads the keys that sign events, and then the credentials, which wait for Flatpeak.
    private static func reloads(
        _ configuration: ServiceConfiguration, _ graph: ServiceGraph, _ source: SettingsSource, _ logger: Logger
    ) -> [ReloadService.Reload] {
        let credentials = credentials(configuration.flatpeak.credentials, of: graph.flatpeak, logger) {
            () throws(ReloadFailure) in try await source.reread(Credentials.read)
        }
        guard let signer = graph.signer else { return [{ await credentials.reload($0) }] }
        let eventKeys = Reloaded(
            "event signing keys", inUse: configuration.events?.keys, logger: logger,
            load: { (_) throws(ReloadFailure) in
                try await source.reread { .some(await EventSettings.keys(&$0)) }
            }, adopt: { (keys) throws(ReloadFailure) in signer.replace(keys) })
        return [{ await eventKeys.reload($0) }, { await credentials.reload($0) }]
    }

    static func credentials(
        _ inUse: Credentials, of flatpeak: FlatpeakClient, _ logger: Logger,
        load: @escaping @Sendable () async throws(ReloadFailure) -> Credentials
    ) -> Reloaded<Credentials> {
        Reloaded(
            "Flatpeak credentials", inUse: inUse, logger: logger,
            load: { (_) throws(ReloadFailure) in try await load() },
            adopt: { (credentials) throws(ReloadFailure) in
                do throws(BFFError) { try await flatpeak.adopt(credentials) } catch {
                    throw ReloadFailure(why: "Flatpeak did not accept them: \(error.code)")
                }
            })
    }

    // MARK: - Running

    /// Runs until SIGTERM or SIGINT, then shuts down gracefully (``Shutdown``).
    /// - Throws: An exit code, once standard error has the reason.
    func run() async throws {
        var configuration = ServiceGroupConfiguration(services: services, logger: log.logger)
        configuration.maximumGracefulShutdownDuration = Shutdown.gracePeriod
        let group = ServiceGroup(configuration: configuration)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let steps = Shutdown.Steps(
            announce: { [log, drain, connections] in
                Systemd.notify("STOPPING=1", at: Self.notifySocket)
                log.logger.info("stopping", metadata: ["bff.drain": "\(drain)"])
                connections.drain()
            },
            close: { await group.triggerGracefulShutdown() },
            exit: { [log] code in
                log.flush()
                // Not `exit`, which waits for threads of libraries.
                _exit(code)
            })
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { [shutdown, drain] in
                await shutdown.run(on: signals, window: drain, sleep: { try await Task.sleep(for: $0) }, steps)
            }
            do {
                try await group.run()
            } catch let error as CannotListen {
                throw ExitCode.cannotStart.after([error.description])
            } catch  where shutdown.hasBegun {
                // Some requests exceeded the grace period, which is no failure of the process.
                log.logger.warning("requests were cut off", metadata: ["bff.error_type": "\(type(of: error))"])
            }
            tasks.cancelAll()
        }
    }

    private static let notifySocket = ProcessInfo.processInfo.environment["NOTIFY_SOCKET"]

    static let secondsSince1970: @Sendable () -> Int = { Int(saturating: Date().timeIntervalSince1970) }

    /// From the kernel's generator.
    static let randomBytes: @Sendable (Int) -> [UInt8] = { count in
        var generator = SystemRandomNumberGenerator()
        // Each number is a call of the system.
        let numbers = (0..<(count + 7) / 8).map { _ in generator.next() }
        return (0..<count).map { UInt8(truncatingIfNeeded: numbers[$0 / 8] >> ($0 % 8 * 8)) }
    }
}
