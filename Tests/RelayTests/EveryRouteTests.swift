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
        let path = path ?? Self.path(of: route)
        let body = route.policy.bodyLimit == nil ? "" : "{}"
        let framing = body.isEmpty ? "" : "Content-Type: application/json\r\nContent-Length: 2\r\n"
        return "\(route.method.rawValue) \(path) HTTP/1.1\r\nHost: bff.test\r\n\(framing)\(fields)\r\n\(body)"
    }

    private static func path(of route: Route) -> String {
        route.template.replacing("{id}", with: "loc_1").replacing("{digest}", with: "0123abcd").replacing(
            "{name}", with: "page.js")
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

    @Test("nothing of a client's headers reaches upstream, whichever route it calls (S27, S29, S30, S40)")
    func S29() async throws {
        try await RelayFixture.run { fixture in
            fixture.api.on("prices", .json(#"{"data":[]}"#))
            var sent = 0
            for route in fixture.routes {
                for fields in [Self.hostile, Self.traces] + Self.options.map({ [$0] }) {
                    for field in fields {
                        let client = try await fixture.client()
                        try await client.send(Self.request(route, field + "\r\nAccept-Language: fr\r\n"))
                        let answer = try await client.answer()
                        #expect(answer.status < 600)
                        #expect(answer.field("x-request-id") != nil)
                        #expect(!answer.head.contains("hostile"), "\(route.template) \(field)")
                        sent += 1
                        await client.close()
                    }
                }
            }
            #expect(sent > fixture.routes.count * 20)
            let calls = fixture.api.requests()
            #expect(calls.contains { $0.operation.name == "mint" }, "the mint passes, so there is something to see")
            #expect(calls.contains { $0.operation.name == "logo" })
            for call in calls {
                let isLogo = call.operation.name == "logo"
                #expect(call.url.hasPrefix(isLogo ? "https://logos.test/" : "https://api.test/"))
                for (name, value) in call.headers {
                    #expect(Self.allowed.contains(name.lowercased()), "\(name)")
                    #expect(!value.lowercased().contains("hostile"), "\(name)")
                    #expect(!value.contains("4bf92f35"), "\(name)")
                }
                // What we add is there, whatever Connection said, and a public picture is asked for without credentials.
                #expect((call.header("authorization") == nil) == isLogo)
                #expect(!call.text.contains("hostile"))
            }
        }
    }

    @Test(
        "upgrades to anything but HTTP/2, odd heads and heads that are too large are refused on every route (S32, S34, S35)"
    )
    func S34() async throws {
        try await RelayFixture.run { fixture in
            let calls = fixture.api.requests().count
            for route in fixture.routes {
                for (fields, status) in [
                    ("Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n", 400),
                    ("Connection: Upgrade\r\nUpgrade: websocket\r\n", 400),
                    ("X_User: root\r\n", 400), ("Host: other\r\n", 400), ("X : y\r\n", 400),
                    ("X: \(String(repeating: "x", count: 17 << 10))\r\n", 431),
                    (String(repeating: "X: y\r\n", count: 101), 431),
                ] {
                    let client = try await fixture.client()
                    try await client.send(Self.request(route, fields))
                    let answer = try await client.answer()
                    #expect(answer.status == status, "\(route.method) \(route.template) \(fields.prefix(40))")
                    #expect(answer.field("connection") == "close")
                    #expect(await client.rest().text.isEmpty)
                }
                let client = try await fixture.client()
                let path = "\(Self.path(of: route))?\(String(repeating: "x", count: 9000))"
                try await client.send(Self.request(route, "", path: path))
                #expect(try await client.answer().status == 414, "\(route.template)")
                #expect(await client.rest().text.isEmpty)
            }
            #expect(fixture.api.requests().count == calls)
        }
    }

    @Test("a refusal before the body is whole ends the connection, on every route and for every reason (S35)")
    func S35() async throws {
        var setup = RelayFixture.Setup()
        setup.hosts = ["bff.test"]
        try await RelayFixture.run(setup) { fixture in
            for route in fixture.routes {
                for fields in [
                    "Content-Type: text/plain\r\n", "Content-Type: application/json\r\nSec-Fetch-Site: cross-site\r\n",
                ] {
                    let client = try await fixture.client()
                    let path = Self.path(of: route)
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

    @Test("no HTTP/2 is spoken, whatever a client begins with (S49)")
    func S49() async throws {
        try await RelayFixture.run { fixture in
            let client = try await fixture.client()
            try await client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            let answer = try await client.answer()
            #expect(answer.status == 400)
            #expect(answer.field("connection") == "close")
            #expect(await client.rest().text.isEmpty)
        }
    }
}
