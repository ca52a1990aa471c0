import Foundation
import Subprocess
import Synchronization
import Testing

/// What was acknowledged is there after `kill -9`.
@Suite(.serialized) struct CrashTests {
    /// What a client received.
    private struct Acknowledged: Sendable {
        let key: String
        let subject: String
        let body: [UInt8]
    }

    private final class Acknowledgements: Sendable {
        private let all = Mutex<[Acknowledged]>([])
        var list: [Acknowledged] { all.withLock { $0 } }
        var count: Int { all.withLock(\.count) }
        func add(_ one: Acknowledged) { all.withLock { $0.append(one) } }
    }

    /// Says how far a test is that runs for minutes.
    private static func progress(_ text: String, since start: ContinuousClock.Instant) {
        let seconds = start.duration(to: .now).components.seconds
        FileHandle.standardError.write(Data("crash test: \(text), after \(seconds) s\n".utf8))
    }

    @Test func `sessions and keys that were acknowledged survive SIGKILL at any moment`() async throws {
        let isLong = ProcessInfo.processInfo.environment["BFF_TEST_LONG"] == "1"
        let kills = isLong ? 50 : 5, clients = 8
        let mints = isLong ? 10_000 : 1_000
        let start = ContinuousClock.now
        try await ServeProcess.run(["BFF_LOG_LEVEL": "info"]) { serve in
            let acknowledged = Acknowledgements()
            for round in 0..<kills {
                let enough = mints * (round + 1) / kills
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for client in 0..<clients {
                        group.addTask {
                            for number in 0... {
                                let key = "k-\(round)-\(client)-\(number)", subject = "user-\(client)"
                                // The process is killed in the middle of some: those were not acknowledged.
                                guard let answer = try? await serve.mint(as: subject, key: key), answer.status == 201
                                else { return }
                                acknowledged.add(Acknowledged(key: key, subject: subject, body: answer.body))
                            }
                        }
                    }
                    try await eventually(within: .seconds(60), "the clients stopped at \(acknowledged.count)") {
                        acknowledged.count >= enough
                    }
                    #expect(await serve.stop(.kill) == SIGKILL)
                    try await group.waitForAll()
                }
                try await serve.start()
                Self.progress("\(acknowledged.count) mints, \(round + 1) of \(kills) kills", since: start)
            }
            let all = acknowledged.list
            #expect(all.count >= mints)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for client in 0..<clients {
                    group.addTask {
                        for index in stride(from: client, to: all.count, by: clients) {
                            let sent = all[index]
                            // The same bytes: session, token and all.
                            let again = try await serve.mint(as: sent.subject, key: sent.key)
                            #expect(again.body == sent.body, "\(sent.key)")
                            let id = try #require(try JSONValue(sent.body)["id"]?.text)
                            #expect(try await serve.get("/v1/connect/sessions/\(id)", as: sent.subject).status == 200)
                        }
                    }
                }
                try await group.waitForAll()
            }
            Self.progress("all \(all.count) are there", since: start)
        }
    }

    /// What one customer does; the ways to a published state.
    private enum Visit: Int, CaseIterable { case stays, leaves, connects }

    @Test func `each state reaches the integrator's backend, over SIGKILL and an outage of the backend`() async throws {
        let isLong = ProcessInfo.processInfo.environment["BFF_TEST_LONG"] == "1"
        let kills = isLong ? 30 : 3, clients = 6, visits = isLong ? 2_000 : 90
        let start = ContinuousClock.now
        try await EventReceiver.run { receiver in
            try await ServeProcess.run(receiver.settings.merging(["BFF_LOG_LEVEL": "info"]) { $1 }) { serve in
                _ = try await serve.control("/token-life", ["seconds": 20])
                let seen = Seen()
                for round in 0..<kills {
                    let isOutage = round % (isLong ? 10 : 3) == 1
                    if isOutage {
                        // What one outage refused is tried again after 5 s; refused twice, it would wait for 5 minutes.
                        try await eventually(within: .seconds(60), "what was refused is not tried again") {
                            let lines = receiver.lines
                            return Set(lines.map(\.id)).isSubset(of: lines.filter(\.isTaken).map(\.id))
                        }
                    }
                    let refused = receiver.lines.count { !$0.isTaken }
                    try receiver.answer(isOutage ? 500 : 204)
                    let enough = visits * (round + 1) / kills
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for client in 0..<clients {
                            group.addTask {
                                for number in client... {
                                    let visit = Visit.allCases[number % Visit.allCases.count]
                                    // The process is killed in the middle of some.
                                    guard let (session, state) = try? await Self.make(visit, serve, "user-\(client)")
                                    else { return }
                                    seen.add(session, state)
                                }
                            }
                        }
                        // Over before the first wait is, so that the next try finds it well.
                        if isOutage { try await eventually { receiver.lines.count { !$0.isTaken } > refused } }
                        try receiver.answer(204)
                        try await eventually(within: .seconds(60), "the clients stopped at \(seen.states.count)") {
                            seen.states.count >= enough
                        }
                        #expect(await serve.stop(.kill) == SIGKILL)
                        try await group.waitForAll()
                    }
                    try await serve.start()
                    let text = "\(seen.states.count) visits, \(receiver.lines.count) events"
                    Self.progress("\(text), \(round + 1) of \(kills) kills", since: start)
                }
                let sessions = seen.states
                // Leases of a killed process last half a minute, and so may a breaker's pause.
                let lines = try await receiver.waits(isLong ? 240 : 120) { lines in
                    let over = lines.filter {
                        $0.isTaken && ["session.connected", "session.expired"].contains($0.type)
                    }
                    return Set(over.map(\.session)).isSuperset(of: sessions.keys)
                }
                Self.progress("\(lines.count) events of \(sessions.count) sessions were delivered", since: start)
                #expect(lines.allSatisfy { $0.isAccepted })
                #expect(lines.allSatisfy { $0.json["passed"] == [] })
                for (session, events) in Dictionary(grouping: lines.filter(\.isTaken), by: \.session) {
                    // Doubles are deliveries of one and the same event.
                    let ids = Set(events.map { "\($0.sequence) \($0.type) \($0.id)" })
                    let published = Dictionary(
                        events.map { ($0.sequence, $0.type) }, uniquingKeysWith: { first, _ in first })
                    let states = published.sorted { $0.key < $1.key }.map(\.value)
                    #expect(ids.count == published.count, "\(ids)")
                    #expect(Set(published.keys) == Set(1...published.count), "\(session) \(published)")
                    #expect(zip(states, states.dropFirst()).allSatisfy { $0 != $1 }, "\(states)")
                    guard let state = sessions[session] else { continue }
                    if state != "created" { #expect(states.contains("session.\(state)"), "\(session) \(states)") }
                    #expect(states.last == (state == "connected" ? "session.connected" : "session.expired"))
                }
            }
        }
    }

    /// By session, the state that the customer received.
    private final class Seen: Sendable {
        private let all = Mutex<[String: String]>([:])
        var states: [String: String] { all.withLock { $0 } }
        func add(_ session: String, _ state: String) { all.withLock { $0[session] = state } }
    }

    /// - Returns: The session, and the state that the customer received.
    private static func make(
        _ visit: Visit, _ serve: ServeProcess, _ subject: String
    ) async throws -> (session: String, state: String) {
        struct NotMade: Error {}
        let answer = try await serve.mint(as: subject, ServeProcess.address)
        guard answer.status == 201, let id = try answer.json["id"]?.text,
            let token = try answer.json["connect_token"]?.text
        else { throw NotMade() }
        switch visit {
        case .stays: return (id, "created")
        case .leaves:
            _ = try await serve.relay(token, "session_start")
            guard try await serve.callback(token).contains("abandoned") else { throw NotMade() }
            return (id, "abandoned")
        case .connects:
            for (route, more) in ServeProcess.fixed { _ = try await serve.relay(token, route, more) }
            _ = try await serve.relay(token, "tariff_summary", ["action": "CLOSE"])
            guard try await serve.callback(token).contains("connected") else { throw NotMade() }
            return (id, "connected")
        }
    }
}
