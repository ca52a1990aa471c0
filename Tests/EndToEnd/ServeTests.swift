import Foundation
import Testing

/// `connect-bff serve` as an operator runs it: real settings, real files, a sandbox in another process.
@Suite(.serialized) struct ServeTests {
    @Test func `a backend with a service key mints; nobody else does; SIGTERM ends it well`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bff-serve-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let account = "acc_\(UUID().uuidString.prefix(8))", apiKey = "sk_test_\(UUID().uuidString.prefix(12))"
        let sandbox = try await Program(
            "flatpeak-sandbox", ["--port", "0", "--account", account, "--key", apiKey], until: "Provider")
        defer { sandbox.stop() }

        let made = try await Program("connect-bff", ["key", "new", "backend"], until: "\n\n  backend ")
        made.stop()
        let lines = made.output.text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        let key = try #require(lines.first { $0.hasPrefix("sbk_") })
        let files = ["keys": try #require(lines.first { $0.hasPrefix("backend ") }), "api-key": apiKey + "\n"]
        for (name, text) in files {
            try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(name)"))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: "\(folder)/\(name)")
        }
        let address = { (label: String) in
            String(
                try #require(sandbox.output.text.firstMatch(of: try Regex("\(label) +(http:\\S+)")))[1].substring ?? "")
        }
        let port = try FreePort.find()
        let service = try await Program(
            "connect-bff", ["serve"],
            environment: [
                "FLATPEAK_ACCOUNT_ID": account, "FLATPEAK_API_KEY_FILE": "\(folder)/api-key",
                "FLATPEAK_API_URL": address("API"), "FLATPEAK_CONNECT_URL": address("Connect"), "FLATPEAK_MODE": "test",
                "BFF_LISTEN": "127.0.0.1:\(port)", "BFF_PUBLIC_URL": "http://localhost:\(port)", "BFF_AUTH": "service",
                "BFF_SERVICE_KEYS_FILE": "\(folder)/keys", "BFF_LOG_LEVEL": "trace",
                "BFF_DATABASE_URL": "sqlite:\(folder)/state/connect-bff.sqlite",
            ], until: "listening")
        let url = "http://127.0.0.1:\(port)"

        let mint = { (headers: [(String, String)]) in
            try await HTTP.send(
                "POST", "\(url)/v1/connect/sessions", headers: [("content-type", "application/json")] + headers,
                body: Array("{}".utf8))
        }
        let good = [("authorization", "Bearer \(key)"), ("connect-subject", "alice")]
        for headers in [
            [], [("x-dev-subject", "alice")], [("authorization", "Bearer \(key)x"), ("connect-subject", "alice")],
            [("connect-subject", "alice")], [good[0]],
        ] {
            let answer = try await mint(headers)
            #expect(answer.status == 401)
            #expect(try answer.json["code"] == "unauthenticated")
        }
        let minted = try await mint(good)
        #expect(minted.status == 201)
        let id = try #require(try minted.json["id"]?.text)
        #expect(try await HTTP.send("GET", "\(url)/v1/connect/sessions/\(id)", headers: good).status == 200)
        let bob = [good[0], ("connect-subject", "bob")]
        #expect(try await HTTP.send("GET", "\(url)/v1/connect/sessions/\(id)", headers: bob).status == 404)
        #expect(try await HTTP.send("GET", "\(url)/readyz").status == 200)
        #expect(try await HTTP.send("GET", "\(url)/launch").status == 404)

        #expect(service.stop() == 0)
        let log = service.output.text
        for line in log.split(separator: "\n") {
            let fields = try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
            #expect(fields["time"] != nil && fields["level"] != nil && fields["message"] != nil)
        }
        let basic = Data("\(account):\(apiKey)".utf8).base64EncodedString()
        #expect(DevProcess.leaks(of: [account, apiKey, key, basic], in: log + minted.text).isEmpty, "S1")
        #expect(!log.contains(/cot_[0-9a-f]/), "S2")
    }
}
