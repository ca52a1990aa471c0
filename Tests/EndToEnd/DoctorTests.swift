import Foundation
import NIOCore
import NIOPosix
import TestSupport
import Testing

/// `connect-bff doctor` against everything that commonly goes wrong: it names the cause, and nothing else.
@Suite(.serialized) struct DoctorTests {
    private struct Report: Decodable {
        struct Finding: Decodable {
            let check: String
            let verdict: String
            let meaning: String
            let todo: String?
        }
        let healthy: Bool
        let findings: [Finding]
        var trouble: [Finding] { findings.filter { $0.verdict == "failed" || $0.verdict == "warning" } }
    }

    private func examine(_ serve: ServeProcess, _ settings: [String: String] = [:]) async throws -> Report {
        let (code, text) = await serve.result(of: ["doctor", "--json"], with: settings)
        let report = try JSONDecoder().decode(Report.self, from: Data(text.utf8))
        #expect(code == (report.healthy ? 0 : 1))
        #expect(DevProcess.leaks(of: serve.credentials, in: text).isEmpty, "S1")
        return report
    }

    /// Expects one cause and no other complaint.
    private func expect(
        _ check: String, _ words: String, _ settings: [String: String] = [:],
        after prepare: (ServeProcess) async throws -> Void = { _ in }
    ) async throws {
        try await ServeProcess.run(starting: false) { serve in
            try await prepare(serve)
            let report = try await examine(serve, settings)
            #expect(!report.healthy)
            #expect(report.trouble.map(\.check) == [check], "\(report.trouble)")
            #expect(report.trouble.first?.meaning.contains(words) == true, "\(report.trouble)")
            #expect(report.trouble.first?.todo?.isEmpty == false)
        }
    }

    private func control(_ serve: ServeProcess, _ path: String, _ body: JSONValue) async throws {
        let answer = try await HTTP.send(
            "POST", serve.control + path, headers: [("content-type", "application/json")],
            body: Array(try JSONEncoder().encode(body)))
        try #require(answer.status == 200)
    }

    @Test func `nothing is wrong: every check is named and passes, before the start and beside the service`()
        async throws
    {
        try await ServeProcess.run(starting: false) { serve in
            let fresh = try await examine(serve)
            #expect(fresh.healthy, "\(fresh.trouble)")
            #expect(fresh.trouble.isEmpty, "\(fresh.trouble)")
            #expect(fresh.findings.map(\.verdict).allSatisfy { $0 == "ok" })
            #expect(fresh.findings.count == 14)
            try await serve.start()
            let beside = try await examine(serve)
            #expect(beside.healthy, "\(beside.trouble)")
            #expect(beside.trouble.isEmpty, "\(beside.trouble)")
            #expect(beside.findings.first { $0.check == "listeners" }?.meaning.contains("this service runs") == true)
            let (code, text) = await serve.result(of: ["doctor"])
            #expect(code == 0, "\(text)")
            #expect(text.hasSuffix("Nothing has to be mended.\n"), "\(text)")
        }
    }

    @Test func `a wrong key`() async throws {
        try await expect("login", "refuses the account id or the key", ["FLATPEAK_API_KEY_FILE": "/tmp/bff-wrong-key"])
        {
            _ in
            _ = FileManager.default.createFile(
                atPath: "/tmp/bff-wrong-key", contents: Data("sk_test_wrongwrong\n".utf8),
                attributes: [.posixPermissions: 0o600])
        }
    }

    @Test func `a wrong mode`() async throws {
        try await expect("mode", "FLATPEAK_MODE is live, and the key is one of test mode", ["FLATPEAK_MODE": "live"])
    }

    @Test(
        "an old version: the one that Flatpeak answers is named",
        arguments: [
            (
                "2024-08-24.zero", "2025-09-14.anode", "; 2025-09-14.anode is answered",
                "set FLATPEAK_VERSION to 2025-09-14.anode"
            ),
            (
                "2024-08-24.zero", "2026-08-01.busbar", "; 2026-08-01.busbar is answered, which this release speaks",
                "set FLATPEAK_VERSION to 2026-08-01.busbar"
            ),
            (
                "2025-09-14.anode", "2026-08-01.busbar", "; 2026-08-01.busbar is answered, which this release speaks",
                "set FLATPEAK_VERSION to 2026-08-01.busbar"
            ),
            ("2025-09-14.anode", "2027-01-01.busbar", "; none that this release knows", "install a newer release"),
        ])
    func version(ours: String, accounts: String, words: String, todo: String) async throws {
        try await ServeProcess.run(["FLATPEAK_VERSION": ours], starting: false) { serve in
            try await control(serve, "/account-version", ["version": .text(accounts)])
            let report = try await examine(serve)
            #expect(report.trouble.map(\.check) == ["version"], "\(report.trouble)")
            let finding = try #require(report.trouble.first)
            #expect(finding.meaning.contains("newer API version than \(ours)"), "\(finding)")
            #expect(finding.meaning.contains(words), "\(finding)")
            #expect(finding.todo?.hasPrefix(todo) == true, "\(finding)")
            // Reads alone: nothing was made.
            let counts = try await HTTP.send("GET", "\(serve.control)/requests/count").json
            #expect(counts["mint"] == nil || counts["mint"] == 0)
        }
    }

    @Test(
        "a firewall's page is distinguished from a refused key",
        arguments: [("text/html", "<html>Blocked</html>"), ("text/plain", "error code: 1020")])
    func blocked(type: String, page: String) async throws {
        for (operation, check) in [("login", "login"), ("claim", "version")] {
            try await expect(check, "a firewall or proxy blocks the call") { serve in
                try await control(
                    serve, "/faults",
                    [
                        "operation": .text(operation), "kind": "status", "status": 403, "count": 100,
                        "content_type": .text(type), "body": .text(page),
                    ])
            }
        }
    }

    @Test func `an identity provider that compresses its keys`() async throws {
        let provider = try await RecordingServer(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}")
        try await expect(
            "identity", "Content-Encoding: gzip, though Accept-Encoding: identity was sent",
            [
                "BFF_AUTH": "service,jwt", "BFF_JWT_ISSUER": "https://id.example", "BFF_JWT_AUDIENCE": "app",
                "BFF_JWT_JWKS_URL": "\(provider.url)/jwks.json",
            ])
        await provider.stop()
    }

    @Test func `a clock that is off by ten minutes`() async throws {
        try await expect("clock", "s behind Flatpeak's") { serve in
            try await control(serve, "/clock", ["advance_seconds": 600])
        }
    }

    @Test func `Flatpeak's keys out of reach`() async throws {
        try await expect("jwks", "webhooks cannot be checked") { serve in
            try await control(serve, "/faults", ["operation": "jwks", "kind": "reset", "count": 100])
        }
    }

    @Test func `an identity provider out of reach`() async throws {
        let url = "http://127.0.0.1:\(try FreePort.find())/jwks.json"
        try await expect(
            "identity", "\(url) cannot be read",
            [
                "BFF_AUTH": "service,jwt", "BFF_JWT_ISSUER": "https://id.example", "BFF_JWT_AUDIENCE": "app",
                "BFF_JWT_JWKS_URL": url,
            ])
    }

    @Test func `a proxy that is not trusted`() async throws {
        try await ServeProcess.run(starting: false) { serve in
            try await Nginx.run(before: serve.url) { nginx in
                var settings = ["BFF_PUBLIC_URL": nginx.url]
                #expect(try await examine(serve, settings).healthy)
                settings["BFF_TRUSTED_PROXIES"] = "10.0.0.0/8"
                let report = try await examine(serve, settings)
                #expect(report.trouble.map(\.check) == ["proxy"], "\(report.trouble)")
                #expect(report.trouble.first?.meaning.contains("the proxy at 127.0.0.1 is not in") == true)
            }
        }
    }

    @Test func `a proxy that does not pass the hosted page`() async throws {
        try await ServeProcess.run(starting: false) { serve in
            try await Nginx.run(before: serve.url, location: "location /connect { return 404; }") { nginx in
                var settings = ["BFF_PUBLIC_URL": nginx.url]
                for isRunning in [false, true] {
                    if isRunning { try await serve.start() }
                    settings["BFF_CONNECT_PAGE"] = "on"
                    let report = try await examine(serve, settings)
                    #expect(report.healthy, "sessions are minted for a web app here")
                    #expect(report.trouble.map(\.check) == ["page"], "\(report.trouble)")
                    #expect(report.trouble.first?.meaning.contains("no customer gets the hosted page") == true)
                    // Without another app they are minted for the page.
                    settings["BFF_CONNECT_APPS"] = ""
                    #expect(try await !examine(serve, settings).healthy)
                    settings["BFF_CONNECT_APPS"] = nil
                    settings["BFF_CONNECT_PAGE"] = "off"
                    let off = try await examine(serve, settings)
                    #expect(off.trouble.isEmpty, "\(off.trouble)")
                }
            }
        }
    }

    @Test func `systemd holds the socket: the proxy is judged by what the service counts`() async throws {
        try await ServeProcess.run(["BFF_TRUSTED_PROXIES": "10.0.0.0/8"], holdingSocket: true, starting: false) {
            serve in
            func finding(_ report: Report, _ check: String) -> String? {
                report.findings.first { $0.check == check }.map { "\($0.verdict): \($0.meaning)" }
            }
            let fresh = try await examine(serve)
            #expect(fresh.healthy, "\(fresh.trouble)")
            #expect(fresh.trouble.isEmpty, "\(fresh.trouble)")
            #expect(finding(fresh, "listeners")?.hasPrefix("ok: systemd holds the service's socket") == true)
            #expect(finding(fresh, "proxy") == "skipped: systemd holds the socket; start the service, and ask again")
            try await serve.start()
            let beside = try await examine(serve)
            #expect(beside.healthy, "\(beside.trouble)")
            #expect(beside.trouble.isEmpty, "\(beside.trouble)")
            #expect(finding(beside, "proxy")?.hasPrefix("ok: a request for http://localhost") == true)
            try await Nginx.run(before: serve.url) { nginx in
                let report = try await examine(serve, ["BFF_PUBLIC_URL": nginx.url])
                #expect(report.trouble.map(\.check) == ["proxy"], "\(report.trouble)")
                #expect(
                    report.trouble.first?.meaning.contains("a proxy between \(nginx.url) and this service is not in")
                        == true)
            }
            let elsewhere = try await examine(serve, ["BFF_PUBLIC_URL": "http://127.0.0.1:\(try FreePort.find())"])
            #expect(elsewhere.trouble.map(\.check) == ["proxy"], "\(elsewhere.trouble)")
            #expect(elsewhere.trouble.first?.meaning.contains("does not come to this service") == true)
        }
    }

    @Test func `an upstream that is ourselves`() async throws {
        try await ServeProcess.run(starting: false) { serve in
            let report = try await examine(serve, ["FLATPEAK_CONNECT_URL": serve.url])
            #expect(report.trouble.map(\.check) == ["upstream"], "\(report.trouble)")
            #expect(report.trouble.first?.meaning.contains("this service's own BFF_LISTEN") == true)
        }
    }

    @Test func `a pooler in transaction mode is named, and the service does not start behind it`() async throws {
        let pooler = try await PgBouncer(before: try await PostgresServer.shared.newDatabase(), mode: .transaction)
        defer { pooler.stop() }
        let settings = [
            "BFF_DATABASE_URL": pooler.url, "BFF_STATE_KEY": Data(repeating: 1, count: 32).base64EncodedString(),
        ]
        try await expect("store", "a connection pooler in transaction mode stands between", settings)
        try await ServeProcess.run(starting: false) { serve in
            let (code, text) = await serve.result(of: ["serve"], with: settings)
            #expect(code == 78, "\(text)")
            #expect(text.contains("a connection pooler in transaction mode stands between"), "\(text)")
        }
    }

    @Test(.enabled(if: SmallDisk.isPossible)) func `a store that cannot be written`() async throws {
        try await ServeProcess.run(starting: false) { serve in
            let disk = try SmallDisk(in: serve.folder, kilobytes: 2048)
            defer { disk.remove() }
            let settings = ["BFF_DATABASE_URL": "sqlite:\(disk.path)/bff.sqlite"]
            #expect(try await examine(serve, settings).healthy)
            try disk.forbidWrites()
            let report = try await examine(serve, settings)
            #expect(report.trouble.map(\.check) == ["store"], "\(report.trouble)")
            #expect(report.trouble.first?.meaning.contains("Read-only file system") == true, "\(report.trouble)")
        }
    }

    @Test func `a port that another program has`() async throws {
        try await ServeProcess.run(starting: false) { serve in
            let port = try #require(serve.url.split(separator: ":").last.flatMap { Int($0) })
            let other = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelInitializer { $0.close() }
                .bind(host: "127.0.0.1", port: port).get()
            let report = try await examine(serve)
            try await other.close()
            #expect(report.trouble.map(\.check) == ["listeners"], "\(report.trouble)")
            #expect(report.trouble.first?.meaning.contains("another program has it") == true)
        }
    }

    @Test func `a list of origins that the web app is not on`() async throws {
        try await expect(
            "origins", "http://localhost:7070, which BFF_ALLOWED_ORIGINS does not have",
            ["BFF_ALLOWED_ORIGINS": "https://connect.example.com"])
    }

    @Test func `a host that does not answer, and one whose certificate is not trusted`() async throws {
        let dead = "http://127.0.0.1:\(try FreePort.find())"
        try await expect(
            "reach", "FLATPEAK_CONNECT_URL: \(dead): nothing listens there", ["FLATPEAK_CONNECT_URL": dead])
        try await expect("reach", "FLATPEAK_API_URL: \(dead): nothing listens there", ["FLATPEAK_API_URL": dead])
    }

    @Test func `a setting that makes no sense, and one that is misspelt`() async throws {
        try await expect("settings", "BFF_LIMIT_MINT: must be a number and a period", ["BFF_LIMIT_MINT": "often"])
        try await ServeProcess.run(starting: false) { serve in
            let report = try await examine(serve, ["BFF_LIMIT_MINTS": "10/m"])
            #expect(report.healthy)
            #expect(report.trouble.map(\.verdict) == ["warning"])
            #expect(
                report.trouble.first?.meaning.contains(
                    "BFF_LIMIT_MINTS is not a setting; the nearest is BFF_LIMIT_MINT") == true)
        }
    }
}
