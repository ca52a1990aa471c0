import Foundation
import Subprocess
import Testing

/// Keys by which callers are known, as they come and go while the service runs.
@Suite(.serialized) struct TrustTests {
    private func status(_ serve: ServeProcess) async throws -> Int {
        try await serve.get("/v1/locations", as: "alice").status
    }

    @Test("the last service key is revoked by an empty, a commented and a missing file, at once on SIGHUP (I14)")
    func revoked() async throws {
        try await ServeProcess.run { serve in
            let path = "\(serve.folder)/keys", keys = try Data(contentsOf: URL(filePath: path))
            let changes: [(String, () throws -> Void)] = [
                ("empty", { try Data().write(to: URL(filePath: path)) }),
                ("comments", { try Data("# none\n".utf8).write(to: URL(filePath: path)) }),
                ("missing", { try FileManager.default.removeItem(atPath: path) }),
            ]
            for (name, change) in changes {
                #expect(try await status(serve) == 200)
                try change()
                serve.send(.terminalClosed)
                try await eventually(within: .seconds(5), "\(name) did not revoke") {
                    try await status(serve) == 401
                }
                try keys.write(to: URL(filePath: path))
                serve.send(.terminalClosed)
                try await eventually(within: .seconds(5), "\(name) stays revoked") {
                    try await status(serve) == 200
                }
            }
            // What cannot be parsed keeps the old.
            try Data("backend 00 11\n".utf8).write(to: URL(filePath: path))
            serve.send(.terminalClosed)
            try await eventually { serve.log.contains("cannot reload the service keys; the old ones stay in use") }
            #expect(try await status(serve) == 200)
            // No request comes: a missing file revokes at the second reading.
            try FileManager.default.removeItem(atPath: path)
            try await eventually(within: .seconds(45)) { try await status(serve) == 401 }
            #expect(serve.log.contains("no service key is left"))
            // It does not start without a key.
            for text in [nil, "", "# none\n"] as [String?] {
                try? FileManager.default.removeItem(atPath: path)
                if let text { try Data(text.utf8).write(to: URL(filePath: path)) }
                #expect(await serve.result(of: ["serve"]).code == 78)
            }
            try keys.write(to: URL(filePath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: path)
            let refused = await serve.result(of: ["serve"])
            #expect(refused.code == 78)
            #expect(refused.text.contains("BFF_SERVICE_KEYS_FILE"))
        }
    }

    @Test("it is not ready before the identity provider's keys were read, and is soon after that (I13)")
    func notReady() async throws {
        let port = try FreePort.find()
        let settings = [
            "BFF_AUTH": "jwt,service", "BFF_JWT_ISSUER": "https://id.example", "BFF_JWT_AUDIENCE": "bff",
            "BFF_JWT_JWKS_URL": "http://127.0.0.1:\(port)/jwks.json",
        ]
        try await ServeProcess.run(settings) { serve in
            // The first login is over, and keys were asked for.
            try await eventually(within: .seconds(10)) {
                try await HTTP.send("GET", "\(serve.adminURL)/metrics").text.contains(
                    "connect_bff_identity_key_failures_total 1")
            }
            #expect(try await status(serve) == 200, "service keys work meanwhile")
            for url in [serve.url, serve.adminURL] {
                #expect(try await HTTP.send("GET", "\(url)/readyz").status == 503)
                #expect(try await HTTP.send("GET", "\(url)/livez").status == 200)
            }
            let bearer = ("authorization", "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.AAAA")
            let unknown = try await HTTP.send("GET", "\(serve.url)/v1/locations", headers: [bearer])
            #expect(unknown.status == 503)
            #expect(try unknown.json["code"] == "identity_unavailable")
            #expect(unknown.headers["retry-after"].flatMap { Int($0) }.map { (1...60).contains($0) } == true)

            let provider = await Program(
                path: URL(filePath: "/usr/bin/python3"),
                [
                    "-c",
                    """
                    import http.server as h, sys
                    class A(h.BaseHTTPRequestHandler):
                        def do_GET(self):
                            self.send_response(200); self.end_headers(); self.wfile.write(b'{"keys":[]}')
                    s = h.HTTPServer(("127.0.0.1", int(sys.argv[1])), A)
                    print("serving", flush=True); s.serve_forever()
                    """, "\(port)",
                ], until: "serving")
            try await Program.run {
                try await eventually(within: .seconds(30)) {
                    try await HTTP.send("GET", "\(serve.url)/readyz").status == 200
                }
                #expect(try await HTTP.send("GET", "\(serve.url)/v1/locations", headers: [bearer]).status == 401)
            } finally: {
                await provider.stop()
            }
            // It stays ready.
            #expect(try await HTTP.send("GET", "\(serve.adminURL)/readyz").status == 200)
        }
    }
}
