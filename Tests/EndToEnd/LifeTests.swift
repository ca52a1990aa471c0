import Foundation
import Subprocess
import Testing

/// How the service starts, is probed and ends, as a service manager and a reverse proxy see it.
@Suite(.serialized) struct LifeTests {
    @Test("what is for operators is on their listener alone, and the public one does not know of it (S17)")
    func S17() async throws {
        try await ServeProcess.run { serve in
            #expect(try await HTTP.send("GET", "\(serve.adminURL)/livez").text == "ok\n")
            // The listener is open before the first login is over.
            try await eventually(within: .seconds(10)) {
                try await HTTP.send("GET", "\(serve.adminURL)/readyz").status == 200
            }
            for path in ["/metrics", "/status", "/admin", "/debug", "/metrics/", "//metrics", "/%6detrics", "/Metrics"]
            {
                for (name, value) in [("host", "127.0.0.1:9090"), ("x-forwarded-for", "127.0.0.1")] {
                    let answer = try await HTTP.send("GET", serve.url + path, headers: [(name, value)])
                    #expect(answer.status == 404, "\(path)")
                    #expect(try answer.json["code"] == "not_found")
                }
            }
            for path in ["/", "/v1/connect/sessions", "/v1/locations", "/openapi.yaml"] {
                let answer = try await HTTP.send("GET", serve.adminURL + path, headers: serve.user("alice"))
                #expect(answer.status == 404, "\(path)")
            }
        }
    }

    @Test("asked to stop, it reports so at once, goes on for the window, and exits with 0 (R17)")
    func R17() async throws {
        try await ServeProcess.run(["BFF_DRAIN": "2s"]) { serve in
            let known = try await serve.mint(as: "alice", ServeProcess.address).json
            let token = try #require(known["connect_token"]?.text)
            #expect(try await HTTP.send("GET", "\(serve.url)/readyz").headers["connection"] == nil)
            serve.send(.terminate)
            let signalled = ContinuousClock.now
            try await eventually(within: .seconds(10)) {
                try await HTTP.send("GET", "\(serve.url)/readyz").status == 503
            }
            #expect(signalled.duration(to: .now) < .seconds(1))
            let ready = try await HTTP.send("GET", "\(serve.adminURL)/readyz")
            #expect(ready.status == 503)
            #expect(try ready.json["code"] == "not_ready")
            // Both ways through the service, on connections that were there and on new ones.
            for _ in 0..<10 {
                let page = try await serve.relay(token, "session_start")
                #expect(page.status == 200)
                #expect(page.headers["connection"] == "close")
                let mine = try await serve.get("/v1/locations", as: "alice")
                #expect(mine.status == 200)
                #expect(mine.headers["connection"] == "close")
            }
            #expect(signalled.duration(to: .now) < .seconds(2))
            #expect(await serve.end() == 0)
            #expect(signalled.duration(to: .now) > .seconds(2))
            #expect(signalled.duration(to: .now) < .seconds(6))
            await #expect(throws: (any Error).self) { try await HTTP.send("GET", "\(serve.url)/livez") }
            #expect(serve.log.contains("\"stopping\""))
        }
    }

    @Test("a second signal ends it now (R17)")
    func R17second() async throws {
        try await ServeProcess.run(["BFF_DRAIN": "30s"]) { serve in
            serve.send(.terminate)
            try await eventually(within: .seconds(10)) {
                try await HTTP.send("GET", "\(serve.url)/readyz").status == 503
            }
            let signalled = ContinuousClock.now
            #expect(await serve.stop(.interrupt) == 130)
            #expect(signalled.duration(to: .now) < .seconds(1))
        }
    }

    @Test func `a unix socket has the mode that is set; one that was left is replaced, one in use is not`() async throws
    {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bff-sock-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = "\(folder)/s", admin = "\(folder)/a"
        let settings = ["BFF_LISTEN": "unix:\(path)", "BFF_ADMIN_LISTEN": "unix:\(admin)", "BFF_LISTEN_MODE": "606"]
        try await ServeProcess.run(settings) { serve in
            for socket in [path, admin] {
                let mode = try FileManager.default.attributesOfItem(atPath: socket)[.posixPermissions] as? Int
                #expect(mode == 0o606)
                #expect(try await Self.livez(socket).text == "ok\n")
            }
            // A second process must not take it away.
            let second = try await serve.command("serve")
            #expect(second.contains("another process listens there"), "\(second)")
            #expect(try await Self.livez(path).status == 200)
            // A crash leaves the files.
            #expect(await serve.stop(.kill) == SIGKILL)
            #expect(FileManager.default.fileExists(atPath: path))
            try await serve.start()
            #expect(try await Self.livez(path).status == 200)
            await serve.stop()
            try? FileManager.default.removeItem(atPath: path)
            try Data("mine".utf8).write(to: URL(filePath: path))
            let third = try await serve.command("serve")
            #expect(third.contains("no socket"), "\(third)")
            #expect(try Data(contentsOf: URL(filePath: path)) == Data("mine".utf8))
        }
    }

    private static func livez(_ socket: String) async throws -> HTTP.Answer {
        let base = "http+unix://\(socket.replacing("/", with: "%2F"))"
        return try await HTTP.send("GET", "\(base)/livez", headers: [("host", "localhost")])
    }
}
