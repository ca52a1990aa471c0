import Foundation
import Testing

/// An account at Flatpeak that was moved to a newer API version, and a service that runs on.
@Suite struct VersionTests {
    @Test func `a version that Flatpeak refuses is one state: 503, no storm, ready, and said everywhere`() async throws
    {
        try await ServeProcess.run { serve in
            let minted = try await serve.mint(as: "alice", ServeProcess.address).json
            let token = try #require(minted["connect_token"]?.text), id = try #require(minted["id"]?.text)
            #expect(
                try await HTTP.send("GET", "\(serve.adminURL)/metrics").text.contains(
                    "connect_bff_api_version_refused 0\n"))
            _ = try await serve.control("/account-version", ["version": "2026-08-01.busbar"])
            // A call that is refused makes the service ask by itself.
            #expect(try await serve.mint(as: "alice", ServeProcess.address).status == 503)
            try await eventually {
                try await HTTP.send("GET", "\(serve.adminURL)/metrics").text.contains(
                    "connect_bff_api_version_refused 1\n")
            }
            _ = try await HTTP.send("DELETE", "\(serve.control)/requests")
            for number in 0..<40 {
                let answer = try await serve.mint(as: "user-\(number)", ServeProcess.address)
                #expect(answer.status == 503)
                #expect(answer.headers["retry-after"] == "60")
                #expect(try answer.json["code"] == "api_version_not_supported")
                // What is open goes on: Connect has no version.
                #expect(try await serve.relay(token, "session_start").status == 200)
                #expect(try await serve.get("/v1/connect/sessions/\(id)", as: "alice").status == 200)
            }
            let counts = try await HTTP.send("GET", "\(serve.control)/requests/count").json
            let asked = ["mint", "claim", "login", "events", "status"].compactMap { name -> Int? in
                if case .number(let count)? = counts[name] { Int(count) } else { nil }
            }
            #expect(asked.reduce(0, +) <= 1, "\(counts)")
            for url in [serve.url, serve.adminURL] {
                #expect(try await HTTP.send("GET", "\(url)/readyz").status == 200)
            }
            #expect(
                try await HTTP.send("GET", "\(serve.adminURL)/metrics").text.contains(
                    "connect_bff_api_version_refused 1\n"))
            let status = try await HTTP.send("GET", "\(serve.adminURL)/status").json["flatpeak"]
            #expect(status?["api_version_refused"] == true)
            #expect(status?["api_version"] == "2025-09-14.anode")
            #expect(status?["api_version_todo"]?.text?.contains("FLATPEAK_VERSION") == true)
            let lines = serve.log.split(separator: "\n").filter { $0.contains("refuses this server's API version") }
            try #require(lines.count == 1, "\(lines)")
            #expect(lines[0].contains(#""level":"error""#), "\(lines)")
        }
    }
}
