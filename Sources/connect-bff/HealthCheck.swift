import ArgumentParser
import Core
import Edge
import FoundationEssentials
import Networking

/// `connect-bff healthcheck`.
struct HealthCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck",
        abstract: "Ask the running service whether it lives: for containers, which have no other program to ask with.",
        discussion: """
            Give it the settings of `connect-bff serve`; of these it reads BFF_ADMIN_LISTEN. It exits with 0 when the \
            service answers, else with 1.
            """)

    @Flag(help: "Ask whether it is ready for requests.")
    var ready = false

    @Option(help: "A YAML file with settings.")
    var config: String?

    func run() async throws {
        let source = SettingsSource(environment: ProcessInfo.processInfo.environment, file: config)
        let listeners: ListenerSettings
        do throws(Settings.Invalid) {
            listeners = try await source.read(ListenerSettings.read)
        } catch {
            // Not 78: a container's engine knows 0 and 1.
            throw ExitCode.failure.after(error.problems)
        }
        let transport = HTTPTransport(clock: EventLoopClock())
        let path = ready ? "/readyz" : "/livez"
        var problem: String?
        do throws(DocumentFailure) {
            _ = try await transport.document(path, at: listeners.admin)
        } catch {
            problem = "\(path) at \(listeners.admin): \(error)"
        }
        await transport.shutdown()
        if let problem { throw ExitCode.failure.after([problem]) }
        StandardStream.output("ok\n")
    }
}

extension HTTPTransport {
    /// A document of this service, at an address of its own machine.
    func document(_ path: String, at address: ListenAddress) async throws(DocumentFailure) -> [UInt8] {
        switch address {
        case .tcp(let host, let port):
            let near = ["0.0.0.0": "127.0.0.1", "::": "::1"][host] ?? host
            return try await document(at: "http://\(near.contains(":") ? "[\(near)]" : near):\(port)\(path)")
        case .unix(let socket, _):
            let name = socket.utf8.map { "%\([$0].hexadecimal)" }.joined()
            return try await document(at: "http+unix://\(name)\(path)", headers: [("host", "localhost")])
        case .inherited: throw .noAnswer(.notConnected)
        }
    }
}
