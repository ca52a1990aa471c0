import ArgumentParser
import ConnectPage
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
            the header X-Dev-Subject names. The database is in a temporary folder that is removed at the end, unless \
            --state names another one.
            """)

    @Option(help: "Where the service listens on 127.0.0.1.")
    var port = 8080

    @Option(help: "Where the admin listener listens, on 127.0.0.1.")
    var adminPort = 9090

    @Option(help: "The sandbox's API; Connect, controls and provider pages take the next three. 0 takes free ports.")
    var sandboxPort = 8090

    @Flag(help: "Use the flatpeak-sandbox that runs on --sandbox-port instead of starting one.")
    var joinSandbox = false

    @Option(help: "A folder for the database, which then outlives a restart.")
    var state: String?

    @Option(
        help:
            "Where your own app runs, such as http://localhost:3000: it may open the hosted page and call the service.")
    var app: String?

    @Flag(help: "Sessions of the hosted page need no confirmation (BFF_CONFIRM=off).")
    var noConfirm = false

    @Option(help: "The log level: trace, debug, info, notice, warning, error.")
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
        do throws(SettingsReader.Unfit) {
            if let app { _ = try WebAddress.pageOrigin(app) }
        } catch {
            throw ValidationError("--app: \(error.why).")
        }
    }

    func run() async throws {
        try OpenSSL.requireUsable()
        let metrics = PrometheusRegistry()
        MetricsSystem.bootstrap(metrics)
        let log = ServiceLog(telemetry)
        let output = LogWriter(to: STDOUT_FILENO) { _ in [] }
        defer {
            log.flush()
            output.finish()
        }
        let folder = state ?? FileManager.default.temporaryDirectory.appending(path: "connect-bff-\(UUID())").path
        defer { if state == nil { try? FileManager.default.removeItem(atPath: folder) } }

        var emulated = Sandbox.Configuration()
        emulated.port = sandboxPort
        emulated.webhookURL = "http://127.0.0.1:\(port)/v1/webhooks/flatpeak"
        let sandbox = joinSandbox ? nil : try await start(emulated, log.logger)
        let addresses = sandbox?.addresses ?? .onPorts(from: sandboxPort)
        let service = service(emulated, at: addresses, state: folder)
        do {
            try await ServiceResources.open(service, log, metrics) { resources in
                try await ConnectService.assemble(
                    service, resources, authenticator: DevAuthenticator(),
                    pages: DevPage.routes + [LaunchPage.route],
                    listening: { [publicURL, adminPort] in
                        let welcome = Welcome.text(publicURL: publicURL, adminPort: adminPort, sandbox: addresses)
                        output.add(Array(welcome.utf8))
                    }
                ).run()
            }
        } catch {
            await sandbox?.stop()
            throw error
        }
        await sandbox?.stop()
    }

    private var publicURL: String { "http://localhost:\(port)" }

    private var ownApp: [String] { [app].compactMap(\.self) }

    private var telemetry: TelemetrySettings {
        TelemetrySettings(logLevel: Logger.Level(rawValue: logLevel) ?? .info, logFormat: .text)
    }

    /// Without rate limits, so that loops and fuzzers work.
    private var edge: EdgeSettings {
        let pages = Set(
            ["http://localhost:7070", "http://127.0.0.1:7070", publicURL, "http://127.0.0.1:\(port)"] + ownApp)
        var settings = EdgeSettings(origins: pages)
        settings.frameAncestors = pages
        return settings
    }

    private func service(
        _ sandbox: Sandbox.Configuration, at addresses: Sandbox.Addresses, state folder: String
    ) -> ServiceConfiguration {
        ServiceConfiguration(
            flatpeak: .init(
                apiURL: addresses.api, connectURL: addresses.connect, logosURL: addresses.provider,
                credentials: Credentials(account: Secret(sandbox.account), keys: sandbox.keys.map { Secret($0) })),
            sessions: .init(
                callbackURL: "\(publicURL)/v1/connect/callback",
                apps: [
                    ConnectApp(hostedAt: publicURL), ConnectApp(name: "web", url: "http://localhost:7070"),
                    ConnectApp(name: "ios", url: "myapp://connect"),
                ],
                returnURLs: [
                    "\(publicURL)\(LaunchPage.path)", "myapp://tariff/done", "\(publicURL)\(DevPage.path)",
                ] + ownApp.map { "\($0)/" },
                confirmation: noConfirm ? .off : .required),
            brand: BrandSettings(name: "Daylight"),
            listeners: ListenerSettings(
                address: .tcp(host: "127.0.0.1", port: port), admin: .tcp(host: "127.0.0.1", port: adminPort)),
            edge: edge, authentication: Authentication(writers: .users),
            store: StoreSettings(database: .sqlite(path: "\(folder)/connect-bff.sqlite")),
            telemetry: telemetry)
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
