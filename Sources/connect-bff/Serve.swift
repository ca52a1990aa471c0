import ArgumentParser
import Core
import Edge
import Flatpeak
import FoundationEssentials
import Gateway
import Glibc
import Keys
import Logging
import Metrics
import Networking
import Telemetry
import Webhooks

/// `connect-bff serve`.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the service.",
        discussion: "Settings come from the environment and, below it, from --config. README.md lists them.")

    @Option(help: "A YAML file with settings.")
    var config: String?

    func run() async throws {
        EventLoops.matchCPUs()
        let openFiles = OpenFiles.raiseLimit()
        let settings: Settings
        do throws(Settings.Invalid) {
            settings = try await Settings.read(environment: ProcessInfo.processInfo.environment, file: config)
        } catch {
            throw ExitCode.badSettings.after(error.problems + error.warnings)
        }
        let upstreams = [(Setting.apiURL, settings.flatpeak.apiURL), (.connectURL, settings.flatpeak.connectURL)]
        if let problem = SelfUpstream.problem(listen: settings.listen, upstreams: upstreams) {
            throw ExitCode.badSettings.after([problem])
        }
        let listen = try Self.withPassedSockets(settings.listen)
        try OpenSSL.requireUsable()

        let metrics = PrometheusRegistry()
        MetricsSystem.bootstrap(metrics)
        // A log whose reader is gone costs lines, and not the process.
        signal(SIGPIPE, SIG_IGN)
        let isColoured = StandardStream.errorIsTerminal
        let writer = LogWriter(to: STDERR_FILENO) { [format = settings.logFormat] count in
            switch format {
            case .json: JSONLog.dropped(count)
            case .text: TextLog(isColoured: isColoured, write: { _ in }).dropped(count)
            }
        }
        let log = JSONLog(write: writer.add)
        let text = TextLog(isColoured: isColoured) { writer.add(Array($0.utf8)) }
        let flush: @Sendable () -> Void = {
            log.flush()
            writer.finish()
        }
        defer { flush() }
        var logger = Logger(label: "connect-bff") { _ in
            switch settings.logFormat {
            case .json: JSONLogHandler(log)
            case .text: TextLogHandler(text)
            }
        }
        logger.logLevel = settings.logLevel
        for warning in settings.warnings { logger.warning("\(warning)") }
        let store = try await settings.state.open(logger)
        let transport = HTTPTransport(certificateAuthorities: settings.certificateAuthorities)
        // Neither the identity provider nor the receiver of events or spans is Flatpeak: FLATPEAK_CA_FILE says nothing
        // about them.
        let others = HTTPTransport(connectionsPerHost: EventDelivery.Receiver.connections)
        let (authenticator, reloadKeys) = authenticator(settings, others, logger)
        let events = settings.events.map { events in
            EventDelivery.Receiver(signer: EventSigner(events.keys)) { (body, headers) throws(TransportFailure) in
                try await others.post(
                    body, to: events.url, headers: headers, within: EventDelivery.Receiver.timeLimit)
            }
        }
        let environment = ProcessInfo.processInfo.environment
        let stateKeys = StateKeys(
            settings.state.keys, of: store,
            read: { [config] () throws(Settings.Invalid) in
                try await Settings.state(environment: environment, file: config)
            }, logger: logger)
        let spans = settings.tracesURL.map { url in
            SpanExport { document in
                let answer = try? await others.post(
                    document, to: url, headers: [("content-type", "application/json")], within: .seconds(5))
                return answer.map { (200..<300).contains($0.status) } ?? false
            }
        }
        let service = ConnectService(
            flatpeak: settings.flatpeak, transport: transport,
            certificateAuthorities: settings.certificateAuthorities, sessions: settings.sessions,
            listen: listen, adminListen: settings.adminListen,
            // What is left is for connections to Flatpeak, files, and the database.
            mostConnections: min(
                openFiles - min(openFiles / 4, 512), MemoryLimit.connections(in: MemoryLimit.bytes())),
            drain: settings.drain,
            keepAlive: settings.keepAlive, allowedOrigins: settings.allowedOrigins, allowedHosts: settings.allowedHosts,
            authenticator: authenticator, trustedProxies: settings.trustedProxies, limits: settings.limits,
            readsPlainCalls: settings.relayReader == .plain, store: store, events: events, logger: logger,
            metrics: metrics, tracer: spans.map { spans in SpanTracer { spans.add($0) } },
            stateKey: { stateKeys.fingerprint },
            requestLog: Self.requestLog(from: settings.logLevel) { [format = settings.logFormat] line in
                switch format {
                case .json: log.add(line)
                case .text: text.add(line)
                }
            },
            always: [BackgroundWork("log") { await Self.keepFlushing(log) }]
                + (spans.map { spans in
                    [BackgroundWork("spans", { await spans.run() }, finish: { await spans.flush() })]
                } ?? []),
            flush: flush)
        do {
            try await service.run(reload: { [config, logger] (trigger) throws(Settings.Invalid) in
                await reloadKeys(trigger)
                if let signer = events?.signer { await Self.reload(signer, file: config, logger) }
                await stateKeys.reload()
                return try await Settings.credentials(environment: environment, file: config)
            })
        } catch {
            await others.shutdown()
            throw error
        }
        await others.shutdown()
    }

    /// The address with all sockets that systemd passed; each of them is served.
    private static func withPassedSockets(_ address: ListenAddress) throws -> ListenAddress {
        let sockets = Systemd.passedSockets(ProcessInfo.processInfo.environment)
        switch (address, sockets) {
        case (.inherited, 0):
            throw ExitCode.badSettings.after([
                "\(Setting.listen.variable): systemd passed no socket; start connect-bff.socket"
            ])
        case (.inherited, _): return .inherited(sockets: sockets)
        case (_, 0): return address
        default:
            // The kernel would take connections there that nothing answers.
            throw ExitCode.badSettings.after([
                "\(Setting.listen.variable): systemd passed a socket that would not be served; set it to systemd, "
                    + "or disable connect-bff.socket"
            ])
        }
    }

    /// What takes the line of each request, when such lines are wanted.
    static func requestLog(
        from level: Logger.Level, _ add: @escaping @Sendable (RequestLine) -> Void
    ) -> @Sendable (RequestLine) -> Void {
        { line in if line.level >= level { add(line) } }
    }

    /// Nothing is held back for longer than a reader of the log would notice.
    private static func keepFlushing(_ log: JSONLog) async {
        while (try? await Task.sleep(for: .milliseconds(200))) != nil { log.flush() }
    }

    /// Reads the keys that sign events anew.
    private static func reload(_ signer: EventSigner, file: String?, _ logger: Logger) async {
        do throws(Settings.Invalid) {
            let keys = try await Settings.eventKeys(environment: ProcessInfo.processInfo.environment, file: file)
            if let keys { signer.replace(keys) }
        } catch {
            logger.error(
                "the keys that sign events cannot be read, the old ones stay",
                metadata: ["bff.why": "\(error.problems.joined(separator: "; "))"])
        }
    }

    /// The authenticators that are set up, and what reads their files anew.
    private func authenticator(
        _ settings: Settings, _ identity: HTTPTransport, _ logger: Logger
    ) -> (AnyOf, reloadKeys: @Sendable (CredentialReload.Trigger) async -> Void) {
        var authenticators: [any Authenticator] = []
        var reloads: [@Sendable (CredentialReload.Trigger) async -> Void] = []
        if let jwt = settings.authentication.jwt {
            let file: WatchedKeys?
            let fetch: @Sendable () async throws(DocumentFailure) -> [UInt8]?
            switch jwt.keys {
            case .url(let url):
                file = nil
                fetch = { () throws(DocumentFailure) in try await identity.document(at: url) }
            case .file(let keys):
                let watched = WatchedKeys(keys)
                file = watched
                fetch = { watched.jwks() }
            }
            let authenticator = JWTAuthenticator(
                issuer: jwt.issuer, audience: jwt.audience,
                keysLife: file == nil ? JWTAuthenticator.remoteKeysLife : .seconds(15), fetch: fetch, now: { Date() },
                logger: logger)
            authenticators.append(authenticator)
            reloads.append { trigger in
                guard trigger == .hangup else { return }
                file?.hangUp()
                await authenticator.reload()
            }
        }
        if let proxy = settings.authentication.proxy {
            authenticators.append(ProxyAuthenticator(header: proxy.header, proxies: settings.trustedProxies))
        }
        if let (file, keys) = settings.authentication.serviceKeys {
            let watched = WatchedKeys(file)
            let service = ServiceKeyAuthenticator(keys)
            authenticators.append(service)
            let reload: @Sendable (CredentialReload.Trigger) async -> Void = { trigger in
                if trigger == .hangup { watched.hangUp() }
                if let keys = watched.serviceKeys(logger) { service.replace(keys) }
            }
            // First: a key that is revoked must not wait for an identity provider that does not answer.
            reloads.insert(reload, at: 0)
        }
        return (AnyOf(authenticators), { [reloads] trigger in for reload in reloads { await reload(trigger) } })
    }
}
