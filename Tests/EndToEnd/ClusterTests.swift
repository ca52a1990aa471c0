import Foundation
import Subprocess
import TestSupport
import Testing

/// Several nodes on one real PostgreSQL.
@Suite(.serialized) struct ClusterTests {
    static let isLong = ProcessInfo.processInfo.environment["BFF_TEST_LONG"] == "1"

    // MARK: - Journeys

    @Test(arguments: [2, 3])
    func `a journey whose every request is served by another node comes to its end`(count: Int) async throws {
        try await Cluster.run(nodes: count) { cluster in
            let servers = cluster.nodes.map { "server \($0.url.dropFirst(7));" }.joined(separator: " ")
            try await Nginx.run(before: "http://nodes", http: "upstream nodes { \(servers) }") { nginx in
                let user = cluster.nodes[0].user("alice")
                let json = [("content-type", "application/json")]
                let minted = try await HTTP.send(
                    "POST", "\(nginx.url)/v1/connect/sessions", headers: json + user,
                    body: Array(try JSONEncoder().encode(ServeProcess.address)))
                let token = try #require(try minted.json["connect_token"]?.text)
                let id = try #require(try minted.json["id"]?.text)
                for (route, more) in ServeProcess.fixed + [("tariff_summary", ["action": "CLOSE"])] {
                    let body = more.merging(["connect_token": .text(token), "route": .text(route)]) { $1 }
                    let answer = try await HTTP.send(
                        "POST", "\(nginx.url)/", headers: json,
                        body: Array(try JSONEncoder().encode(JSONValue.object(body))))
                    #expect(answer.status == 200, "\(route): \(answer.text)")
                }
                let callback = try await HTTP.send("GET", "\(nginx.url)/v1/connect/callback?fp_cot=\(token)")
                #expect(callback.status == 200 || callback.status == 303)
                let location = try await HTTP.send(
                    "GET", "\(nginx.url)/v1/connect/sessions/\(id)", headers: user
                ).json["location_id"]?.text
                for _ in 0..<count {
                    let session = try await HTTP.send("GET", "\(nginx.url)/v1/connect/sessions/\(id)", headers: user)
                    #expect(try session.json["state"] == "connected")
                    let tariffs = try await HTTP.send(
                        "GET", "\(nginx.url)/v1/tariffs/elements?location_id=\(try #require(location))", headers: user)
                    #expect(tariffs.status == 200)
                    let bob = try await HTTP.send(
                        "GET", "\(nginx.url)/v1/connect/sessions/\(id)", headers: cluster.nodes[0].user("bob"))
                    #expect(bob.status == 404)
                }
            }
            // Lines are written together, five times a second.
            try await eventually(within: .seconds(5), "each served some of it") {
                cluster.nodes.allSatisfy { $0.log.contains(#""message":"request""#) }
            }
        }
    }

    @Test func `live updates of one node show changes on the others, and what ended is over on all`() async throws {
        try await Cluster.run(nodes: 4) { cluster in
            let nodes = cluster.nodes
            let minted = try await nodes[0].mint(as: "alice", ServeProcess.address).json
            let id = try #require(minted["id"]?.text), token = try #require(minted["connect_token"]?.text)
            let events = try await EventStream(
                "\(nodes[3].url)/v1/connect/sessions/\(id)/events", headers: nodes[3].user("alice"))
            #expect(try await events.next()?.state == "created")
            var happened = ContinuousClock.now
            for (route, more) in ServeProcess.fixed {
                #expect(try await nodes[1].relay(token, route, more).status == 200)
            }
            #expect(try await events.next()?.state == "active")
            #expect(happened.duration(to: .now) < .seconds(5))
            // All know it by now, and think that it goes on.
            for node in nodes { #expect(try await node.relay(token, "session_start").status == 200) }
            _ = try await nodes[2].relay(token, "tariff_summary", ["action": "CLOSE"])
            _ = try await HTTP.send("GET", "\(nodes[2].url)/v1/connect/callback?fp_cot=\(token)")
            happened = .now
            for node in nodes {
                while try await node.relay(token, "session_start").status != 409 {
                    try #require(happened.duration(to: .now) < .seconds(1), "relayed after it ended")
                }
            }
            var last: String?
            while let event = try await events.next() { last = event.state }
            #expect(last == "connected")
            await events.stop()
        }
    }

    // MARK: - Idempotency

    @Test("a key is one mint on all nodes together (S16)")
    func S16() async throws {
        try await Cluster.run(nodes: 3) { cluster in
            for round in 0..<20 {
                let answers = try await withThrowingTaskGroup(of: HTTP.Answer.self) { group in
                    for node in cluster.nodes + cluster.nodes {
                        group.addTask { try await node.mint(as: "alice", key: "k-\(round)") }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                let minted = answers.filter { $0.status == 201 }
                #expect(!minted.isEmpty)
                #expect(Set(minted.map(\.body)).count == 1)
                #expect(answers.allSatisfy { $0.status == 201 || $0.status == 409 }, "\(answers.map(\.status))")
                for node in cluster.nodes {
                    #expect(try await node.mint(as: "alice", key: "k-\(round)").body == minted.first?.body)
                    #expect(try await node.mint(as: "alice", key: "k-\(round)", ["app": "web"]).status == 422)
                }
            }
        }
    }

    // MARK: - Tickets

    @Test func `a ticket is one document's on all nodes together, and stays so when a node is killed`() async throws {
        try await Cluster.run(nodes: 3) { cluster in
            let nodes = cluster.nodes
            let exchange = { @Sendable (node: ServeProcess, ticket: String, tab: Int) in
                try await HTTP.send(
                    "POST", "\(node.url)/v1/connect/tickets", headers: [("content-type", "application/json")],
                    body: Array(#"{"ticket":"\#(ticket)","tab":"\#(Self.tabKey(tab))"}"#.utf8))
            }
            for round in 0..<10 {
                let minted = try await nodes[round % 3].mint(
                    as: "alice", ["app": "page", "postal_address": ["city": "London", "country_code": "GB"]])
                #expect(try minted.json["connect_token"] == nil)
                let launch = try #require(try minted.json["launch_url"]?.text)
                let ticket = String(try #require(launch.firstMatch(of: /#ticket=(.+)/)?.1))
                let answers = try await withThrowingTaskGroup(of: (Int, HTTP.Answer).self) { group in
                    for tab in 0..<9 {
                        group.addTask {
                            let answer = try await exchange(nodes[tab % 3], ticket, tab)
                            return (tab, answer)
                        }
                    }
                    return try await group.reduce(into: [(Int, HTTP.Answer)]()) { $0.append($1) }
                }
                let winners = answers.filter { $0.1.status == 200 }
                try #require(winners.count == 1, "\(answers.map { ($0.1.status, $0.1.text) })")
                #expect(answers.filter { $0.1.status == 409 }.count == 8)
                let (tab, winner) = winners[0]
                if round == 0 {
                    // What the winner became outlives its node.
                    await nodes[tab % 3].stop(.kill)
                    try await nodes[tab % 3].start()
                }
                for node in nodes {
                    #expect(try await exchange(node, ticket, tab).body == winner.body)
                    #expect(try await exchange(node, ticket, 9).json["code"] == "ticket_used")
                }
                let token = try #require(try winner.json["connect_token"]?.text)
                #expect(try await nodes[(round + 1) % 3].relay(token, "session_start").status == 200)
                for node in nodes {
                    #expect(
                        !node.log.contains(ticket) && !node.log.contains(Self.tabKey(tab)) && !node.log.contains(token))
                }
            }
        }
    }

    private static func tabKey(_ number: Int) -> String { "AAECAwQFBgcICQoLDA0O\(number)w" }

    // MARK: - Ownership

    @Test func `a location that is given up on one node, or whose owner is forgotten, is refused on all within 1 s`()
        async throws
    {
        try await Cluster.run(nodes: 3) { cluster in
            let nodes = cluster.nodes
            for round in 0..<4 {
                let location = try await nodes[round % 3].connectedLocation(as: "alice")
                let status = "/v1/locations/\(location)/status", list = "/v1/locations"
                // From memory after the first.
                for node in nodes {
                    for _ in 0..<3 {
                        #expect(try await node.get(status, as: "alice").status == 200)
                        #expect(try await node.get(list, as: "alice").json["data"]?.items.count == 1)
                    }
                }
                if round.isMultiple(of: 2) {
                    let gone = try await HTTP.send(
                        "DELETE", "\(nodes[0].url)\(list)/\(location)", headers: nodes[0].user("alice"))
                    #expect(gone.status == 204)
                    #expect(try await nodes[0].get(status, as: "alice").status == 404)
                } else {
                    #expect(try await nodes[0].command("forget", "alice").hasSuffix("and 1 location\n"))
                }
                try await eventually(within: .seconds(1)) {
                    for node in nodes where try await node.get(status, as: "alice").status != 404 { return false }
                    return true
                }
                for node in nodes { #expect(try await node.get(list, as: "alice").json["data"]?.items == []) }
            }
        }
    }

    // MARK: - A node that dies

    @Test func `a node that is killed under load takes nothing with it that was acknowledged`() async throws {
        try await Cluster.run(nodes: 3) { cluster in
            let servers = cluster.nodes.map { "server \($0.url.dropFirst(7)) max_fails=1;" }.joined(separator: " ")
            try await Nginx.run(before: "http://nodes", http: "upstream nodes { \(servers) }") { nginx in
                let record = Record(), node = cluster.nodes[0]
                let enough = Self.isLong ? 6000 : 600
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for client in 0..<8 {
                        group.addTask {
                            for number in 0..<(enough / 8) {
                                let key = "k-\(client)-\(number)"
                                let answer = try? await HTTP.send(
                                    "POST", "\(nginx.url)/v1/connect/sessions",
                                    headers: [("content-type", "application/json"), ("idempotency-key", key)]
                                        + node.user("user-\(client)"), body: Array("{}".utf8))
                                guard let answer, answer.status == 201 else { continue }
                                record.append("\(client) \(key) \(String(decoding: answer.body, as: UTF8.self))\n")
                            }
                        }
                    }
                    try await eventually(within: .seconds(60), "the clients stopped") {
                        record.text.utf8.count(where: { $0 == 0x0A }) >= enough / 3
                    }
                    #expect(await cluster.nodes[1].stop(.kill) == SIGKILL)
                    try await group.waitForAll()
                }
                let lines = record.text.split(separator: "\n")
                #expect(lines.count > enough / 2)
                try await cluster.nodes[1].start()
                for (index, line) in lines.enumerated() {
                    let parts = line.split(separator: " ", maxSplits: 2).map(String.init)
                    let node = cluster.nodes[index % 3]
                    let again = try await node.mint(as: "user-\(parts[0])", key: parts[1])
                    #expect(again.text == parts[2], "\(parts[1])")
                }
            }
        }
    }

    @Test func `a node that is killed under load loses no event, and publishes each session's events in order`()
        async throws
    {
        try await EventReceiver.run { receiver in
            try await Cluster.run(nodes: 3, receiver.settings) { cluster in
                let left = Record(), enough = Self.isLong ? 600 : 90
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for client in 0..<6 {
                        group.addTask {
                            for number in 0..<(enough / 6) {
                                // Each request to another node; those to the one that is killed fail.
                                let nodes = (0..<3).map { cluster.nodes[(client + number + $0) % 3] }
                                guard let minted = try? await nodes[0].mint(as: "user-\(client)", ServeProcess.address),
                                    minted.status == 201, let token = try minted.json["connect_token"]?.text,
                                    let id = try minted.json["id"]?.text,
                                    (try? await nodes[1].relay(token, "session_start"))?.status == 200,
                                    (try? await nodes[2].callback(token))?.contains("abandoned") == true
                                else { continue }
                                left.append("\(id)\n")
                            }
                        }
                    }
                    try await eventually(within: .seconds(60), "the clients stopped") {
                        left.text.utf8.count(where: { $0 == 0x0A }) >= enough / 3
                    }
                    #expect(await cluster.nodes[1].stop(.kill) == SIGKILL)
                    try await group.waitForAll()
                }
                let sessions = Set(left.text.split(separator: "\n").map(String.init))
                #expect(sessions.count >= enough / 3)
                // What the dead one had taken is anybody's again after half a minute.
                let lines = try await receiver.waits(75) { lines in
                    sessions.isSubset(of: lines.filter { $0.isTaken && $0.type == "session.abandoned" }.map(\.session))
                }
                for (_, lines) in Dictionary(grouping: lines.filter(\.isTaken), by: \.session) {
                    let sequences = lines.map(\.sequence)
                    #expect(sequences == sequences.sorted())
                }
                let twice = lines.filter(\.isTaken).count - Set(lines.filter(\.isTaken).map(\.id)).count
                #expect(twice <= 20, "only what was under way when the node died may come again")
            }
        }
    }

    // MARK: - A database that is away

    enum Trouble: CaseIterable { case stopped, hangs }

    @Test("while PostgreSQL is away known sessions are relayed, mints go on from memory, and all is repaired (R23)")
    func R23() async throws {
        // One after the other: they wait most of the time, and one server is enough.
        for trouble in Trouble.allCases { try await outage(trouble) }
    }

    private func outage(_ trouble: Trouble) async throws {
        try await Cluster.run(nodes: 2) { cluster in
            let nodes = cluster.nodes
            let mint = { (node: ServeProcess) in
                let answer = try await node.mint(as: "alice", ServeProcess.address)
                #expect(answer.status == 201, "\(trouble): \(answer.text)")
                return try #require(try answer.json["connect_token"]?.text)
            }
            let known = [try await mint(nodes[0]), try await mint(nodes[1])]
            for token in known {
                for node in nodes { #expect(try await node.relay(token, "session_start").status == 200) }
            }
            switch trouble {
            case .stopped: cluster.server.halt()
            case .hangs: cluster.server.pause()
            }
            var fresh: [String] = [], slowest = Duration.zero
            let end = ContinuousClock.now + .seconds(Self.isLong ? 30 : 6)
            while ContinuousClock.now < end {
                for (index, node) in nodes.enumerated() {
                    for token in known {
                        let started = ContinuousClock.now
                        #expect(try await node.relay(token, "session_start").status == 200, "\(trouble)")
                        slowest = max(slowest, started.duration(to: .now))
                    }
                    let token = try await mint(node)
                    #expect(try await node.relay(token, "session_start").status == 200)
                    fresh.append(token)
                    // No other server can know it; that is not "unknown".
                    if fresh.count < 5 {
                        #expect(try await nodes[1 - index].relay(token, "session_start").status == 503)
                    }
                    let readyz = try await HTTP.send("GET", "\(node.adminURL)/readyz")
                    #expect(readyz.status == 200)
                }
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(slowest < .seconds(2), "\(trouble)")
            #expect(try await HTTP.send("GET", "\(nodes[0].adminURL)/readyz").text.contains("takes no writes"))
            switch trouble {
            case .stopped: try await cluster.server.start()
            case .hangs: cluster.server.resume()
            }
            try await eventually(within: .seconds(20), "\(trouble): not repaired") {
                for node in nodes where try await HTTP.send("GET", "\(node.adminURL)/readyz").text != "ok\n" {
                    return false
                }
                return true
            }
            for (index, token) in fresh.enumerated() {
                #expect(try await nodes[(index + 1) % 2].relay(token, "session_start").status == 200, "\(trouble)")
            }
        }
    }

    @Test func `a node starts without PostgreSQL, serves what it can, and finds it when it comes`() async throws {
        let server = PostgresServer()
        defer { server.stop() }
        let url = try await server.newDatabase()
        server.halt()
        try await ServeProcess.run(Cluster.settings(url)) { serve in
            let minted = try await serve.mint(as: "alice", key: "k")
            #expect(minted.status == 201)
            let token = try #require(try minted.json["connect_token"]?.text)
            #expect(try await serve.relay(token, "session_start").status == 200)
            #expect(serve.log.contains("the database cannot be used"))
            #expect(try await HTTP.send("GET", "\(serve.adminURL)/readyz").text.contains("takes no writes"))
            try await server.start()
            try await eventually(within: .seconds(20)) {
                try await HTTP.send("GET", "\(serve.adminURL)/readyz").text == "ok\n"
            }
            try await serve.restart()
            #expect(try await serve.mint(as: "alice", key: "k").body == minted.body)
        }
    }

    @Test func `the state key is replaced on all nodes without a restart`() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "bff-state-key-\(UUID())").path
        let old = Data(repeating: 1, count: 32).base64EncodedString()
        let new = Data(repeating: 2, count: 32).base64EncodedString()
        let write = { (text: String) in
            try Data(text.utf8).write(to: URL(filePath: file), options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        }
        try write(old)
        defer { try? FileManager.default.removeItem(atPath: file) }
        try await Cluster.run(nodes: 2, stateKeyFile: file) { cluster in
            let nodes = cluster.nodes
            let taken = { (node: ServeProcess) in
                node.log.components(separatedBy: "changed state keys are in use").count - 1
            }
            var tokens: [String] = []
            for (round, keys) in ["\(old),\(new)", "\(new),\(old)", new].enumerated() {
                try write(keys)
                for (index, node) in nodes.enumerated() {
                    node.send(.terminalClosed)
                    try await eventually(within: .seconds(10), "\(node.log.suffix(2000))") { taken(node) == round + 1 }
                    // Meanwhile the nodes are a round apart.
                    for one in nodes {
                        let minted = try await one.mint(as: "alice")
                        #expect(minted.status == 201)
                        tokens.append(try #require(try minted.json["connect_token"]?.text))
                    }
                    for (number, token) in tokens.enumerated() {
                        let other = nodes[(number + index + 1) % 2]
                        #expect(try await other.relay(token, "session_start").status == 200, "\(round) \(number)")
                    }
                }
            }
            for node in nodes {
                #expect(node.log.components(separatedBy: "\"listening\"").count == 2, "it was restarted")
                let status = try await HTTP.send("GET", "\(node.adminURL)/status")
                #expect(try status.json["store"]?["state_key_fingerprint"]?.text?.isEmpty == false)
            }
            // One that never had the old key opens all of them.
            let late = try nodes[0].joined()
            try await late.start()
            for token in tokens { #expect(try await late.relay(token, "session_start").status == 200) }
            await late.stop()
        }
    }

    @Test func `a node with another state key than the others does not start, and says why`() async throws {
        try await Cluster.run(nodes: 1) { cluster in
            let stranger = try cluster.nodes[0].joined(by: [
                "BFF_STATE_KEY": Data(repeating: 7, count: 32).base64EncodedString()
            ])
            await #expect {
                try await stranger.start()
            } throws: { error in
                guard let error = error as? ServeProcess.DidNotStart else { return false }
                return error.code == 78 && error.said.hasPrefix("connect-bff: BFF_STATE_KEY: is not the key of")
            }
        }
    }
}
