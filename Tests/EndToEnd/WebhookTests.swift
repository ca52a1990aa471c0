import Foundation
import Subprocess
import Testing

/// Deliveries of the sandbox's to the real service, over sockets.
@Suite(.serialized) struct WebhookTests {
    @Test("a session ends, and a tariff breaks and is mended, as Flatpeak's webhooks report (R21)")
    func R21() async throws {
        try await ServeProcess.run { serve in
            try await serve.takeDeliveries()
            let location = try await serve.connect(as: "alice")
            #expect(try await serve.action(at: location, of: "alice") == nil)
            _ = try await serve.control("/tariffs/expire", ["location_id": .text(location)])
            try await eventually { try await serve.action(at: location, of: "alice") == "reconnect" }
            let status = try await serve.get("/v1/locations/\(location)/status", as: "alice").json
            #expect(status["action_required"]?.text == "reconnect")
            #expect(status["tariff_status"] != nil)
            #expect(try await serve.get("/v1/locations/\(location)/status", as: "bob").status == 404)
            _ = try await serve.control("/tariffs/reconnect", ["location_id": .text(location)])
            try await eventually { try await serve.action(at: location, of: "alice") == nil }
            try await eventually { try await serve.deliveries().allSatisfy { $0 == [204] } }
        }
    }

    @Test("S41-S44: what goes wrong with deliveries, and what comes of it")
    func wrong() async throws {
        try await ServeProcess.run { serve in
            try await serve.takeDeliveries()
            #expect(try await serve.statuses(of: "customer.update") == [204])
            #expect(try await serve.statuses(of: "customer.update", ["copies": 2]) == [204])
            #expect(try await serve.statuses(of: "customer.update", ["copies": 1, "signature": "none"]) == [401])
            #expect(try await serve.statuses(of: "customer.update", ["signature": "bad"]) == [401])
            #expect(try await serve.statuses(of: "a.kind.that.nobody.knows", ["signature": "good"]) == [204])

            // Signed an hour ago and not anew: the late lane asks for the event.
            _ = try await serve.control("/clock", ["advance_seconds": -3600])
            #expect(try await serve.statuses(of: "customer.update", ["down": true, "resigned": false]) == [0])
            _ = try await serve.control("/webhooks", ["down": false])
            _ = try await serve.control("/clock", ["reset": true])
            try await eventually { try await serve.deliveries().last == [0, 204] }
            #expect(try await serve.control("/requests/count")["event"] == 1)
            let old = try #require(try await serve.control("/webhooks/deliveries")["data"]?.items.last?["event"])
            _ = try await serve.control("/webhooks", ["resigned": true])
            _ = try await serve.control("/webhooks/resend", ["event_id": old])
            try await eventually { try await serve.deliveries().last == [0, 204, 204] }

            // Reversed and all at once.
            _ = try await serve.control("/webhooks", ["held": true, "reordered": true])
            _ = try await serve.control("/events", ["type": "customer.update", "count": 20])
            _ = try await serve.control("/webhooks", ["held": false])
            try await eventually { try await serve.deliveries().suffix(20).allSatisfy { $0 == [204] } }

            // The first attempt may come before keys are asked for again; the second comes half a minute later.
            guard ProcessInfo.processInfo.environment["BFF_TEST_LONG"] == "1" else { return }
            _ = try await serve.control("/webhooks/keys", ["retire": true])
            _ = try await serve.control("/events", ["type": "customer.update"])
            try await eventually(within: .seconds(90)) { try await serve.deliveries().last?.last == 204 }
        }
    }

    @Test("a flood of forged deliveries is refused, and users are served meanwhile (S47)")
    func S47() async throws {
        try await ServeProcess.run { serve in
            let forged = [
                ("content-type", "application/json"), ("flatpeak-signature", "v1=AAAA"),
                ("flatpeak-timestamp", "\(Int(Date().timeIntervalSince1970))"), ("flatpeak-key-id", "wsk_test_x"),
            ]
            let body = Array(#"{"id":"evt_1","a":"\#(String(repeating: "x", count: 200 << 10))"}"#.utf8)
            // Until the keys are there a forged delivery cannot be recognised (S38).
            try await eventually {
                try await HTTP.send("POST", "\(serve.url)/v1/webhooks/flatpeak", headers: forged, body: body).status
                    == 401
            }
            let (refused, served) = try await withThrowingTaskGroup(of: (isUser: Bool, status: Int).self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        var statuses: [Int] = []
                        for _ in 0..<40 {
                            statuses.append(
                                try await HTTP.send(
                                    "POST", "\(serve.url)/v1/webhooks/flatpeak", headers: forged, body: body
                                ).status)
                        }
                        return (false, statuses.allSatisfy { $0 == 401 || $0 == 429 } ? 1 : 0)
                    }
                }
                for number in 0..<40 {
                    group.addTask { (true, try await serve.get("/v1/locations", as: "user-\(number)").status) }
                }
                return try await group.reduce(into: (0, 0)) { counts, one in
                    if !one.isUser { counts.0 += one.status } else if one.status == 200 { counts.1 += 1 }
                }
            }
            #expect(refused == 8)
            #expect(served == 40)
        }
    }

    @Test(
        "what was acknowledged has its effect exactly once, wherever SIGKILL strikes; what was not is found in the list (R20)"
    )
    func R20() async throws {
        let isLong = ProcessInfo.processInfo.environment["BFF_TEST_LONG"] == "1"
        let rounds = isLong ? 40 : 5, events = isLong ? 2000 : 200
        try await EventReceiver.run { receiver in
            try await ServeProcess.run(receiver.settings) { serve in
                try await serve.takeDeliveries()
                let locations = try await [serve.connect(as: "alice"), serve.connect(as: "alice")]
                for round in 0..<rounds {
                    // They go on while the service is away, is started, and is killed again.
                    _ = try await serve.control(
                        "/events",
                        ["type": "customer.update", "count": .number(Double(events / rounds)), "per_second": 400])
                    if round == rounds / 2 {
                        for location in locations {
                            _ = try await serve.control("/tariffs/expire", ["location_id": .text(location)])
                        }
                    }
                    try await Task.sleep(for: .milliseconds(Int.random(in: 5...150)))
                    #expect(await serve.stop(.kill) == 9)
                    try await serve.start()
                }
                // The last start read the list when some events were still to come.
                try await eventually { try await serve.deliveries().allSatisfy { !$0.isEmpty } }
                try await serve.restart()
                let listed = try await serve.control("/webhooks/deliveries")["data"]?.items ?? []
                let ids = Set(listed.compactMap { $0["event"]?.text })
                #expect(ids.count >= events)
                try await eventually { try await serve.kept("SELECT count(*) FROM inbox") == ["0"] }
                let received = try await serve.kept("SELECT id FROM received")
                #expect(Set(received).isSuperset(of: ids))
                #expect(received.count == Set(received).count)
                let passedOn = try await serve.kept("SELECT id FROM event WHERE type LIKE 'flatpeak.%'")
                #expect(passedOn.count == Set(passedOn).count)
                #expect(Set(passedOn) == Set(received))
                for location in locations { #expect(try await serve.action(at: location, of: "alice") == "reconnect") }
                // What a killed process had taken is anybody's again after half a minute.
                try await eventually(within: .seconds(isLong ? 300 : 90)) {
                    Set(receiver.lines.filter(\.isTaken).map(\.id)).isSuperset(of: passedOn)
                }
                #expect(receiver.lines.allSatisfy { $0.isAccepted })
                #expect(receiver.lines.allSatisfy { $0.json["passed"] == [] })
            }
        }
    }
}

extension ServeProcess {
    /// Configures the sandbox.
    func control(_ path: String, _ body: JSONValue? = nil) async throws -> JSONValue {
        let json = try body.map { Array(try JSONEncoder().encode($0)) }
        let answer = try await HTTP.send(json == nil ? "GET" : "POST", control + path, body: json)
        try #require(answer.status == 200, "\(path) \(answer.text)")
        return try answer.json
    }

    /// Makes the sandbox deliver here.
    func takeDeliveries() async throws {
        _ = try await control("/webhooks", ["url": .text("\(url)/v1/webhooks/flatpeak")])
    }

    /// Walks a session to its end, and leaves without the callback.
    /// - Returns: Its location, once the service knows it.
    fileprivate func connect(as name: String) async throws -> String {
        let known = try await locations(of: name)
        let minted = try await mint(as: name, Self.address).json
        let token = try #require(minted["connect_token"]?.text)
        for (route, more) in Self.fixed { _ = try await relay(token, route, more) }
        var new: String?
        try await eventually {
            new = try await locations(of: name).first { !known.contains($0) }
            return new != nil
        }
        return try #require(new)
    }

    private func locations(of name: String) async throws -> [String] {
        try await get("/v1/locations", as: name).json["data"]?.items.compactMap { $0["id"]?.text } ?? []
    }

    fileprivate func action(at location: String, of name: String) async throws -> String? {
        let items = try await get("/v1/locations", as: name).json["data"]?.items ?? []
        return try #require(items.first { $0["id"]?.text == location })["action_required"]?.text
    }

    /// The statuses of each delivery's attempts.
    fileprivate func deliveries() async throws -> [[Int]] {
        try await control("/webhooks/deliveries")["data"]?.items.map { delivery in
            (delivery["attempts"]?.items ?? []).compactMap { attempt in
                if case .number(let status)? = attempt["status"] { Int(status) } else { nil }
            }
        } ?? []
    }

    /// Lets something happen at Flatpeak, delivered in a certain way.
    /// - Returns: The status of the first attempt.
    func statuses(of type: String, _ settings: JSONValue = [:]) async throws -> [Int] {
        _ = try await control("/webhooks", settings)
        _ = try await control("/events", ["type": .text(type)])
        var last: [Int] = []
        try await eventually {
            last = try await deliveries().last ?? []
            return !last.isEmpty
        }
        return last
    }

    /// What the database answers, a line each.
    fileprivate func kept(_ query: String) async throws -> [String] {
        let script = "import sqlite3, sys\nfor row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]): print(row[0])"
        let program = await Program(
            path: URL(filePath: "/usr/bin/python3"), ["-c", script, database, query], until: "\u{0}")
        await program.end()
        return program.output.text.split(separator: "\n").map(String.init)
    }
}
