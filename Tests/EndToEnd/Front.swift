import AsyncHTTPClient
import Foundation
import NIOSSL
import Testing

/// A real reverse proxy in front of a service, with the files of `deploy/`: only ports and paths are other ones.
final class Front: Sendable {
    enum Kind: String, CaseIterable { case nginx, caddy, haproxy }
    enum Layout: String, CaseIterable { case sameOrigin, separateOrigin }

    let kind: Kind
    let port: Int
    /// Where http goes to be sent to https.
    let plainPort: Int
    let client: HTTPClient
    private let configuration: HTTPClient.Configuration
    private let folder: String
    private let program: Program
    private let files: Program?

    static let hosts = ["app.example.com", "api.example.com", "connect.example.com"]
    /// What the page of the web app is, here.
    static let page = "<title>the web app</title>"

    /// - Parameters:
    ///   - changes: Further texts of the files to replace.
    ///   - isHTTP1: Whether clients speak HTTP/1.1 alone. An HTTP/2 client has to ask again what a proxy did not take on a
    ///     connection that has had its thousand requests; ours does not.
    static func run(
        _ kind: Kind, _ layout: Layout, before port: Int, changes: [String: String] = [:], isHTTP1: Bool = false,
        _ body: (Front) async throws -> Void
    ) async throws {
        let front = try await Front(kind, layout, before: port, changes, isHTTP1)
        try await Program.run {
            try await body(front)
        } finally: {
            await front.stop()
        }
    }

    private init(
        _ kind: Kind, _ layout: Layout, before service: Int, _ changes: [String: String], _ isHTTP1: Bool
    ) async throws {
        self.kind = kind
        let folder = FileManager.default.temporaryDirectory.appending(path: "bff-front-\(UUID())").path
        self.folder = folder
        try FileManager.default.createDirectory(atPath: "\(folder)/web", withIntermediateDirectories: true)
        // The workers of nginx and HAProxy are no root.
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
        try Data(Self.page.utf8).write(to: URL(filePath: "\(folder)/web/index.html"))
        try Data("the script".utf8).write(to: URL(filePath: "\(folder)/web/app.js"))
        let made = await Program(
            path: URL(filePath: "/usr/bin/openssl"),
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=front", "-addext", "subjectAltName=" + Self.hosts.map { "DNS:\($0)" }.joined(separator: ","),
                "-keyout", "\(folder)/privkey.pem", "-out", "\(folder)/fullchain.pem",
            ], until: "\u{0}")
        try #require(await made.end() == 0, "\(made.output.text)")

        let port = try FreePort.find(), plainPort = try FreePort.find(), filesPort = try FreePort.find()
        self.port = port
        self.plainPort = plainPort
        var configuration = HTTP.configuration
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .file("\(folder)/fullchain.pem")
        configuration.tlsConfiguration = tls
        configuration.dnsOverride = Dictionary(uniqueKeysWithValues: Self.hosts.map { ($0, "127.0.0.1") })
        if isHTTP1 {
            configuration.httpVersion = .http1Only
            // As many as there are callers, so that none waits for another.
            configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 500
        }
        self.configuration = configuration
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)

        var replaced = [
            ("127.0.0.1:8080", "127.0.0.1:\(service)"), ("127.0.0.1:8081", "127.0.0.1:\(filesPort)"),
            ("/srv/connect-web", "\(folder)/web"), ("/var/log/nginx/", "\(folder)/"), ("/var/log/caddy/", "\(folder)/"),
            ("/etc/ssl/connect-bff/", "\(folder)/"),
        ]
        switch kind {
        case .nginx:
            replaced += [("listen 443", "listen 127.0.0.1:\(port)"), ("listen 80", "listen 127.0.0.1:\(plainPort)")]
        case .caddy:
            replaced += Self.hosts.map { ("\n\($0) {", "\nhttps://\($0):\(port) {") }
            replaced += [
                ("\n{\n", "\n{\nadmin off\nhttp_port \(plainPort)\nhttps_port \(port)\n"),
                ("\timport logged\n", "\timport logged\n\ttls \(folder)/fullchain.pem \(folder)/privkey.pem\n"),
            ]
        case .haproxy:
            replaced += [
                ("bind :443", "bind 127.0.0.1:\(port)"), ("bind :80", "bind 127.0.0.1:\(plainPort)"),
                ("/etc/haproxy/connect-bff.pem", "\(folder)/both.pem"), ("/dev/log local0", "stdout format raw local0"),
            ]
        }
        replaced += changes.map { ($0, $1) }
        let deploy = Program.source("../../deploy/\(kind.rawValue)").path
        let target = kind == .nginx ? "\(folder)/connect-bff" : folder
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
        for name in try FileManager.default.contentsOfDirectory(atPath: deploy) {
            var text = try String(contentsOfFile: "\(deploy)/\(name)", encoding: .utf8)
            for (old, new) in replaced { text = text.replacing(old, with: new) }
            try Data(text.utf8).write(to: URL(filePath: "\(target)/\(name)"))
        }

        var files: Program?
        switch kind {
        case .nginx:
            let layout = layout == .sameOrigin ? "same-origin" : "separate-origin"
            let main = """
                daemon off; pid nginx.pid; user nobody nogroup; worker_processes 2;
                events { worker_connections 4096; }
                http {
                    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
                    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
                    types { text/html html; text/javascript js; }
                    include connect-bff/connect-bff.conf;
                    include connect-bff/\(layout).conf;
                }
                """
            try Data(main.utf8).write(to: URL(filePath: "\(folder)/nginx.conf"))
            program = await Program(
                path: URL(filePath: "/usr/sbin/nginx"),
                ["-p", folder, "-c", "\(folder)/nginx.conf", "-g", "error_log stderr notice;"],
                until: "start worker processes")
        case .caddy:
            program = await Program(
                path: URL(filePath: "/usr/bin/caddy"),
                ["run", "--config", "\(folder)/Caddyfile", "--adapter", "caddyfile"],
                environment: ["HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder],
                until: "serving initial configuration")
        case .haproxy:
            let both = try ["fullchain", "privkey"].map {
                try String(contentsOfFile: "\(folder)/\($0).pem", encoding: .utf8)
            }
            try Data(both.joined().utf8).write(to: URL(filePath: "\(folder)/both.pem"))
            files = await Program(
                path: URL(filePath: "/usr/bin/python3"),
                ["-u", "-m", "http.server", "\(filesPort)", "--bind", "127.0.0.1", "--directory", "\(folder)/web"],
                until: "Serving")
            program = await Program(
                path: URL(filePath: "/usr/sbin/haproxy"), ["-V", "-db", "-f", "\(folder)/haproxy.cfg"],
                until: "polling mechanism")
        }
        self.files = files
        do {
            try await eventually(within: .seconds(10), "\(kind) does not serve: \(program.output.text)") {
                (try? await get("/openapi.yaml"))?.status == 200
            }
        } catch {
            // A client that is not stopped would end the tests.
            await stop()
            throw error
        }
    }

    private func stop() async {
        try? await client.shutdown()
        await program.stop()
        await files?.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    // MARK: - What it writes

    /// Everything that it logged: each file of its folder that it made, and what it said.
    var logs: String {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix(".log") }.map {
            (try? String(contentsOfFile: "\(folder)/\($0)", encoding: .utf8)) ?? ""
        }.joined() + program.output.text
    }

    // MARK: - Requests

    /// The address of the host at which the service is, in either layout.
    func service(_ layout: Layout) -> String {
        "https://\(layout == .sameOrigin ? "app" : "api").example.com:\(port)"
    }

    func send(
        _ method: String, _ url: String, headers: [(String, String)] = [], body: String? = nil
    ) async throws -> HTTP.Answer {
        try await HTTP.send(method, url, headers: headers, body: body.map { Array($0.utf8) }, by: client)
    }

    func events(_ url: String, headers: [(String, String)]) async throws -> EventStream {
        try await EventStream(url, headers: headers, configuration: configuration)
    }

    private func get(_ path: String) async throws -> HTTP.Answer {
        try await send("GET", "https://\(kind == .nginx ? host : "app.example.com"):\(port)\(path)")
    }

    /// A host that nginx serves in the layout that it has.
    private var host: String {
        let text = (try? String(contentsOfFile: "\(folder)/nginx.conf", encoding: .utf8)) ?? ""
        return text.contains("separate-origin") ? "api.example.com" : "app.example.com"
    }
}
