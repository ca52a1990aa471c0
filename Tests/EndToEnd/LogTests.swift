import Foundation
import Subprocess
import Testing

/// What a log costs that is not read (I7).
@Suite(.serialized) struct LogTests {
    @Test(
        "a log that nothing reads costs no request, no probe and no shutdown (I7)", arguments: ["json", "text"])
    func unread(format: String) async throws {
        try await ServeProcess.run(["BFF_LOG_FORMAT": format], starting: false, tracing: false) { serve in
            try await serve.startUnread()
            let token = try #require(
                try await serve.mint(as: "alice", ServeProcess.address).json["connect_token"]?.text)
            #expect(try await serve.relay(token, "session_start").status == 200)
            var dropped = 0.0
            for round in 0..<200 where dropped == 0 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            for _ in 0..<50 {
                                let status = try await serve.get("/v1/locations", as: "alice").status
                                #expect(status == 200)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                let asked = ContinuousClock.now
                for url in [serve.url, serve.adminURL] {
                    #expect(try await HTTP.send("GET", "\(url)/livez").status == 200)
                }
                #expect(asked.duration(to: .now) < .seconds(2), "round \(round)")
                dropped = try await Self.dropped(serve)
            }
            #expect(dropped > 0, "the log was never full")
            // All goes on while it is full.
            #expect(try await serve.relay(token, "session_start").status == 200)
            #expect(try await serve.mint(as: "bob").status == 201)
            #expect(try await serve.get("/readyz", as: "alice").status == 200)
            let signalled = ContinuousClock.now
            #expect(await serve.stop() == 0)
            #expect(signalled.duration(to: .now) < .seconds(8))
        }
    }

    @Test("bad settings are said before the process ends (I7)")
    func badSettings() async throws {
        try await ServeProcess.run(starting: false, tracing: false) { serve in
            let bad = await serve.result(of: ["serve"], with: ["BFF_LISTEN": "nonsense", "BFF_AUTH": "none"])
            #expect(bad.code == 78)
            #expect(bad.text.contains("BFF_LISTEN: "))
            #expect(bad.text.contains("BFF_AUTH: "))
        }
    }

    private static func dropped(_ serve: ServeProcess) async throws -> Double {
        let page = try await HTTP.send("GET", "\(serve.adminURL)/metrics").text
        let line = page.split(separator: "\n").first { $0.hasPrefix("connect_bff_log_lines_dropped_total ") }
        return line.flatMap { Double($0.split(separator: " ")[1]) } ?? 0
    }
}
