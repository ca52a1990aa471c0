import Foundation
import Subprocess
import Testing

/// Events on their way to the integrator's backend, between real processes.
@Suite struct EventTests {
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
        try await EventReceiver.run { receiver in
            try await ServeProcess.run(receiver.settings) { serve in
                let connected = try await serve.connectedSession(of: "carol")
                _ = try await serve.control("/token-life", ["seconds": 10])
                let left = try await abandon(serve)
                let unseen = try #require(try await serve.mint(as: "bob").json["id"]?.text)
                let lines = try await receiver.waits { $0.count(where: \.isTaken) >= 4 }
                #expect(lines.allSatisfy { $0.isAccepted })
                #expect(lines.allSatisfy { $0.json["passed"] == [] })
                let published = { (session: String) in
                    lines.filter { $0.session == session }.map { "\($0.sequence) \($0.type)" }
                }
                #expect(published(left) == ["1 session.abandoned", "2 session.expired"])
                #expect(published(unseen) == ["1 session.expired"])
                #expect(published(connected) == ["1 session.connected"])
                let event = try #require(lines.first { $0.session == connected }).json
                #expect(event["data"]?["subject"] == "carol")
                #expect(event["data"]?["state"] == "connected")
                #expect(event["data"]?["location_id"]?.text?.hasPrefix("loc_") == true)
                #expect(event["data"]?["connect_token"] == nil)
            }
        }
    }

    @Test func `every other end is published as well, and Flatpeak's own events are passed on as they came`()
        async throws
    {
        try await EventReceiver.run { receiver in
            try await ServeProcess.run(receiver.settings) { serve in
                try await serve.takeDeliveries()
                let waiting = try await serve.loggedIn("pending-dora"), failed = try await serve.loggedIn("fail-fred")
                #expect(try await serve.leaves(waiting, "tariff_connection_pending").contains("pending"))
                #expect(try await serve.leaves(failed, "tariff_connection_failed").contains("failed"))
                _ = try await serve.control("/pending/finish", ["connect_token": .text(waiting.token)])
                // Whoever reads makes the service ask; otherwise it does later.
                try await eventually {
                    try await serve.get("/v1/connect/sessions/\(waiting.id)", as: "pending-dora").json["state"]
                        == "connected"
                }
                let gone = try await serve.connectedSession(of: "carol")
                let location = try #require(
                    try await serve.get("/v1/connect/sessions/\(gone)", as: "carol").json["location_id"]?.text)
                _ = try await serve.control("/tariffs/expire", ["location_id": .text(location)])
                try await eventually { receiver.lines.contains { $0.type == "tariff.action_required" } }
                let leaver = try await serve.mint(
                    as: "carol", ["location_id": .text(location), "action": "disconnect"]
                ).json
                let token = try #require(leaver["connect_token"]?.text)
                _ = try await serve.relay(token, "session_start")
                #expect(try await serve.callback(token).contains("disconnected"))

                let lines = try await receiver.waits { lines in
                    Set(lines.map(\.type)).isSuperset(of: [
                        "session.pending", "session.failed", "session.connected", "session.disconnected",
                    ]) && lines.count { $0.session == waiting.id } == 2
                }
                #expect(lines.allSatisfy { $0.isTaken })
                #expect(lines.allSatisfy { $0.json["passed"] == [] })
                #expect(
                    lines.filter { $0.session == waiting.id }.map { "\($0.sequence) \($0.type)" }
                        == ["1 session.pending", "2 session.connected"])
                let action = try #require(receiver.lines.first { $0.type == "tariff.action_required" }).json["data"]
                #expect(action?["location_id"]?.text == location)
                #expect(action?["subject"] == "carol")
                #expect(action?["action_required"] == "reconnect")

                let listed = try await serve.control("/webhooks/deliveries")["data"]?.items ?? []
                let ids = Set(listed.compactMap { $0["event"]?.text })
                try await eventually {
                    Set(receiver.lines.filter { $0.type.hasPrefix("flatpeak.") }.map(\.id)).isSuperset(of: ids)
                }
                let passedOn = receiver.lines.filter { $0.type.hasPrefix("flatpeak.") }
                #expect(ids.count >= 3)
                for line in passedOn {
                    #expect(line.isTaken)
                    #expect(line.json["sequence"] == nil)
                    #expect(line.json["data"]?["id"]?.text == line.id)
                    #expect(line.type == "flatpeak.\(line.json["data"]?["type"]?.text ?? "")")
                }
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
        var settings = EventReceiver.settings(port: port)
        settings["BFF_EVENTS_SECRET"] = nil
        settings["BFF_EVENTS_SECRET_FILE"] = file.path
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
                if step == 1 || step == 3 { serve.send(.terminalClosed) }
                // Each secret signs: the number of signatures says when the file was read.
                try await eventually(within: .seconds(10), "step \(step)") {
                    let session = try await abandon(serve)
                    let lines = try await receiver.waits { $0.contains { $0.session == session } }
                    #expect(lines.allSatisfy { $0.isTaken }, "step \(step)")
                    return lines.last { $0.session == session }?.json["signatures"] == (step % 3 == 0 ? 1 : 2)
                }
            }
            try write([])
            serve.send(.terminalClosed)
            try await eventually { serve.log.contains("cannot reload the event signing keys") }
            let session = try await abandon(serve)
            #expect(
                try await receiver.waits { $0.contains { $0.session == session } }.allSatisfy { $0.isTaken },
                "an unfit file changes nothing")
            await receiver.stop()
        }
    }

    @Test func `a full outbox outlives its process; replay delivers again, forget takes events away`() async throws {
        let port = try FreePort.find()
        try await ServeProcess.run(EventReceiver.settings(port: port)) { serve in
            var sessions: Set<String> = []
            for number in 1...20 { sessions.insert(try await abandon(serve, as: "user-\(number)")) }
            try await serve.restart()
            #expect(try await serve.command("events", "list").contains(" session.abandoned pending attempts="))
            #expect(try await serve.command("forget", "user-1").contains("1 session "))

            try await EventReceiver.run(port: port) { receiver in
                // The breaker tries a receiver that was away within half a minute, and then gives it everything.
                let first = try await receiver.waits(60) { Set($0.map(\.session)).count == 19 }
                #expect(first.allSatisfy { $0.isTaken })
                #expect(Set(first.map(\.session)).isSubset(of: sessions))

                // The store records a delivery after the receiver has it.
                var listed: [Substring] = []
                try await eventually(within: .seconds(10), "\(listed)") {
                    listed = try await serve.command("events", "list").split(separator: "\n")
                        .filter { $0.contains(" session.") }
                    return listed.count == 19 && listed.allSatisfy { $0.contains(" delivered ") }
                }
                let replayed = try await serve.command("events", "replay", "--since", "2020-01-01T00:00:00Z")
                #expect(replayed.hasSuffix(" will be delivered again\n"))
                for impossible in ["2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01", "yesterday"] {
                    let refused = await serve.result(of: ["events", "replay", "--since", impossible])
                    #expect(refused.code == 64, "\(refused.text)")
                    #expect(refused.text.contains("--since must be a date and time as in RFC 3339"))
                }
                let all = try await receiver.waits { $0.count >= 38 }
                #expect(Set(all.map(\.id)) == Set(first.map(\.id)))
            }
        }
    }
}

extension ServeProcess {
    /// A session whose customer logged in at a provider, who decides by the user's name what comes of it.
    func loggedIn(_ user: String) async throws -> (id: String, token: String) {
        let minted = try await mint(as: user, Self.address).json
        let id = try #require(minted["id"]?.text), token = try #require(minted["connect_token"]?.text)
        let providers = try await relay(token, "session_start").json["data"]?["providers"]?.items ?? []
        let provider = try #require(providers.first { $0["display_name"] == "Brackenfield Energy" }?["id"])
        let page = try await relay(token, "provider_select", ["data": ["provider": ["id": provider]]]).json
        let host = try #require(page["data"]?["redirect_url"]?.text?.split(separator: "?").first)
        let consent = try await HTTP.send(
            "POST", host.hasSuffix("/") ? "\(host)consent" : "\(host)/consent",
            headers: [("content-type", "application/x-www-form-urlencoded")],
            body: Array("fp_cot=\(token)&username=\(user)&password=x&decision=agree".utf8))
        try #require(consent.status == 303, "\(consent.text)")
        _ = try await relay(token, "session_start")
        return (id, token)
    }

    /// Closes the last page and comes back.
    func leaves(_ session: (id: String, token: String), _ route: String) async throws -> String {
        _ = try await relay(session.token, route, ["action": "CLOSE"])
        return try await callback(session.token)
    }

    /// The browser comes back from Connect.
    /// - Returns: How the session ended, as a script reads it.
    func callback(_ token: String) async throws -> String {
        try await HTTP.send(
            "GET", "\(url)/v1/connect/callback?fp_cot=\(token)", headers: [("accept", "application/json")]
        ).text
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
