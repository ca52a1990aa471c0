import Core
import Flatpeak
import Gateway
import HTTPTypes
import Sessions
import TestSupport
import Testing

/// What holds at the edge for each route there is, by the route table.
@Suite(.serialized, .timeLimit(.minutes(2))) struct EveryRouteTests {
    /// A request of a route that gets as far as it can without a body that means something.
    private static func request(_ route: Route, _ fields: String, path: String? = nil) -> String {
        let path = path ?? route.template.replacing("{id}", with: "loc_1")
        let body = route.policy.bodyLimit == nil ? "" : "{}"
        let framing = body.isEmpty ? "" : "Content-Type: application/json\r\nContent-Length: 2\r\n"
        return "\(route.method.rawValue) \(path) HTTP/1.1\r\nHost: bff.test\r\n\(framing)\(fields)\r\n\(body)"
    }

    /// Whatever a client might hope to pass on, each with a mark in it.
    private static let hostile = [
        "Cookie: a=hostile", "Authorization: Bearer hostile", "Forwarded: for=hostile", "X-Forwarded-Host: hostile",
        "X-Forwarded-For: hostile", "X-Original-URL: /hostile", "X-HTTP-Method-Override: HOSTILE",
        "Proxy-Authorization: hostile", "X-Api-Key: hostile", "Flatpeak-Version: hostile", "User-Agent: hostile",
        "Via: 1.1 hostile", "TE: hostile", "Origin: https://hostile.test", "X-Anything: hostile",
    ]
    /// S40: a trace of the caller's own, good and bad.
    private static let traces = [
        "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "Traceparent: 00-1-2-3",
        "Traceparent: 00-00000000000000000000000000000000-0000000000000000-01", "Traceparent: ff-hostile",
        "Tracestate: hostile=\(String(repeating: "x", count: 600))", "Baggage: user=hostile",
    ]
    /// S30: options that would take away what we add.
    private static let options = [
        "Connection: authorization, flatpeak-version, host, via", "Connection: , Content-Type, ACCEPT",
        "Connection: keep-alive, x-request-id",
    ]
    /// What may travel to Flatpeak's API.
    private static let allowed: Set<String> = [
        "authorization", "accept", "content-type", "flatpeak-version", "user-agent", "accept-encoding",
    ]

    @Test("S27, S29, S30, S40: nothing of a client's headers reaches upstream, whichever route it calls")
    func S29() async throws {
        try await Bench.run { bench in
            bench.api.on("prices", .json(#"{"data":[]}"#))
            var sent = 0
            for route in bench.routes {
                for fields in [Self.hostile, Self.traces] + Self.options.map({ [$0] }) {
                    for field in fields {
                        let client = try await bench.client()
                        try await client.send(Self.request(route, field + "\r\nAccept-Language: fr\r\n"))
                        let answer = try await client.answer()
                        #expect(answer.status < 600 && answer.field("x-request-id") != nil)
                        #expect(!answer.head.contains("hostile"), "\(route.template) \(field)")
                        sent += 1
                        await client.close()
                    }
                }
            }
            #expect(sent > bench.routes.count * 20)
            let calls = bench.api.requests()
            #expect(calls.contains { $0.operation.name == "mint" }, "the mint passes, so there is something to see")
            for call in calls {
                #expect(call.url.hasPrefix("https://api.test/"))
                for (name, value) in call.headers {
                    #expect(Self.allowed.contains(name.lowercased()), "\(name)")
                    #expect(!value.lowercased().contains("hostile") && !value.contains("4bf92f35"), "\(name)")
                }
                // What we add is there, whatever Connection said.
                #expect(call.header("authorization") != nil)
                #expect(!call.text.contains("hostile"))
            }
        }
    }

    @Test(
        "S32, S34, S35: upgrades to anything but HTTP/2, odd heads and heads that are too large are refused on every route"
    )
    func S34() async throws {
        try await Bench.run { bench in
            let calls = bench.api.requests().count
            for route in bench.routes {
                for (fields, status) in [
                    ("Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n", 400),
                    ("Connection: Upgrade\r\nUpgrade: websocket\r\n", 400),
                    ("X_User: root\r\n", 400), ("Host: other\r\n", 400), ("X : y\r\n", 400),
                    ("X: \(String(repeating: "x", count: 17 << 10))\r\n", 431),
                    (String(repeating: "X: y\r\n", count: 101), 431),
                ] {
                    let client = try await bench.client()
                    try await client.send(Self.request(route, fields))
                    let answer = try await client.answer()
                    #expect(answer.status == status, "\(route.method) \(route.template) \(fields.prefix(40))")
                    #expect(answer.field("connection") == "close")
                    #expect(await client.rest().text.isEmpty)
                }
                let client = try await bench.client()
                let path = "\(route.template.replacing("{id}", with: "loc_1"))?\(String(repeating: "x", count: 9000))"
                try await client.send(Self.request(route, "", path: path))
                #expect(try await client.answer().status == 414, "\(route.template)")
                #expect(await client.rest().text.isEmpty)
            }
            #expect(bench.api.requests().count == calls)
        }
    }

    @Test("S35: a refusal before the body is whole ends the connection, on every route and for every reason")
    func S35() async throws {
        var setup = Bench.Setup()
        setup.hosts = ["bff.test"]
        try await Bench.run(setup) { bench in
            for route in bench.routes {
                for fields in [
                    "Content-Type: text/plain\r\n", "Content-Type: application/json\r\nSec-Fetch-Site: cross-site\r\n",
                ] {
                    let client = try await bench.client()
                    let path = route.template.replacing("{id}", with: "loc_1")
                    // It says that a megabyte will come, and sends a byte.
                    try await client.send(
                        "\(route.method.rawValue) \(path) HTTP/1.1\r\nHost: bff.test\r\n\(fields)"
                            + "Content-Length: 1000000\r\n\r\n{")
                    let answer = try await client.answer()
                    // Routes without a body answer without waiting for one; none takes the rest in.
                    #expect(answer.status >= 400 || route.policy.bodyLimit == nil, "\(route.template)")
                    #expect(answer.field("connection") == "close", "\(route.method) \(route.template)")
                    #expect(await client.rest().text.isEmpty)
                }
            }
        }
    }

    @Test("S49: no HTTP/2 is spoken, whatever a client begins with")
    func S49() async throws {
        try await Bench.run { bench in
            let client = try await bench.client()
            try await client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            let answer = try await client.answer()
            #expect(answer.status == 400 && answer.field("connection") == "close")
            #expect(await client.rest().text.isEmpty)
        }
    }

    // MARK: - Too many requests

    private typealias Busy = (client: RawClient, call: StagedServer.Call)

    /// Calls `count` times, and leaves all of them without an answer.
    private static func fill(_ bench: Bench, _ session: ConnectSession, _ count: Int) async throws -> [Busy] {
        var all: [Busy] = []
        for _ in 0..<count {
            let client = try await bench.client()
            try await client.send(Bench.call(session))
            all.append((client, try #require(await bench.upstream.next())))
        }
        return all
    }

    @Test("R13: beyond the capacity relayed calls wait, and the oldest gets the next place")
    func R13oldestFirst() async throws {
        var setup = Bench.Setup()
        setup.capacity.relays = 16
        setup.patience = .seconds(30)
        try await Bench.run(setup) { bench in
            let session = try await bench.mint()
            let busy = try await Self.fill(bench, session, 16)
            var waiting: [RawClient] = []
            let routes = ["first", "second", "third", "fourth"]
            for route in routes {
                let client = try await bench.client()
                try await client.send(Bench.call(session, route: route))
                waiting.append(client)
                try await until { bench.load() == (16, waiting.count) }
            }
            // No more than a quarter of those under way may wait; others have places of their own.
            let late = try await bench.client()
            try await late.send(Bench.call(session) + Bench.get("/v1/locations"))
            let refused = try await late.answer()
            #expect(refused.status == 503 && refused.field("retry-after") == "1")
            #expect(try await late.answer().status == 200)
            #expect(bench.load() == (16, 4))

            // One place is passed on from each to the next.
            try await busy[0].call.answer("{}")
            for (index, route) in routes.enumerated() {
                let call = try #require(await bench.upstream.next())
                #expect(call.body.contains(route))
                #expect(bench.load() == (16, 3 - index))
                try await call.answer("{}")
                #expect(try await waiting[index].answer().status == 200)
            }

            // Who leaves while it waits takes no place along.
            let again = try await Self.fill(bench, session, 1)
            let gone = try await bench.client(), next = try await bench.client()
            try await gone.send(Bench.call(session, route: "gone"))
            try await until { bench.load() == (16, 1) }
            try await next.send(Bench.call(session, route: "next"))
            try await until { bench.load() == (16, 2) }
            try await gone.reset()
            try await until { bench.lines.all.contains { $0.status == 499 } }
            try await again[0].call.answer("{}")
            let last = try #require(await bench.upstream.next())
            #expect(last.body.contains("next"))
            try await last.answer("{}")
            #expect(try await next.answer().status == 200)
            for (client, call) in busy.dropFirst() {
                try await call.answer("{}")
                #expect(try await client.answer().status == 200)
            }
            try await until { bench.load() == (0, 0) }
        }
    }

    @Test("R13: a call that has waited for 100 ms is refused, and those after it at once, until there is a place")
    func R13patience() async throws {
        var setup = Bench.Setup()
        setup.capacity.relays = 1
        try await Bench.run(setup) { bench in
            let session = try await bench.mint()
            var waits: [Duration] = [], times: [Duration] = [], calm: [Duration] = []
            let unread = Bench.call(session).replacing("application/json", with: "text/plain")
            for _ in 0..<6 {
                let busy = try await Self.fill(bench, session, 1)[0]
                let client = try await bench.client()
                let started = ContinuousClock.now
                try await client.send(Bench.call(session))
                let shed = try await client.answer()
                waits.append(started.duration(to: .now))
                #expect(shed.status == 503 && shed.field("retry-after") == "1")
                let timed = { (request: String, status: Int) in
                    let started = ContinuousClock.now
                    try await client.send(request)
                    #expect(try await client.answer().status == status)
                    return started.duration(to: .now)
                }
                for _ in 0..<50 {
                    times.append(try await timed(Bench.call(session), 503))
                    // Nothing ever waits for this one: it tells what the machine itself takes.
                    calm.append(try await timed(unread, 415))
                }
                // Those who watch the process are served meanwhile, and what Flatpeak delivers is looked at.
                try await client.send(Bench.get())
                #expect(try await client.answer().status == 200)
                try await client.send(Bench.post("{}", path: "/v1/webhooks/flatpeak"))
                #expect(try await client.answer().status == 401)
                try await busy.call.answer("{}")
                #expect(try await busy.client.answer().status == 200)
                try await until { bench.load() == (0, 0) }
            }
            #expect(waits.allSatisfy { $0 >= .milliseconds(100) }, "\(waits)")
            #expect(waits.sorted()[3] < .milliseconds(150), "\(waits)")
            let worst = times.sorted()[297], least = calm.sorted()[297]
            #expect(worst < max(.milliseconds(5), least * 2), "99 % of refusals took up to \(worst), others \(least)")
        }
    }

    @Test("R13: who is accepted keeps the pace while far too many come")
    func R13pace() async throws {
        var setup = Bench.Setup()
        setup.capacity.relays = 8
        try await Bench.run(setup) { bench in
            let session = try await bench.mint()
            let upstream = Task {
                await withDiscardingTaskGroup { group in
                    while let call = await bench.upstream.next() {
                        group.addTask {
                            try? await Task.sleep(for: .milliseconds(20))
                            try? await call.answer("{}")
                        }
                    }
                }
            }
            let alone = try await Self.pace(bench, session, clients: 8)
            #expect(alone.refused == 0)
            let crowded = try await Self.pace(bench, session, clients: 32)
            upstream.cancel()
            print("R13: 99 % within \(alone.p99) alone and \(crowded.p99) beside \(crowded.refused) refusals")
            #expect(crowded.refused > 100)
            // The longest wait for a place is all that a crowd may cost.
            #expect(crowded.p99 < alone.p99 + .milliseconds(100))
        }
    }

    /// How long calls take that are accepted, by clients that call again and again.
    private static func pace(
        _ bench: Bench, _ session: ConnectSession, clients: Int
    ) async throws -> (p99: Duration, refused: Int) {
        let end = ContinuousClock.now + .seconds(1)
        return try await withThrowingTaskGroup(of: ([Duration], Int).self) { group in
            for _ in 0..<clients {
                group.addTask {
                    let client = try await bench.client()
                    var times: [Duration] = [], refused = 0
                    while ContinuousClock.now < end {
                        let started = ContinuousClock.now
                        try await client.send(Bench.call(session))
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
