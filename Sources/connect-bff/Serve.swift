import ArgumentParser
import Flatpeak
import FoundationEssentials
import Keys
import Logging

/// `connect-bff serve`.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the service.",
        discussion: "Settings come from the environment and, below it, from --config. README.md lists them.")

    @Option(help: "A YAML file with settings.")
    var config: String?

    func run() async throws {
        let settings: Settings
        do throws(Settings.Invalid) {
            settings = try await Settings.read(environment: ProcessInfo.processInfo.environment, file: config)
        } catch {
            throw ExitCode.badSettings.after(error.problems)
        }
        let upstreams = [(Setting.apiURL, settings.flatpeak.apiURL), (.connectURL, settings.flatpeak.connectURL)]
        if let problem = SelfUpstream.problem(listen: settings.listen, upstreams: upstreams) {
            throw ExitCode.badSettings.after([problem])
        }
        try OpenSSL.requireUsable()

        var logger = Logger(label: "connect-bff") { label in
            switch settings.logFormat {
            case .json: JSONLogHandler(write: StandardStream.error)
            case .text: StreamLogHandler.standardError(label: label)
            }
        }
        logger.logLevel = settings.logLevel
        for warning in settings.warnings { logger.warning("\(warning)") }
        let service = ConnectService(
            flatpeak: settings.flatpeak, certificateAuthorities: settings.certificateAuthorities,
            sessions: settings.sessions, listen: settings.listen, allowedOrigins: settings.allowedOrigins,
            authenticator: settings.authenticator, logger: logger)
        try await service.run(reload: { [config] () throws(Settings.Invalid) in
            try await Settings.credentials(environment: ProcessInfo.processInfo.environment, file: config)
        })
    }
}
