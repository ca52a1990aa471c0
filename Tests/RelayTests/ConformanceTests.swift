import Core
import Edge
import Foundation
import Gateway
import Relay
import Resilience
import Sessions
import TestSupport
import Testing

/// RFC 9110 and RFC 9112, as relay, router and admin listener keep to them: one table of probes, sent to each.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ConformanceTests {
    /// Where a request goes.
    enum Place: CaseIterable {
        case relay, router, admin

        var method: String { self == .admin ? "GET" : "POST" }
        var path: String {
            switch self {
            case .relay: "/v1/connect"
            case .router: "/v1/connect/sessions"
            case .admin: "/livez"
            }
        }
        var success: Int { self == .router ? 201 : 200 }
    }

    /// A place, and what makes a good request of it.
    struct Target {
        let place: Place
        let body: String

        var host: String { "Host: bff.test\r\n" }
        var type: String { "Content-Type: application/json\r\n" }
        var length: String { "Content-Length: \(body.utf8.count)\r\n" }

        func line(_ version: String = "HTTP/1.1", method: String? = nil, target: String? = nil) -> String {
            "\(method ?? place.method) \(target ?? place.path) \(version)\r\n"
        }

        /// A good request but for what is given.
        func request(
            _ fields: String = "", line: String? = nil, host: String? = nil, length: String? = nil
        ) -> String {
            (line ?? self.line()) + (host ?? self.host) + type + fields + (length ?? self.length) + "\r\n" + body
        }

        /// A good request whose body comes in chunks.
        func chunked(
            _ fields: String = "", coding: String = "Transfer-Encoding: chunked\r\n", extension text: String = "",
            trailer: String = ""
        ) -> String {
            line() + host + type + fields + coding + "\r\n\(String(body.utf8.count, radix: 16))\(text)\r\n"
                + "\(body)\r\n0\r\n\(trailer)\r\n"
        }
    }

    /// What is sent, and what must come of it.
    struct Probe: Sendable, CustomTestStringConvertible {
        let name: String
        /// Zero stands for the place's status of success.
        var statuses = [0]
        /// Whether a route that reads no body may answer before the flaw comes.
        var isInBody = false
        /// Whether the connection ends after these answers; otherwise it takes another request.
        var ends = false
        let bytes: @Sendable (Target) -> String

        var testDescription: String { name }

        init(
            _ name: String, _ statuses: [Int] = [0], ends: Bool = false, isInBody: Bool = false,
            _ bytes: @escaping @Sendable (Target) -> String
        ) {
            self.isInBody = isInBody
            self.name = name
            self.statuses = statuses
            self.ends = ends
            self.bytes = bytes
        }
    }

    static let probes: [Probe] = [
        // Tunnels.
        Probe("CONNECT with a path", [501], ends: true) { "CONNECT \($0.place.path) HTTP/1.1\r\n\($0.host)\r\n" },
        Probe("CONNECT with an authority", [501], ends: true) {
            "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n" + $0.request()
        },

        // Expect.
        Probe("Expect", [100, 0]) { $0.request("Expect: 100-continue\r\n") },
        Probe("Expect in another case, with blanks behind it", [100, 0]) { $0.request("Expect: 100-Continue \t \r\n") },
        Probe("Expect in a list", [100, 0]) { $0.request("Expect: x\t,\t100-continue\r\n") },
        Probe("Expect of something else", [0]) { $0.request("Expect: 200-ok\r\n") },
        Probe("Expect of an HTTP/1.0 client", [0], ends: true) {
            $0.request("Expect: 100-continue\r\n", line: $0.line("HTTP/1.0"))
        },

        // White space.
        Probe("Connection: close with a tab", [0], ends: true) { $0.request("Connection: close\t\r\n") + $0.request() },
        Probe("Connection: close in a list with tabs", [0], ends: true) {
            $0.request("Connection:\tx\t,\tclose\t, y\r\n") + $0.request()
        },
        Probe("Connection: close behind an empty element", [0], ends: true) {
            $0.request("Connection: ,\tCLOSE\r\n") + $0.request()
        },
        Probe("Content-Length with tabs") { $0.request(length: "Content-Length:\t\($0.body.utf8.count)\t \r\n") },
        Probe("Transfer-Encoding with tabs") { $0.chunked(coding: "Transfer-Encoding:\t chunked \t\r\n") },
        Probe("Host with tabs") { $0.request(host: "Host:\tbff.test\t\r\n") },
        Probe("Content-Type with tabs") { $0.request().replacing("application/json", with: "\tapplication/json\t") },
        Probe("a vertical tab is no white space", [400], ends: true) {
            $0.chunked(coding: "Transfer-Encoding: chunked\u{B}\r\n")
        },

        // Versions.
        Probe("another protocol", [400], ends: true) { $0.request(line: $0.line("RTSP/1.1")) },
        Probe("another protocol, pipelined", [0, 400], ends: true) {
            $0.request() + $0.request(line: $0.line("ICE/1.0"))
        },
        Probe("a protocol in lower case", [400], ends: true) { $0.request(line: $0.line("http/1.1")) },
        Probe("another major version", [400], ends: true) { $0.request(line: $0.line("HTTP/2.0")) },
        Probe("two digits", [400], ends: true) { $0.request(line: $0.line("HTTP/1.10")) },
        Probe("HTTP/1.2 is served as HTTP/1.1") { $0.request(line: $0.line("HTTP/1.2")) },
        Probe("HTTP/1.9 is served as HTTP/1.1") { $0.request(line: $0.line("HTTP/1.9")) },
        Probe("HTTP/1.2 needs a Host", [400], ends: true) { $0.request(line: $0.line("HTTP/1.2"), host: "") },

        // Chunks.
        Probe("a trailer changes nothing") {
            $0.chunked(trailer: "Connection: close\r\nContent-Length: 5\r\nTransfer-Encoding: gzip\r\nHost: a b\r\n")
        },
        Probe("a trailer that is no field", [400], ends: true, isInBody: true) {
            $0.chunked(trailer: "GET /livez HTTP/1.1\r\n")
        },
        Probe("a trailer of 20 KiB", [400], ends: true, isInBody: true) {
            $0.chunked(trailer: "X: \(String(repeating: "x", count: 20 << 10))\r\n")
        },
        Probe("extensions") { $0.chunked(extension: " \t;a;b=c;d=\"e f\"") },
        Probe("a blank that no extension follows", [400], ends: true, isInBody: true) { $0.chunked(extension: " ") },

        // Targets and methods.
        Probe("OPTIONS *", [204]) { "OPTIONS * HTTP/1.1\r\n\($0.host)\r\n" },
        Probe("OPTIONS of a path", [204]) { "OPTIONS \($0.place.path) HTTP/1.1\r\n\($0.host)\r\n" },
        Probe("* for another method", [400], ends: true) { $0.request(line: $0.line(target: "*")) },
        Probe("a scheme in upper case") { $0.request(line: $0.line(target: "HTTP://bff.test\($0.place.path)")) },
        Probe("an absolute target of another host", [400], ends: true) {
            $0.request(line: $0.line(target: "HTTP://evil.test\($0.place.path)"))
        },
        Probe("a target over 8 KiB", [414], ends: true) {
            $0.request(line: $0.line(target: "\($0.place.path)?\(String(repeating: "x", count: 9 << 10))"))
        },
        Probe("a target over 16 KiB", [414], ends: true) {
            $0.request(line: $0.line(target: "\($0.place.path)?\(String(repeating: "x", count: 60 << 10))"))
        },
        Probe("an unknown method", [501]) { $0.request(line: $0.line(method: "FROB")) },
        Probe("an unknown method in lower case", [501]) { $0.request(line: $0.line(method: "post")) },
        Probe("an unknown method of odd letters", [501]) { $0.request(line: $0.line(method: "M-SEARCH!")) },
        Probe("a method beyond any", [501], ends: true) {
            $0.request(line: $0.line(method: String(repeating: "X", count: 20 << 10)))
        },
        Probe("a method that is none", [400], ends: true) { $0.request(line: $0.line(method: "GE(T")) },

        // Upgrades.
        Probe("an offer of h2c") {
            $0.request("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAA\r\n")
        },
        Probe("an offer of h2c, and a request behind it", [0, 0]) {
            $0.request("Connection: Upgrade, HTTP2-Settings\r\nUpgrade:\tH2C\t\r\nHTTP2-Settings: AA\r\n")
                + $0.request()
        },
        Probe("an offer of websocket", [400], ends: true) {
            $0.request("Connection: Upgrade\r\nUpgrade: websocket\r\n")
        },
        Probe("an offer of h2c among others", [400], ends: true) {
            $0.request("Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n")
        },
        Probe("HTTP/2 after an offer that was ignored", [0, 400], ends: true) {
            $0.request("Connection: Upgrade\r\nUpgrade: h2c\r\n") + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + $0.request()
        },

        // Framing and bounds.
        Probe("both framings", [400], ends: true) { $0.chunked($0.length) },
        Probe("two lengths", [400], ends: true) { $0.request($0.length) },
        Probe("a coding of HTTP/1.0", [400], ends: true) {
            $0.chunked().replacing("HTTP/1.1", with: "HTTP/1.0")
        },
        Probe("no Host", [400], ends: true) { $0.request(host: "") },
        Probe("two Hosts", [400], ends: true) { $0.request("Host: bff.test\r\n") },
        Probe("an odd Host", [400], ends: true) { $0.request(host: "Host: a b\r\n") },
        Probe("a name with an underscore", [400], ends: true) { $0.request("X_Y: 1\r\n") },
        Probe("a folded line", [400], ends: true) { $0.request("X: 1\r\n 2\r\n") },
        Probe("a bare line feed", [400], ends: true) { $0.request("X: 1\nY: 2\r\n") },
        Probe("101 fields", [431], ends: true) { $0.request(String(repeating: "X: y\r\n", count: 101)) },
        Probe("17 KiB of fields", [431], ends: true) {
            $0.request("X: \(String(repeating: "x", count: 17 << 10))\r\n")
        },
        Probe("40 KiB of blanks", [431], ends: true) { $0.request("X:\(String(repeating: " ", count: 41 << 10))\r\n") },
        Probe("empty lines before a request", [0, 0]) { "\r\n\r\n" + $0.request() + "\r\n" + $0.request() },
    ]

    /// Runs `body` at each place, with both readers.
    private static func everywhere(
        _ body: (RelayFixture, Target, _ client: () async throws -> RawClient) async throws -> Void
    ) async throws {
        for readsPlain in [true, false] {
            try await RelayFixture.run(.init(readsPlain: readsPlain)) { fixture in
                let session = try await fixture.mint()
                let upstream = Task { while let call = await fixture.upstream.next() { try? await call.answer("{}") } }
                defer { upstream.cancel() }
                for place in Place.allCases {
                    let call = #"{"connect_token":"\#(session.connectToken.exposed)","route":"session_start"}"#
                    let target = Target(place: place, body: place == .relay ? call : "{}")
                    try await body(fixture, target) {
                        try await RawClient(port: place == .admin ? fixture.adminPort : fixture.port)
                    }
                }
            }
        }
    }

    @Test func `relay, router and admin listener answer alike`() async throws {
        try await Self.everywhere { fixture, target, connect in
            for probe in Self.probes {
                let client = try await connect()
                let name = "\(probe.name) at \(target.place)"
                do {
                    try? await client.send(probe.bytes(target))
                    for (index, status) in probe.statuses.enumerated() {
                        let answer = try await client.answer()
                        let isEarly = probe.isInBody && target.place == .admin
                        let expected = status == 0 || isEarly ? target.place.success : status
                        #expect(answer.status == expected, "\(name)")
                        let isLast = probe.ends && index == probe.statuses.count - 1
                        #expect((answer.field("connection") == "close") == isLast, "\(name)")
                        if answer.status == 204 {
                            #expect(answer.field("allow")?.contains("OPTIONS") == true, "\(name)")
                        }
                    }
                    if !probe.ends {
                        try await client.send(target.request("Connection: close\r\n"))
                        #expect(try await client.answer().status == target.place.success, "\(name)")
                    }
                } catch {
                    Issue.record("\(name): \(error)")
                }
                #expect(await client.rest().text.isEmpty, "\(name)")
                await client.close()
            }
        }
    }

    @Test func `a chunk extension of 64 KiB is refused, however it comes`() async throws {
        try await Self.everywhere { fixture, target, connect in
            // The admin listener's routes read no body, and answer before the extension ends.
            guard target.place != .admin else { return }
            let text = Array(target.chunked(extension: ";" + String(repeating: "a", count: 64 << 10)).utf8)
            for size in [text.count, 10_000, 1000] {
                let client = try await connect()
                for start in stride(from: 0, to: text.count, by: size) {
                    try? await client.send(Array(text[start..<min(start + size, text.count)]))
                }
                #expect(try await client.answer().status == 400, "\(target.place) \(size)")
                #expect(await client.rest().text.isEmpty)
            }
        }
    }

    @Test func `chunks of a byte are refused before their frames are many times the body`() async throws {
        try await Self.everywhere { fixture, target, connect in
            guard target.place != .admin else { return }
            let client = try await connect()
            let head = target.line() + target.host + target.type + "Transfer-Encoding: chunked\r\n\r\n"
            try? await client.send(head + String(repeating: "1\r\n \r\n", count: 20_000))
            #expect(try await client.answer().status == 413, "\(target.place)")
            #expect(await client.rest().text.isEmpty)
        }
    }

    @Test func `the answer to HEAD ends with its head, also where it is a refusal (I9)`() async throws {
        try await Self.everywhere { fixture, target, connect in
            var paths = ["/livez", "/readyz", "/nowhere", target.place.path].map { ($0, "", 0) }
            if target.place != .admin {
                let session = try await fixture.mint()
                paths += [
                    ("/v1/connect/sessions/\(session.id)", "X-Dev-Subject: alice\r\n", 200),
                    ("/v1/connect/sessions/\(session.id)/events", "X-Dev-Subject: alice\r\n", 200),
                    ("/v1/connect/sessions/\(session.id)", "", 404), ("/v1/locations", "X-Dev-Subject:\r\n", 401),
                    ("/v1/connect/callback", "", 0), ("/openapi.yaml", "", 200), ("/v1/connect/sessions", "", 405),
                    ("/", "", 405),
                ]
            }
            let client = try await connect()
            for (path, fields, status) in paths {
                try await client.send(
                    target.line(method: "HEAD", target: path) + target.host + fields + "\r\n" + target.request())
                let head = try await client.head()
                #expect(status == 0 || head.hasPrefix("HTTP/1.1 \(status) "), "\(path): \(head)")
                #expect(try await client.answer().status == target.place.success, "\(path) at \(target.place)")
            }
            for (target, fields, status) in [
                ("/livez", "Host: a\r\nHost: b\r\n", 400),
                ("/livez?\(String(repeating: "x", count: 9000))", "Host: a\r\n", 414),
                ("/livez", "Host: a\r\nX: \(String(repeating: "x", count: 17 << 10))\r\n", 431),
                ("/livez", "Host: a\r\nX\r\n", 400),
            ] {
                let client = try await connect()
                try await client.send("HEAD \(target) HTTP/1.1\r\n\(fields)\r\n")
                let text = await client.rest().text
                #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(status)")
                #expect(text.hasSuffix("\r\n\r\n"), "\(status)")
            }
        }
    }

    @Test func `no state of a connection takes in more than a little`() async throws {
        let piece = String(repeating: "x", count: 8192)
        try await Self.everywhere { fixture, target, connect in
            for start in [
                "CONNECT \(target.place.path) HTTP/1.1\r\n\(target.host)\r\n", target.request("Upgrade: h2c\r\n"),
                target.request("Connection: close\r\n"), "GET /", target.line() + "X: ",
                target.line() + target.host + "X: y",
                target.chunked().dropLast(4) + "X: ", target.chunked(extension: ";x").prefix { $0 != ";" } + ";",
            ] {
                let client = try await connect()
                try await client.send(start)
                var sent = 0
                // Ends with an error when the connection does.
                while sent < 32 << 20 {
                    do { try await client.send(piece) } catch { break }
                    sent += piece.utf8.count
                }
                #expect(sent < 32 << 20, "\(start) at \(target.place)")
                await client.close()
            }
        }
    }

    // MARK: - Time

    @Test func `a second head that began with the first request has the time of a head, not of an idle connection`()
        async throws
    {
        try await Self.everywhere { fixture, target, connect in
            let client = try await connect()
            try await client.send(target.request() + "GET /li")
            #expect(try await client.answer().status == target.place.success)
            let passing = fixture.passTime()
            defer { passing.cancel() }
            // An idle connection is closed without a word.
            #expect(try await client.answer().status == 408, "\(target.place)")
            #expect(await client.rest().text.isEmpty)
        }
    }

    @Test(
        "a body that is too slow is 408 on every route",
        arguments: ["/", "/v1/connect/sessions", "/v1/webhooks/flatpeak"])
    func slowBody(path: String) async throws {
        try await RelayFixture.run { fixture in
            let client = try await fixture.client()
            try await client.send(
                "POST \(path) HTTP/1.1\r\nHost: bff.test\r\nContent-Type: application/json\r\n"
                    + "Flatpeak-Signature: v1=AAAA\r\nFlatpeak-Key-ID: wsk_test_1\r\n"
                    + "Flatpeak-Timestamp: \(Int(fixture.clock.wall.timeIntervalSince1970))\r\nContent-Length: 9\r\n\r\n{"
            )
            let passing = fixture.passTime()
            defer { passing.cancel() }
            let answer = try await client.answer()
            #expect(answer.status == 408)
            #expect(answer.body.contains("request_timeout"))
            #expect(answer.field("connection") == "close")
            #expect(await client.rest().text.isEmpty)
            try await until { fixture.lines.all.count == 1 }
        }
    }

    // MARK: - Streams

    @Test func `an empty line in two pieces begins no head`() async throws {
        try await RelayFixture.run { fixture in
            let client = try await fixture.client()
            try await client.send("\r")
            try await fixture.tick()
            try await client.send("\n")
            // Longer than a head may take, and not as long as a connection may be idle.
            for _ in 0..<8 {
                fixture.clock.advance(by: 5)
                try await fixture.tick()
            }
            try await client.send(RelayFixture.get("/livez"))
            #expect(try await client.answer().status == 200)
            await client.close()
        }
    }

    @Test func `a stream for an HTTP/1.0 client has no chunks, and ends with the connection`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            for version in ["1.0", "1.1"] {
                let client = try await fixture.client()
                try await client.send(
                    "GET /v1/connect/sessions/\(session.id)/events HTTP/\(version)\r\nHost: bff.test\r\n"
                        + "X-Dev-Subject: alice\r\n\r\n")
                try await client.receives("event: session\n")
                let head = try await client.head()
                #expect(head.hasPrefix("HTTP/1.1 200 "))
                #expect(head.lowercased().contains("transfer-encoding: chunked") == (version == "1.1"))
                #expect(head.lowercased().contains("connection: close") == (version == "1.0"))
                if version == "1.0" { try await client.receives("retry: 2000\n\nid: ") }
                await client.close()
            }
        }
    }

    @Test func `Origin and Forwarded are read without the white space around them`() async throws {
        let range = try #require(AddressRange("127.0.0.1/32"))
        var setup = RelayFixture.Setup(origins: ["https://app.test"])
        setup.proxies = TrustedProxies([range], unix: false, header: .forwarded)
        setup.addressLimit = RateLimit(count: 1, period: .seconds(60))
        try await RelayFixture.run(setup) { fixture in
            for (number, path) in ["/", "/v1/connect", "/v1/connect/sessions"].enumerated() {
                for isSecond in [false, true] {
                    let client = try await fixture.client()
                    try await client.send(
                        RelayFixture.post(
                            "{}", path: path,
                            fields:
                                "Origin:\thttps://app.test\t\r\nForwarded: for=192.0.2.\(number)\t;\tproto=http \r\n"))
                    let answer = try await client.answer()
                    #expect(answer.field("access-control-allow-origin") == "https://app.test", "\(path)")
                    // The budget is that of the address, so that this was read.
                    #expect((answer.status == 429) == isSecond, "\(path)")
                    await client.close()
                }
            }
        }
    }

    @Test func `a HEAD has the length of the file, a 304 has none, neither has its bytes, and the connection goes on`()
        async throws
    {
        try await RelayFixture.run { fixture in
            let client = try await fixture.client()
            func request(_ method: String, _ fields: String) -> String {
                "\(method) /connect.js HTTP/1.1\r\nHost: bff.test\r\n\(fields)\r\n"
            }
            try await client.send(request("GET", ""))
            let whole = try await client.answer()
            let tag = try #require(whole.field("etag"))
            #expect(whole.field("content-length") == "\(whole.body.utf8.count)")
            for codings in ["", "Accept-Encoding: gzip\r\n"] {
                for (method, fields, status) in [
                    ("HEAD", "", "200 OK"), ("GET", "If-None-Match: \(tag)\r\n", "304 Not Modified"),
                ] {
                    try await client.send(request(method, codings + fields) + RelayFixture.get("/livez"))
                    let head = try await client.head()
                    #expect(head.hasPrefix("HTTP/1.1 \(status)\r\n"))
                    #expect(head.contains("\r\nContent-Encoding: gzip") == !codings.isEmpty)
                    let line = head.split(separator: "\r\n").first { $0.hasPrefix("Content-Length: ") }
                    let length = line.flatMap { Int($0.dropFirst("Content-Length: ".count)) }
                    if method == "HEAD" {
                        #expect(try #require(length) <= whole.body.utf8.count)
                        #expect((length == whole.body.utf8.count) == codings.isEmpty)
                    } else {
                        #expect(length == nil)
                    }
                    #expect(try await client.answer().body == "ok\n")
                }
            }
            await client.close()
        }
    }
}
