import Core
import Edge
import Gateway
import Sessions
import TestSupport
import Testing

/// More relayed calls than there are slots for: what waits, what is refused, and how soon.
@Suite(.serialized, .timeLimit(.minutes(2))) struct OverloadTimingTests {
    private typealias Busy = (client: RawClient, call: StagedServer.Call)

    /// Calls `count` times, and leaves all of them without an answer.
    private static func fill(_ fixture: RelayFixture, _ session: ConnectSession, _ count: Int) async throws -> [Busy] {
        var all: [Busy] = []
        for _ in 0..<count {
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session))
            all.append((client, try #require(await fixture.upstream.next())))
        }
        return all
    }

    @Test("beyond the capacity relayed calls wait, and the oldest gets the next slot (R13)")
    func R13oldestFirst() async throws {
        var setup = RelayFixture.Setup()
        setup.capacity.fastPath = 16
        setup.capacity.timeout = .seconds(30)
        try await RelayFixture.run(setup) { fixture in
            let session = try await fixture.mint()
            let busy = try await Self.fill(fixture, session, 16)
            var waiting: [RawClient] = []
            let routes = ["first", "second", "third", "fourth"]
            for route in routes {
                let client = try await fixture.client()
                try await client.send(RelayFixture.call(session, route: route))
                waiting.append(client)
                try await until { fixture.load() == (16, waiting.count) }
            }
            // No more than a quarter of those in flight may wait; others have slots of their own.
            let late = try await fixture.client()
            try await late.send(RelayFixture.call(session) + RelayFixture.get("/v1/locations"))
            let refused = try await late.answer()
            #expect(refused.status == 503)
            #expect(refused.field("retry-after") == "1")
            #expect(try await late.answer().status == 200)
            #expect(fixture.load() == (16, 4))

            // One slot is passed on from each to the next.
            try await busy[0].call.answer("{}")
            for (index, route) in routes.enumerated() {
                let call = try #require(await fixture.upstream.next())
                #expect(call.body.contains(route))
                #expect(fixture.load() == (16, 3 - index))
                try await call.answer("{}")
                #expect(try await waiting[index].answer().status == 200)
            }

            // A client that leaves while it waits takes no slot along.
            let again = try await Self.fill(fixture, session, 1)
            let gone = try await fixture.client(), next = try await fixture.client()
            try await gone.send(RelayFixture.call(session, route: "gone"))
            try await until { fixture.load() == (16, 1) }
            try await next.send(RelayFixture.call(session, route: "next"))
            try await until { fixture.load() == (16, 2) }
            try await gone.reset()
            try await until { fixture.lines.all.contains { $0.status == 499 } }
            try await again[0].call.answer("{}")
            let last = try #require(await fixture.upstream.next())
            #expect(last.body.contains("next"))
            try await last.answer("{}")
            #expect(try await next.answer().status == 200)
            for (client, call) in busy.dropFirst() {
                try await call.answer("{}")
                #expect(try await client.answer().status == 200)
            }
            try await until { fixture.load() == (0, 0) }
        }
    }

    @Test("a call that has waited for 100 ms is refused, and those after it at once, until a slot is free (R13)")
    func R13timeout() async throws {
        var setup = RelayFixture.Setup()
        setup.capacity.fastPath = 1
        try await RelayFixture.run(setup) { fixture in
            let session = try await fixture.mint()
            var waits: [Duration] = [], times: [Duration] = [], calm: [Duration] = []
            let unread = RelayFixture.call(session).replacing("application/json", with: "text/plain")
            for _ in 0..<6 {
                let busy = try await Self.fill(fixture, session, 1)[0]
                let client = try await fixture.client()
                let started = ContinuousClock.now
                try await client.send(RelayFixture.call(session))
                let shed = try await client.answer()
                waits.append(started.duration(to: .now))
                #expect(shed.status == 503)
                #expect(shed.field("retry-after") == "1")
                let timed = { (request: String, status: Int) in
                    let started = ContinuousClock.now
                    try await client.send(request)
                    #expect(try await client.answer().status == status)
                    return started.duration(to: .now)
                }
                for _ in 0..<50 {
                    times.append(try await timed(RelayFixture.call(session), 503))
                    // Nothing ever waits for this one: it measures what the machine itself takes.
                    calm.append(try await timed(unread, 415))
                }
                // Probes are served meanwhile, and webhooks are verified.
                try await client.send(RelayFixture.get())
                #expect(try await client.answer().status == 200)
                try await client.send(RelayFixture.post("{}", path: "/v1/webhooks/flatpeak"))
                #expect(try await client.answer().status == 401)
                try await busy.call.answer("{}")
                #expect(try await busy.client.answer().status == 200)
                try await until { fixture.load() == (0, 0) }
            }
            #expect(waits.allSatisfy { $0 >= .milliseconds(100) }, "\(waits)")
            #expect(waits.sorted()[3] < .milliseconds(150), "\(waits)")
            let worst = times.sorted()[297], least = calm.sorted()[297]
            #expect(worst < max(.milliseconds(5), least * 2), "99 % of refusals took up to \(worst), others \(least)")
        }
    }

    @Test("who is accepted keeps the pace while far too many come (R13)")
    func R13pace() async throws {
        var setup = RelayFixture.Setup()
        setup.capacity.fastPath = 8
        try await RelayFixture.run(setup) { fixture in
            let session = try await fixture.mint()
            let upstream = Task {
                await withDiscardingTaskGroup { group in
                    while let call = await fixture.upstream.next() {
                        group.addTask {
                            try? await Task.sleep(for: .milliseconds(20))
                            try? await call.answer("{}")
                        }
                    }
                }
            }
            let alone = try await Self.pace(fixture, session, clients: 8)
            #expect(alone.refused == 0)
            let crowded = try await Self.pace(fixture, session, clients: 32)
            upstream.cancel()
            print("R13: 99 % within \(alone.p99) alone and \(crowded.p99) beside \(crowded.refused) refusals")
            #expect(crowded.refused > 100)
            // The longest wait for a slot is all that a crowd may cost.
            #expect(crowded.p99 < alone.p99 + .milliseconds(100))
        }
    }

    /// How long calls take that are accepted, by clients that call again and again.
    private static func pace(
        _ fixture: RelayFixture, _ session: ConnectSession, clients: Int
    ) async throws -> (p99: Duration, refused: Int) {
        let end = ContinuousClock.now + .seconds(1)
        return try await withThrowingTaskGroup(of: ([Duration], Int).self) { group in
            for _ in 0..<clients {
                group.addTask {
                    let client = try await fixture.client()
                    var times: [Duration] = [], refused = 0
                    while ContinuousClock.now < end {
                        let started = ContinuousClock.now
                        try await client.send(RelayFixture.call(session))
                        if try await client.answer().status == 200 {
                            times.append(started.duration(to: .now))
                        } else {
                            refused += 1
                            try await Task.sleep(for: .milliseconds(20))
                        }
                    }
                    return (times, refused)
                }
            }
            let all = try await group.reduce(into: ([Duration](), 0)) { $0 = ($0.0 + $1.0, $0.1 + $1.1) }
            let times = all.0.sorted()
            return (try #require(times.isEmpty ? nil : times[times.count * 99 / 100]), all.1)
        }
    }
}
