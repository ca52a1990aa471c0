import ArgumentParser
import CBuild
import Core
import Dispatch
import Logging
import Sandbox

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@main
struct SandboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flatpeak-sandbox",
        abstract: "Emulates api.flatpeak.com and connect.flatpeak.com until interrupted.",
        version: unsafe "flatpeak-sandbox \(ProductVersion.current) (commit \(String(cString: connect_bff_commit())))")

    @Option(help: "Port of the API host; Connect, control and the provider's pages follow. 0: any free ports.")
    var port: Int?

    @Option(help: "Address to listen on.")
    var host: String?

    @Option(help: "Account id that logs in.")
    var account: String?

    @Option(help: "API key that logs in; may be repeated.")
    var key: [String] = []

    @Option(help: "plain, odd or strict.")
    var mode = Sandbox.Mode.plain

    @Option(help: "The account's default API version; older ones are refused.")
    var defaultVersion: String?

    @Option(help: "Where events are delivered, http:// only.")
    var webhookURL: String?

    func validate() throws {
        guard webhookURL?.hasPrefix("http://") ?? true else { throw ValidationError("--webhook-url must be http://…") }
        guard defaultVersion.map(Sandbox.isVersion) ?? true else {
            throw ValidationError("--default-version must be a date and a name, such as 2026-08-01.busbar")
        }
        guard (0...65_532).contains(port ?? 0) else { throw ValidationError("--port must be between 0 and 65532") }
    }

    func run() async throws {
        var configuration = Sandbox.Configuration()
        if let port { configuration.port = port }
        if let host { configuration.host = host }
        if let account { configuration.account = account }
        if !key.isEmpty { configuration.keys = key }
        if let defaultVersion { configuration.accountVersion = defaultVersion }
        configuration.mode = mode
        configuration.webhookURL = webhookURL

        let signals = Self.terminationSignals()
        let sandbox = try await Sandbox.start(configuration, logger: Logger(label: "flatpeak-sandbox"))
        print("API       \(sandbox.addresses.api)")
        print("Connect   \(sandbox.addresses.connect)")
        print("Control   \(sandbox.addresses.control)")
        print("Provider  \(sandbox.addresses.provider)")
        // A pipe is written to only when flushed, and whoever started the sandbox waits for the addresses.
        fflush(nil)
        for await _ in signals.stream { break }
        withExtendedLifetime(signals.sources) {}
        await sandbox.stop()
    }

    /// SIGINT and SIGTERM as they arrive, for as long as the sources live.
    private static func terminationSignals() -> (stream: AsyncStream<Void>, sources: [any DispatchSourceSignal]) {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler { continuation.yield() }
            source.resume()
            return source
        }
        return (stream, sources)
    }
}

extension Sandbox.Mode: ExpressibleByArgument {}
