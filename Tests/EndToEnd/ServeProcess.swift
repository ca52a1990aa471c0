import Foundation
import Subprocess
import Synchronization
import Testing

/// A real `connect-bff serve` in front of a sandbox in another process: real settings, real files, a real database.
///
/// It can be ended in any way and started again on what it left.
final class ServeProcess: Sendable {
    let folder: String
    let port: Int
    let url: String
    /// Where operators look.
    let adminURL: String
    let control: String
    /// The key of the integrator's backend, which names the user in `Connect-Subject`.
    let serviceKey: String
    let credentials: Set<String>
    private let holdsSocket: Bool
    /// Ports of sockets that are held beside that of the service, as `socket_unit.py` takes them.
    private let moreSockets: [String]
    /// Nil for a node that joined another one.
    private let sandbox: Program?
    /// Takes its traces; nil where it makes none.
    let collector: Collector?
    private let environment: [String: String]
    private let service: Mutex<Program?> = Mutex(nil)
    /// What ended processes wrote.
    private let said = Record()

    var database: String { "\(folder)/state/connect-bff.sqlite" }
    /// Everything that it ever wrote.
    var log: String { said.text + (service.withLock { $0?.output.text } ?? "") }

    /// - Parameters:
    ///   - starting: Whether the service runs from the beginning.
    ///   - tracing: Whether it sends its spans to a collector.
    static func run(
        _ settings: [String: String] = [:], holdingSocket: Bool = false, moreSockets: [String] = [],
        starting: Bool = true,
        tracing: Bool = true, _ body: (ServeProcess) async throws -> Void
    ) async throws {
        let serve = try await ServeProcess(
            settings, holdsSocket: holdingSocket, moreSockets: moreSockets, tracing: tracing)
        try await Program.run {
            if starting { try await serve.start() }
            try await body(serve)
        } finally: {
            await serve.remove()
        }
    }

    /// - Parameter holdsSocket: Whether something else holds the listening socket, as systemd does.
    private init(
        _ settings: [String: String], holdsSocket: Bool, moreSockets: [String], tracing: Bool
    ) async throws {
        self.holdsSocket = holdsSocket
        self.moreSockets = moreSockets
        collector = tracing ? try await Collector() : nil
        folder = FileManager.default.temporaryDirectory.appending(path: "bff-serve-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let account = "acc_\(Canary.marker)\(UUID().uuidString.prefix(8))",
            apiKey = "sk_test_\(Canary.marker)\(UUID().uuidString.prefix(12))"
        let sandbox = await Program(
            "flatpeak-sandbox", ["--port", "0", "--account", account, "--key", apiKey], until: "Provider")
        self.sandbox = sandbox
        let address = { (label: String) in
            let match = try #require(sandbox.output.text.firstMatch(of: try Regex("\(label) +(http:\\S+)")))
            return String(match[1].substring ?? "")
        }
        control = try address("Control")

        let made = await Program("connect-bff", ["key", "new", "backend"], until: "\n\n  backend ")
        await made.end()
        let lines = made.output.text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        serviceKey = try #require(lines.first { $0.hasPrefix("sbk_") })
        for (name, text) in ["keys": try #require(lines.first { $0.hasPrefix("backend ") }), "api-key": apiKey + "\n"] {
            try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(name)"))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: "\(folder)/\(name)")
        }
        credentials = [
            account, apiKey, serviceKey, Data("\(account):\(apiKey)".utf8).base64EncodedString(),
        ]
        port = try FreePort.find()
        url = "http://127.0.0.1:\(port)"
        let adminPort = try FreePort.find()
        adminURL = "http://127.0.0.1:\(adminPort)"
        environment = [
            "FLATPEAK_ACCOUNT_ID": account, "FLATPEAK_API_KEY_FILE": "\(folder)/api-key",
            "FLATPEAK_API_URL": try address("API"), "FLATPEAK_CONNECT_URL": try address("Connect"),
            "FLATPEAK_MODE": "test", "BFF_LISTEN": holdsSocket ? "systemd" : "127.0.0.1:\(port)",
            "BFF_ADMIN_LISTEN": "127.0.0.1:\(adminPort)", "BFF_DRAIN": "0s",
            "BFF_PUBLIC_URL": "http://localhost:\(port)",
            // Most tests walk the API by hand, with the connect token of a mint for the web app.
            "BFF_CONNECT_APPS": "web=http://localhost:7070", "BFF_AUTH": "service",
            "BFF_SERVICE_KEYS_FILE": "\(folder)/keys", "BFF_LOG_LEVEL": "trace",
            "BFF_DATABASE_URL": "sqlite:\(folder)/state/connect-bff.sqlite", "BFF_LIMIT_MINT": "100000/s",
            "BFF_LIMIT_ADDRESS": "100000/s",
        ].merging(collector.map { ["BFF_TRACES_URL": $0.url] } ?? [:]) { $1 }.merging(settings) { $1 }
    }

    /// Another node of the same service, not started yet.
    func joined(by settings: [String: String] = [:]) throws -> ServeProcess {
        try ServeProcess(joining: self, settings)
    }

    private init(joining first: ServeProcess, _ settings: [String: String]) throws {
        (folder, control, serviceKey, credentials) = (first.folder, first.control, first.serviceKey, first.credentials)
        sandbox = nil
        collector = nil
        holdsSocket = false
        moreSockets = []
        port = try FreePort.find()
        let adminPort = try FreePort.find()
        url = "http://127.0.0.1:\(port)"
        adminURL = "http://127.0.0.1:\(adminPort)"
        let own = ["BFF_LISTEN": "127.0.0.1:\(port)", "BFF_ADMIN_LISTEN": "127.0.0.1:\(adminPort)"]
        environment = first.environment.merging(own.merging(settings) { $1 }) { $1 }
    }

    // MARK: - The process

    struct DidNotStart: Error {
        let code: Int32
        let said: String
    }

    func start() async throws {
        let path = Program.path(of: "connect-bff")
        let program =
            holdsSocket
            ? await Program(
                path: URL(filePath: "/usr/bin/python3"),
                [
                    Program.source("socket_unit.py").path, (["\(port)"] + moreSockets).joined(separator: ","),
                    path.path,
                    "serve",
                ], environment: environment, until: "\"listening\"")
            : await Program(path: path, ["serve"], environment: environment, until: "\"listening\"")
        guard program.output.text.contains("\"listening\"") else {
            throw DidNotStart(code: await program.stop(), said: program.output.text)
        }
        service.withLock { $0 = program }
    }

    /// Starts with a standard error that nothing reads: a pipe that the process itself holds open.
    func startUnread() async throws {
        let script = "mkfifo \"$1\" && exec 3<>\"$1\" && echo unread && exec \"$0\" serve 2>&3"
        let program = await Program(
            path: URL(filePath: "/bin/bash"),
            ["-c", script, Program.path(of: "connect-bff").path, "\(folder)/unread-\(UUID())"],
            environment: environment.merging(["PATH": "/usr/bin:/bin"]) { $1 }, until: "unread")
        service.withLock { $0 = program }
        try await eventually { (try? await HTTP.send("GET", "\(url)/livez").status) == 200 }
    }

    /// - Parameter signal: SIGTERM, or SIGKILL for a crash.
    /// - Returns: The exit code; of a process that was killed, the signal.
    @discardableResult
    func stop(_ signal: Signal = .terminate) async -> Int32 {
        if Canary.isWatching, signal == .terminate {
            for page in ["metrics", "status"] { _ = try? await HTTP.send("GET", "\(adminURL)/\(page)") }
        }
        send(signal)
        return await end()
    }

    /// Waits until it has ended.
    /// - Returns: What ``stop(_:)`` does.
    func end() async -> Int32 {
        guard let program = service.withLock({ $0 }) else { return 0 }
        let code = await program.end()
        service.withLock { $0 = nil }
        said.append(program.output.text)
        return code
    }

    /// Sends it a signal and does not wait.
    func send(_ signal: Signal) { service.withLock { $0?.send(signal) } }

    func restart() async throws {
        #expect(await stop() == 0)
        try await start()
    }

    /// Runs another command of the program with the same settings.
    func command(_ arguments: String...) async throws -> String {
        await result(of: arguments).text
    }

    /// The same with other settings, and its exit code.
    func result(of arguments: [String], with settings: [String: String] = [:]) async -> (code: Int32, text: String) {
        let program = await Program(
            "connect-bff", arguments, environment: environment.merging(settings) { $1 }, until: "\u{0}")
        let code = await program.end()
        return (code, program.output.text)
    }

    private func remove() async {
        await stop()
        await sandbox?.stop()
        await collector?.stop()
        for file in (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/state")) ?? []
        where !file.hasSuffix(".key") {
            Canary.keep(.database, FileManager.default.contents(atPath: "\(folder)/state/\(file)"))
        }
        try? FileManager.default.removeItem(atPath: folder)
    }

    // MARK: - Requests

    func user(_ name: String) -> [(String, String)] {
        [("authorization", "Bearer \(serviceKey)"), ("connect-subject", name)]
    }

    func get(_ path: String, as name: String) async throws -> HTTP.Answer {
        try await HTTP.send("GET", url + path, headers: user(name))
    }

    func mint(as name: String, key: String? = nil, _ body: JSONValue = [:]) async throws -> HTTP.Answer {
        try await HTTP.send(
            "POST", "\(url)/v1/connect/sessions",
            headers: [("content-type", "application/json")] + user(name)
                + (key.map { [("idempotency-key", $0)] } ?? []),
            body: Array(try JSONEncoder().encode(body)))
    }

    /// One step of a Connect session.
    func relay(_ token: String, _ route: String, _ more: [String: JSONValue] = [:]) async throws -> HTTP.Answer {
        let body: JSONValue = .object(more.merging(["connect_token": .text(token), "route": .text(route)]) { $1 })
        return try await HTTP.send(
            "POST", "\(url)/", headers: [("content-type", "application/json")],
            body: Array(try JSONEncoder().encode(body)))
    }

    /// Connects a tariff from mint to callback.
    /// - Returns: The location that is the subject's own by then.
    func connectedLocation(as name: String) async throws -> String {
        let minted = try await mint(as: name, Self.address).json
        let id = try #require(minted["id"]?.text), token = try #require(minted["connect_token"]?.text)
        for (route, more) in Self.fixed { #expect(try await relay(token, route, more).status == 200) }
        _ = try await HTTP.send("GET", "\(url)/v1/connect/callback?fp_cot=\(token)")
        return try #require(try await get("/v1/connect/sessions/\(id)", as: name).json["location_id"]?.text)
    }

    /// The steps of a FIXED tariff up to its summary, for a session that was minted with an address.
    static let fixed: [(String, [String: JSONValue])] = [
        ("session_start", [:]), ("provider_select", ["action": "PROVIDER_MISSING"]),
        ("provider_name_capture", ["data": ["provider": ["name": "My Power"]]]),
        ("tariff_structure_select", ["data": ["options": ["FIXED"]]]),
        ("rate_fixed_capture", ["data": ["cost": 0.2345]]),
    ]
    static let address: JSONValue = ["postal_address": ["city": "London", "country_code": "GB"]]
}
