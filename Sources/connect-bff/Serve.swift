import ArgumentParser
import Edge
import FoundationEssentials
import Keys
import Logging
import Metrics
import Telemetry

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
        let environment = ProcessInfo.processInfo.environment
        let settings: Settings
        do throws(Settings.Invalid) {
            settings = try await Settings.read(environment: environment, file: config)
        } catch {
            throw ExitCode.badSettings.after(error.problems + error.warnings)
        }
        var service = settings.service
        if let problem = SelfUpstream.problem(listen: service.listeners.address, service.flatpeak) {
            throw ExitCode.badSettings.after([problem])
        }
        try service.listeners.takePassedSockets(environment)
        // The other files are connections to Flatpeak, the database, and what else is open.
        service.listeners.maximumConnections = min(
            openFiles - min(openFiles / 4, 512), MemoryLimit.connections(in: MemoryLimit.bytes()))
        try OpenSSL.requireUsable()

        let metrics = PrometheusRegistry()
        MetricsSystem.bootstrap(metrics)
        let log = ServiceLog(service.telemetry)
        defer { log.flush() }
        log.logger.info("starting", metadata: Build.current.metadata)
        for warning in settings.warnings { log.logger.warning("\(warning)") }
        try await ServiceResources.open(service, log, metrics) { resources in
            let source = SettingsSource(environment: environment, file: config)
            try await ConnectService.assemble(service, resources, reloadingFrom: source).run()
        }
    }
}

extension ListenerSettings {
    /// Adds all sockets that systemd passed to the address; every one of them is served.
    fileprivate mutating func takePassedSockets(_ environment: [String: String]) throws {
        let sockets = Systemd.passedSockets(environment)
        switch (address, sockets) {
        case (.inherited, 0):
            throw ExitCode.badSettings.after([
                "\(Setting.listen.variable): systemd passed no socket; start connect-bff.socket"
            ])
        case (.inherited, _): address = .inherited(sockets: sockets)
        case (_, 0): break
        default:
            // The kernel would accept connections there that nothing answers.
            throw ExitCode.badSettings.after([
                "\(Setting.listen.variable): systemd passed a socket that would not be served; set it to systemd, "
                    + "or disable connect-bff.socket"
            ])
        }
    }
}
