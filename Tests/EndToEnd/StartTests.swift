import Foundation
import Subprocess
import Testing

/// What the program makes of the settings, sockets and files that it is started with.
@Suite(.serialized) struct StartTests {
    @Test func `settings that other programs spoilt keep it from starting; misspelt names are said`() async throws {
        try await ServeProcess.run(starting: false) { serve in
            let config = "\(serve.folder)/settings.yaml"
            try Data("bff:\n  allowedHost: a.example\n  connectApps: [web]\n".utf8).write(to: URL(filePath: config))
            let jwt = [
                "BFF_AUTH": "jwt,service", "BFF_JWT_AUDIENCE": "bff", "BFF_JWT_JWKS_URL": "https://id.example/keys",
                "BFF_JWT_ISSUER": "https://id.example\r",
            ]
            let cases: [(settings: [String: String], arguments: [String], said: String)] = [
                (jwt, [], "BFF_JWT_ISSUER: holds a line end"),
                (
                    ["BFF_DATABASE_URL": "sqlite:\(serve.folder)/state/b.sqlite "], [],
                    "BFF_DATABASE_URL: begins or ends"
                ),
                (["BFF_PUBLIC_URL": "\"https://a.example\""], [], "BFF_PUBLIC_URL: stands in quotes"),
                (["BFF_DATABASE_URL": "sqlite://b.sqlite"], [], "BFF_DATABASE_URL: names a host"),
                (["FLATPEAK_ACCOUNT_ID": "acc_1"], [], "FLATPEAK_ACCOUNT_ID: is shorter than 8"),
                (["BFF_AUTH": "", "BFF_AUHT": "jwt"], [], "BFF_AUHT is not a setting; the nearest is BFF_AUTH"),
                ([:], ["--config", config], "bff.allowedHost is not a setting; the nearest is bff.allowedHosts"),
                (["BFF_CONNECT_APPS": ""], ["--config", config], "BFF_CONNECT_APPS: is a list"),
                (["BFF_CONNECT_APPS": "", "BFF_CONNECT_PAGE": "off"], [], "BFF_CONNECT_APPS: is required"),
                (["BFF_CONNECT_APPS": "page=https://a.example"], [], "BFF_CONNECT_APPS: names page"),
            ]
            for (settings, arguments, said) in cases {
                let (code, text) = await serve.result(of: ["serve"] + arguments, with: settings)
                #expect(code == 78, "\(settings): \(text)")
                #expect(text.contains(said), "\(settings): \(text)")
                let doctor = await serve.result(of: ["doctor"] + arguments, with: settings)
                #expect(doctor.code == 1, "\(settings): \(doctor.text)")
                #expect(doctor.text.contains(said), "\(settings): \(doctor.text)")
            }
            #expect(!FileManager.default.fileExists(atPath: "\(serve.folder)/state"), "no second database is made")
        }
    }

    @Test func `empty settings are not set, and a running service says which names it does not know`() async throws {
        let empty = [
            "FLATPEAK_ACCOUNT_ID_FILE", "FLATPEAK_API_KEY", "FLATPEAK_API_KEY_NEXT", "BFF_ALLOWED_HOSTS",
            "BFF_ALLOWED_ORIGINS", "BFF_RETURN_URLS", "BFF_EVENTS_URL", "BFF_EVENTS_SECRET", "BFF_STATE_KEY",
            "BFF_STATE_KEY_FILE", "BFF_JWT_ISSUER", "BFF_TRUSTED_PROXIES", "BFF_LOG_FORMAT", "FLATPEAK_CA_FILE",
        ]
        let settings = Dictionary(uniqueKeysWithValues: empty.map { ($0, "") }).merging([
            "BFF_ALLOWED_HOST": "a.example", "BFF_PORT": "tcp://10.0.0.1:80", "BFF_SERVICE_HOST": "10.0.0.1",
        ]) { $1 }
        try await ServeProcess.run(settings) { serve in
            let minted = try await serve.mint(as: "alice")
            #expect(minted.status == 201)
            let warnings = serve.log.split(separator: "\n").filter { $0.contains("is not a setting") }
            #expect(warnings.count == 1)
            #expect(
                warnings.first?.contains("BFF_ALLOWED_HOST is not a setting; the nearest is BFF_ALLOWED_HOSTS") == true)
            let code = await serve.stop()
            #expect(code == 0)
        }
    }

    @Test func `all sockets of systemd are served, also over a restart`() async throws {
        let second = try FreePort.find(), third = try FreePort.find()
        try await ServeProcess.run(holdingSocket: true, moreSockets: ["\(second)", "\(third)"]) { serve in
            let allAnswer = { () async throws in
                for port in [serve.port, second, third] {
                    let answer = try await HTTP.send("GET", "http://127.0.0.1:\(port)/livez")
                    #expect(answer.status == 200)
                    #expect(answer.text == "ok\n")
                }
            }
            try await allAnswer()
            serve.send(.userDefinedOne)
            try await eventually { serve.log.contains("restarts after exit code 0") }
            try await allAnswer()
            #expect(await serve.stop() == 0)
        }
    }

    @Test func `sockets of systemd that cannot be served keep it from starting`() async throws {
        let cases: [(settings: [String: String], more: [String], code: Int32, said: String)] = [
            (["BFF_LISTEN": "127.0.0.1:\(try FreePort.find())"], [], 78, "BFF_LISTEN: systemd passed a socket"),
            ([:], ["udp"], 70, "cannot listen on systemd"),
        ]
        for (settings, more, code, said) in cases {
            try await ServeProcess.run(settings, holdingSocket: true, moreSockets: more, starting: false) { serve in
                do {
                    try await serve.start()
                    Issue.record("it started with \(settings) and \(more)")
                } catch let error as ServeProcess.DidNotStart {
                    #expect(error.code == code, "\(error.said)")
                    #expect(error.said.contains(said), "\(error.said)")
                }
            }
        }
        try await ServeProcess.run(["BFF_LISTEN": "systemd"], starting: false) { serve in
            let (code, text) = await serve.result(of: ["serve"])
            #expect(code == 78, "\(text)")
            #expect(text.contains("systemd passed no socket"), "\(text)")
        }
    }

    @Test func `each program says its version`() async throws {
        let document = try String(contentsOf: Program.source("../../openapi.yaml"), encoding: .utf8)
        let version = try #require(document.firstMatch(of: /\n  version: (\S+)\n/)).1
        for (name, rest) in [
            ("connect-bff", /\(commit ([0-9a-f]{40}( with changes)?|unknown), Swift \d+\.\d+, OpenSSL 3\..+\)\n/),
            ("flatpeak-sandbox", /\(commit ([0-9a-f]{40}( with changes)?|unknown)\)\n/),
        ] {
            // Settings that are wrong do not keep it from that.
            let program = await Program(name, ["--version"], environment: ["BFF_AUTH": "nonsense"], until: "\u{0}")
            #expect(await program.end() == 0)
            let text = program.output.text
            #expect(text.hasPrefix("\(name) \(version) "), "\(text)")
            #expect(text.dropFirst("\(name) \(version) ".count).wholeMatch(of: rest) != nil, "\(text)")
        }
    }

    @Test func `a running service says its build in its status, in a metric and in the log's first line`() async throws
    {
        try await ServeProcess.run { serve in
            let version = try await serve.command("--version")
            let build = try await HTTP.send("GET", "\(serve.adminURL)/status").json["build"]
            let facts = try ["version", "commit", "swift", "openssl"].map { try #require(build?[$0]?.text) }
            #expect(version == "connect-bff \(facts[0]) (commit \(facts[1]), Swift \(facts[2]), \(facts[3]))\n")
            let labels = #"commit="\#(facts[1])",openssl="\#(facts[3])",swift="\#(facts[2])",version="\#(facts[0])""#
            let metrics = try await HTTP.send("GET", "\(serve.adminURL)/metrics").text
            #expect(metrics.contains("\nconnect_bff_build_info{\(labels)} 1\n"), "\(metrics)")
            let line = try #require(serve.log.split(separator: "\n").first)
            #expect(line.contains(#""starting""#), "\(line)")
            for (name, fact) in zip(["version", "commit", "swift", "openssl"], facts) {
                #expect(line.contains(#""bff.\#(name)":"\#(fact)""#), "\(line)")
            }
        }
    }

    @Test func `healthcheck asks the admin listener, as the settings have it`() async throws {
        try await ServeProcess.run { serve in
            let port = try #require(serve.adminURL.split(separator: ":").last)
            let cases: [(arguments: [String], settings: [String: String])] = [
                (["healthcheck"], [:]), (["healthcheck", "--ready"], [:]),
                (["healthcheck"], ["BFF_ADMIN_LISTEN": "0.0.0.0:\(port)"]),
            ]
            for (arguments, settings) in cases {
                let (code, text) = await serve.result(of: arguments, with: settings)
                #expect(code == 0, "\(text)")
                #expect(text == "ok\n")
            }
            #expect(await serve.stop() == 0)
            for arguments in [["healthcheck"], ["healthcheck", "--ready"]] {
                let (code, text) = await serve.result(of: arguments)
                #expect(code == 1)
                #expect(text.hasSuffix(": no connection\n"), "\(text)")
            }
            let (code, text) = await serve.result(of: ["healthcheck"], with: ["BFF_ADMIN_LISTEN": "nonsense"])
            #expect(code == 1)
            #expect(text.contains("BFF_ADMIN_LISTEN: must be host:port"), "\(text)")
        }
    }

    @Test func `healthcheck asks a unix socket, too, and fails while the service is not ready`() async throws {
        let socket = FileManager.default.temporaryDirectory.appending(path: "bff-\(UUID()).sock").path
        // A sandbox's key is one of test mode.
        try await ServeProcess.run(["BFF_ADMIN_LISTEN": "unix:\(socket)", "FLATPEAK_MODE": "live"]) { serve in
            #expect(await serve.result(of: ["healthcheck"]).text == "ok\n")
            let (code, text) = await serve.result(of: ["healthcheck", "--ready"])
            #expect(code == 1)
            #expect(text.contains("/readyz at unix:\(socket): it answers 503"), "\(text)")
        }
    }

    @Test func `a database of a newer release keeps it from starting, and the doctor says what to do`() async throws {
        try await ServeProcess.run { serve in
            #expect(await serve.stop() == 0)
            let insert = "INSERT INTO grdb_migrations VALUES ('999 of a newer release')"
            let script = "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute(sys.argv[2]); d.commit()"
            let python = await Program(
                path: URL(filePath: "/usr/bin/python3"), ["-c", script, serve.database, insert], until: "\u{0}")
            #expect(await python.end() == 0, "\(python.output.text)")
            for (command, expected) in [("serve", 78), ("doctor", 1)] as [(String, Int32)] {
                let (code, text) = await serve.result(of: [command])
                #expect(code == expected)
                #expect(text.contains("was migrated by a newer release"), "\(text)")
                #expect(text.contains("restore the backup"), "\(text)")
            }
        }
    }
}
