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
import Sandbox
import Sessions
import Telemetry

/// `connect-bff dev`.
struct Dev: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Try everything on this machine: the service and a sandbox of Flatpeak in one process.",
        discussion: """
            No account is needed and nothing leaves the machine. Every caller is the subject "demo", or the one that \
            the header X-Dev-Subject names. What is known lies in a temporary folder and goes with it, unless --state \
            names another one.
            """)

    @Option(help: "Where the service listens on 127.0.0.1.")
    var port = 8080

    @Option(help: "Where operators look, on 127.0.0.1.")
    var adminPort = 9090

    @Option(help: "The sandbox's API; Connect, controls and provider pages take the next three. 0 takes free ports.")
    var sandboxPort = 8090

    @Flag(help: "Use the flatpeak-sandbox that runs on --sandbox-port, instead of starting one.")
    var joinSandbox = false

    @Option(help: "A folder for the database, to find it again after a restart.")
    var state: String?

    @Option(help: "How much the service says: trace, debug, info, notice, warning, error.")
    var logLevel = "info"

    func validate() throws {
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError("There is no log level \(logLevel).")
        }
        guard (1...65535).contains(port), (1...65535).contains(adminPort),
            ((joinSandbox ? 1 : 0)...65532).contains(sandboxPort)
        else {
            throw ValidationError("A port is a number from 1 to 65535.")
        }
    }

    func run() async throws {
        try OpenSSL.requireUsable()
        let metrics = PrometheusRegistry()
        MetricsSystem.bootstrap(metrics)
        signal(SIGPIPE, SIG_IGN)
        let isColoured = StandardStream.errorIsTerminal
        let errors = LogWriter(to: STDERR_FILENO) {
            TextLog(isColoured: isColoured, write: { _ in }).dropped($0)
        }
        let output = LogWriter(to: STDOUT_FILENO) { _ in [] }
        let flush: @Sendable () -> Void = {
            errors.finish()
            output.finish()
        }
        defer { flush() }
        let log = TextLog(isColoured: isColoured) { errors.add(Array($0.utf8)) }
        var logger = Logger(label: "connect-bff") { _ in TextLogHandler(log) }
        logger.logLevel = Logger.Level(rawValue: logLevel) ?? .info

        let folder = state ?? FileManager.default.temporaryDirectory.appending(path: "connect-bff-\(UUID())").path
        defer { if state == nil { try? FileManager.default.removeItem(atPath: folder) } }
        let store = try await StateSettings(database: .sqlite(path: "\(folder)/connect-bff.sqlite")).open(logger)

        var configuration = Sandbox.Configuration()
        configuration.port = sandboxPort
        configuration.webhookURL = "http://127.0.0.1:\(port)/v1/webhooks/flatpeak"
        let sandbox = joinSandbox ? nil : try await start(configuration, logger)
        let addresses = sandbox?.addresses ?? .onPorts(from: sandboxPort)
        let publicURL = "http://localhost:\(port)"
        let service = ConnectService(
            flatpeak: .init(
                apiURL: addresses.api, connectURL: addresses.connect,
                credentials: Credentials(
                    account: Secret(configuration.account), keys: configuration.keys.map { Secret($0) })),
            transport: HTTPTransport(),
            sessions: .init(
                callbackURL: "\(publicURL)/v1/connect/callback",
                apps: [
                    ConnectApp(name: "web", url: "http://localhost:7070"),
                    ConnectApp(name: "ios", url: "myapp://connect"),
                    ConnectApp(name: "page", url: "\(publicURL)\(DevPage.path)"),
                ],
                returnURLs: [
                    "\(publicURL)\(LaunchPage.path)", "myapp://tariff/done", "\(publicURL)\(DevPage.path)",
                ]),
            listen: .tcp(host: "127.0.0.1", port: port), adminListen: .tcp(host: "127.0.0.1", port: adminPort),
            allowedOrigins: [
                "http://localhost:7070", "http://127.0.0.1:7070", publicURL, "http://127.0.0.1:\(port)",
            ],
            authenticator: DevAuthenticator(),
            // A developer's loops and fuzzers are welcome.
            trustedProxies: TrustedProxies([], unix: false), limits: RateLimits(), store: store, logger: logger,
            metrics: metrics, requestLog: Serve.requestLog(from: logger.logLevel, log.add), flush: flush)
        do {
            try await service.run(
                pages: DevPage.routes + [LaunchPage.route],
                listening: {
                    output.add(
                        Array(Welcome.text(publicURL: publicURL, adminPort: adminPort, sandbox: addresses).utf8))
                })
        } catch {
            await sandbox?.stop()
            throw error
        }
        await sandbox?.stop()
    }

    private func start(_ configuration: Sandbox.Configuration, _ logger: Logger) async throws -> Sandbox {
        do {
            return try await Sandbox.start(configuration, logger: logger)
        } catch {
            throw ExitCode.cannotStart.after([
                "the sandbox cannot listen on port \(sandboxPort) and the three after it; choose others with --sandbox-port"
            ])
        }
    }
}
