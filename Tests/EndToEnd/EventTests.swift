import Foundation
import Subprocess
import Testing

/// Events on their way to the integrator's backend, between real processes.
@Suite struct EventTests {
    /// Runs a service that delivers to a receiver, which need not be there yet.
    private func run(
        _ settings: [String: String] = [:], _ body: (ServeProcess, Int) async throws -> Void
    ) async throws {
        let port = try FreePort.find()
        let events = ["BFF_EVENTS_URL": EventReceiver.url(port: port), "BFF_EVENTS_SECRET": EventReceiver.secret(1)]
        try await ServeProcess.run(events.merging(settings) { $1 }) { try await body($0, port) }
    }

    /// A session whose customer leaves at once.
    /// - Returns: Its id.
    private func abandon(_ serve: ServeProcess, as subject: String = "alice") async throws -> String {
        let minted = try await serve.mint(as: subject, ServeProcess.address).json
        let token = try #require(minted["connect_token"]?.text)
        _ = try await serve.relay(token, "session_start")
        #expect(try await serve.callback(token).contains("abandoned"))
        return try #require(minted["id"]?.text)
    }

    @Test func `a receiver by the published rules takes what goes out, and nothing that was altered`() async throws {
        try await run { serve, port in
            let receiver = try await EventReceiver(port: port, secrets: EventReceiver.secret(1))
            try await Program.run {
                _ = try await HTTP.send(
                    "POST", "\(serve.control)/token-life", headers: [("content-type", "application/json")],
                    body: Array(#"{"seconds":8}"#.utf8))
                let left = try await abandon(serve)
                let unseen = try #require(try await serve.mint(as: "bob").json["id"]?.text)
                let connected = try await serve.connectedSession(of: "carol")
                let lines = try await receiver.waits { $0.count(where: \.isTaken) >= 4 }
                #expect(lines.allSatisfy { $0.isAccepted && $0.json["passed"] == [] })
                let told = { (session: String) in
                    lines.filter { $0.session == session }.map { "\($0.sequence) \($0.type)" }
                }
                #expect(told(left) == ["1 session.abandoned", "2 session.expired"])
                #expect(told(unseen) == ["1 session.expired"])
                #expect(told(connected) == ["1 session.connected"])
                let event = try #require(lines.first { $0.session == connected }).json
                #expect(event["data"]?["subject"] == "carol" && event["data"]?["state"] == "connected")
                #expect(event["data"]?["location_id"]?.text?.hasPrefix("loc_") == true)
                #expect(event["data"]?["connect_token"] == nil)
            } finally: {
                await receiver.stop()
            }
        }
    }

    @Test func `a secret is replaced in a file without a refused event`() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "bff-events-\(UUID())")
        let write = { (secrets: [UInt8]) in
            try Data(secrets.map(EventReceiver.secret).joined(separator: ",").utf8).write(to: file, options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
        }
        defer { try? FileManager.default.removeItem(at: file) }
        try write([1])
        let port = try FreePort.find()
        let settings = ["BFF_EVENTS_URL": EventReceiver.url(port: port), "BFF_EVENTS_SECRET_FILE": file.path]
        try await ServeProcess.run(settings) { serve in
            var receiver = try await EventReceiver(port: port, secrets: EventReceiver.secret(1))
            // A sender that holds both, a receiver that changes over, a sender that holds the new one.
            for step in 0..<4 {
                if step == 1 { try write([1, 2]) }
                if step == 2 {
                    await receiver.stop()
                    receiver = try await EventReceiver(port: port, secrets: EventReceiver.secret(2))
                }
                if step == 3 { try write([2]) }
                if step == 1 || step == 3 {
                    serve.send(.terminalClosed)
                    try await Task.sleep(for: .milliseconds(500))
                }
                let session = try await abandon(serve)
                let lines = try await receiver.waits { $0.contains { $0.session == session } }
                #expect(lines.allSatisfy(\.isTaken), "step \(step)")
            }
            try write([])
            serve.send(.terminalClosed)
            let session = try await abandon(serve)
            #expect(
                try await receiver.waits { $0.contains { $0.session == session } }.allSatisfy(\.isTaken),
                "an unfit file changes nothing")
            await receiver.stop()
        }
    }

    @Test func `a full outbox outlives its process; replay delivers again, forget takes events away`() async throws {
        try await run { serve, port in
            var sessions: Set<String> = []
            for number in 1...20 { sessions.insert(try await abandon(serve, as: "user-\(number)")) }
            try await serve.restart()
            #expect(try await serve.command("events", "list").contains(" session.abandoned pending attempts="))
            #expect(try await serve.command("forget", "user-1").contains("1 sessions"))

            let receiver = try await EventReceiver(port: port, secrets: EventReceiver.secret(1))
            try await Program.run {
                // The breaker tries a receiver that was away within half a minute, and then gives it everything.
                let first = try await receiver.waits(60) { Set($0.map(\.session)).count == 19 }
                #expect(first.allSatisfy(\.isTaken) && Set(first.map(\.session)).isSubset(of: sessions))

                try await Task.sleep(for: .seconds(1))
                let listed = try await serve.command("events", "list").split(separator: "\n")
                #expect(listed.count == 19 && listed.allSatisfy { $0.contains(" delivered ") }, "\(listed)")
                #expect(
                    try await serve.command("events", "replay", "--since", "2020-01-01T00:00:00Z")
                        == "19 events are delivered again\n")
                let all = try await receiver.waits { $0.count >= 38 }
                #expect(Set(all.map(\.id)) == Set(first.map(\.id)))
            } finally: {
                await receiver.stop()
            }
        }
    }
}

extension ServeProcess {
    /// The browser comes back from Connect.
    /// - Returns: Where it is sent, or the page that it is shown.
    func callback(_ token: String) async throws -> String {
        let answer = try await HTTP.send("GET", "\(url)/v1/connect/callback?fp_cot=\(token)")
        return answer.headers["location"] ?? answer.text
    }

    /// A session that ends connected.
    /// - Returns: Its id.
    func connectedSession(of subject: String) async throws -> String {
        let minted = try await mint(as: subject, Self.address).json
        let id = try #require(minted["id"]?.text), token = try #require(minted["connect_token"]?.text)
        for (route, more) in Self.fixed { _ = try await relay(token, route, more) }
        _ = try await relay(token, "tariff_summary", ["action": "CLOSE"])
        #expect(try await callback(token).contains("connected"))
        return id
    }
}
