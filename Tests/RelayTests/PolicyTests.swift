import Core
import Edge
import Gateway
import HTTPTypes
import Resilience
import TestSupport
import Testing

/// The rules that calls of the relay share with every other route, on the socket.
@Suite(.serialized, .timeLimit(.minutes(2))) struct PolicyTests {
    static let origin = "http://web.test"

    private func refusal(_ text: String, _ setup: RelayFixture.Setup = .init(origins: [origin])) async throws
        -> RawClient.Answer
    {
        var found: RawClient.Answer?
        try await RelayFixture.run(setup) { fixture in
            let client = try await fixture.client()
            try await client.send(text)
            found = try await client.answer()
            #expect(fixture.upstream.requests == 0)
        }
        return try #require(found)
    }

    @Test(
        "a body is JSON, whole, small, and names a token",
        arguments: [
            ("{", 400, "json_malformed"), ("[]", 400, "json_malformed"), ("{}", 400, "connect_token_missing"),
            (#"{"connect_token":"a","connect_token":"b"}"#, 400, "json_malformed"),
            (#"{"connect_token":"cot_other","route":"session_start"}"#, 404, "connect_token_unknown"),
        ])
    func bodies(body: String, status: Int, code: String) async throws {
        for path in ["/", "/v1/connect"] {
            let answer = try await refusal(RelayFixture.post(body, path: path, fields: "Origin: \(Self.origin)\r\n"))
            #expect(answer.status == status)
            #expect(answer.body.contains(#""code":"\#(code)""#))
            #expect(answer.body.contains(#""object":"error""#))
            #expect(answer.field("x-request-id").map { answer.body.contains(#""request_id":"\#($0)""#) } == true)
            #expect(answer.field("access-control-allow-origin") == Self.origin)
            #expect(answer.field("x-content-type-options") == "nosniff")
            #expect(answer.field("connection") == nil)
        }
    }

    @Test(
        "what is not declared as JSON is 415 (S19)",
        arguments: ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", nil])
    func S19(type: String?) async throws {
        let line = type.map { "Content-Type: \($0)\r\n" } ?? ""
        let answer = try await refusal("POST / HTTP/1.1\r\nHost: a\r\n\(line)Content-Length: 2\r\n\r\n{}")
        #expect(answer.status == 415)
        #expect(answer.field("connection") == nil, "its body is there, so the connection can go on")
    }

    @Test(
        "pages of other sites are refused; a listed origin may read, any other learns nothing (S20, S21)",
        arguments: [
            ("", true), ("Origin: http://web.test\r\n", true), ("Origin: https://web.test\r\n", false),
            ("Origin: http://web.test:80\r\n", false), ("Origin: http://WEB.test\r\n", false),
            ("Origin: null\r\n", false),
            ("Origin: http://web.test\r\nOrigin: http://web.test\r\n", false),
            ("Sec-Fetch-Site: same-origin\r\n", true),
            ("Sec-Fetch-Site: cross-site\r\n", false), ("Sec-Fetch-Site: same-site\r\n", false),
            ("Sec-Fetch-Site: cross-site\r\nOrigin: http://web.test\r\n", true),
            ("Sec-Fetch-Site: same-origin\r\nOrigin: https://evil.example\r\n", false),
        ])
    func S20(fields: String, isAdmitted: Bool) async throws {
        let answer = try await refusal(RelayFixture.post("{}", fields: fields))
        #expect((answer.status != 403) == isAdmitted)
        if !isAdmitted { #expect(answer.body.contains("origin_not_allowed")) }
        let names = isAdmitted && fields.contains("Origin")
        #expect(answer.field("access-control-allow-origin") == (names ? Self.origin : nil))
        #expect(answer.field("vary") == "Origin, Sec-Fetch-Site")
    }

    @Test("HSTS when a proxy of ours says that the client used https (S24)", arguments: [true, false])
    func S24(isTrusted: Bool) async throws {
        let range = try #require(AddressRange("127.0.0.1/32"))
        let setup = RelayFixture.Setup(proxies: TrustedProxies(isTrusted ? [range] : [], unix: false))
        let answer = try await refusal(RelayFixture.post("{}", fields: "X-Forwarded-Proto: https\r\n"), setup)
        #expect((answer.field("strict-transport-security") != nil) == isTrusted)
    }

    // MARK: - Heads

    @Test(
        "heads that two readers could take for two requests are refused, on every route, and the connection ends (S34)")
    func S34() async throws {
        try await RelayFixture.run { fixture in
            for line in ["POST /", "POST /v1/connect", "GET /livez", "POST /v1/connect/sessions", "PROPFIND /x"] {
                for fields in [
                    "Host: a\r\nHost: b\r\n", "Host: a\r\nhost: a\r\n", "", "Host: a\r\nX_Forwarded_User: root\r\n",
                    "Host: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n",
                    "Host: a\r\nContent-Length: 2, 2\r\n", "Host: a\r\nContent-Length: +2\r\n", "Host: a\r\nX : b\r\n",
                    "Host: a\r\n folded: b\r\n", "Host: a\r\nX: \u{0}\r\n",
                    "Host: a\r\nTransfer-Encoding: identity\r\n",
                    "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                ] {
                    let client = try await fixture.client()
                    try await client.send(
                        "\(line) HTTP/1.1\r\n\(fields)Content-Type: application/json\r\n\r\n{}" + RelayFixture.get())
                    let answer = try await client.answer()
                    #expect(answer.status == 400, "\(line) \(fields)")
                    #expect(answer.field("connection") == "close", "\(line) \(fields)")
                    #expect(answer.body.contains("header_malformed"), "\(line) \(fields)")
                    #expect(await client.rest().text.isEmpty, "\(line) \(fields)")
                }
            }
            #expect(fixture.upstream.requests == 0)
        }
    }

    @Test("with a list of hosts every other Host is refused, on every route but the probes (S34)")
    func S34hosts() async throws {
        try await RelayFixture.run(.init(hosts: ["bff.example", "[::1]"])) { fixture in
            for (host, isOurs) in [
                ("bff.example", true), ("BFF.example:8443", true), ("[::1]", true), ("[::1]:8080", true),
                ("evil.example", false), ("bff.example.evil.example", false), ("xbff.example", false),
                ("bff.example.", true), ("bff.example..", false), ("[::2]", false), ("127.0.0.1:8080", false),
            ] {
                for (line, isProbe) in [
                    ("POST /", false), ("POST /v1/connect/sessions", false), ("GET /v1/locations", false),
                    ("GET /livez", true), ("GET /readyz", true), ("GET /nope", false),
                ] {
                    let client = try await fixture.client()
                    try await client.send(
                        "\(line) HTTP/1.1\r\nHost: \(host)\r\nContent-Type: application/json\r\n"
                            + "Content-Length: 2\r\n\r\n{}")
                    let answer = try await client.answer()
                    let isRefused = answer.status == 400 && answer.body.contains("header_malformed")
                    #expect(isRefused != (isOurs || isProbe), "\(line) \(host)")
                }
            }
        }
    }

    @Test(
        "a customer's browser gets the refusal of its host as a page in its language, which loads nothing",
        arguments: ["/connect", "/connect/popup", "/v1/connect/callback"])
    func refusalAsPage(_ path: String) async throws {
        try await RelayFixture.run(.init(hosts: ["bff.example"])) { fixture in
            for (language, title) in [
                ("Accept-Language: de-AT, en;q=0.5\r\n", "Etwas ist schiefgegangen"), ("", "Something went wrong"),
            ] {
                let client = try await fixture.client()
                try await client.send("GET \(path) HTTP/1.1\r\nHost: evil.example\r\n\(language)\r\n")
                let answer = try await client.answer()
                #expect(answer.status == 400)
                #expect(answer.field("content-type") == "text/html; charset=utf-8")
                #expect(answer.field("content-security-policy") == "default-src 'none'; frame-ancestors 'none'")
                #expect(answer.body.contains("<h1>\(title)</h1>"))
                #expect(!answer.body.contains("<link"))
                #expect(!answer.body.contains("<script"))
                await client.close()
            }
        }
    }

    @Test(
        "heads have limits, on every route (S35)",
        arguments: [
            "X: \(String(repeating: "x", count: 17_000))\r\n", String(repeating: "X: y\r\n", count: 101),
            String(repeating: "X: \(String(repeating: "y", count: 300))\r\n", count: 60),
        ], ["POST / HTTP/1.1", "GET /livez HTTP/1.1"])
    func S35heads(fields: String, line: String) async throws {
        try await RelayFixture.run { fixture in
            let client = try await fixture.client()
            try await client.send("\(line)\r\nHost: a\r\n\(fields)\r\n" + RelayFixture.get())
            let answer = try await client.answer()
            #expect(answer.status == 431)
            #expect(answer.field("connection") == "close")
            #expect(await client.rest().text.isEmpty)
        }
    }

    @Test("a target has at most 8 KiB (S35)", arguments: ["GET /livez?", "POST /?"])
    func S35target(start: String) async throws {
        try await RelayFixture.run { fixture in
            let client = try await fixture.client()
            try await client.send(
                "\(start)\(String(repeating: "x", count: 9000)) HTTP/1.1\r\nHost: a\r\n\r\n" + RelayFixture.get())
            #expect(try await client.answer().status == 414)
            #expect(await client.rest().text.isEmpty)
        }
    }

    @Test(
        "a body that is too large is refused at once, and the rest of it is not read (S35)",
        arguments: ["/", "/v1/connect", "/v1/connect/sessions"], [true, false])
    func S35bodies(path: String, isDeclared: Bool) async throws {
        try await RelayFixture.run { fixture in
            let client = try await fixture.client()
            let framing = isDeclared ? "Content-Length: 100000000" : "Transfer-Encoding: chunked"
            try await client.send(
                "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\(framing)\r\n\r\n")
            let piece = String(repeating: "x", count: 8192)
            let flood = Task {
                // Ends with an error when the connection does; a server that swallows it all would take 800 MB.
                for _ in 0..<100_000 { try await client.send(isDeclared ? piece : "2000\r\n\(piece)\r\n") }
            }
            let answer = try await client.answer()
            #expect(answer.status == 413)
            #expect(answer.body.contains("body_too_large"))
            #expect(answer.field("connection") == "close")
            await #expect(throws: (any Error).self) { try await flood.value }
        }
    }

    // MARK: - Slow clients

    @Test(
        "a head that takes too long is 408, and so is a body (S35)",
        arguments: [
            "POST / HTTP/1.1\r\nHo", String(RelayFixture.post("{}").dropLast()),
            String(RelayFixture.post("{}", path: "/v1/connect/sessions").dropLast()),
        ])
    func slow(start: String) async throws {
        try await RelayFixture.run { fixture in
            let client = try await fixture.client()
            try await client.send(start)
            let passing = fixture.passTime()
            defer { passing.cancel() }
            let answer = try await client.answer()
            #expect(answer.status == 408)
            #expect(answer.field("connection") == "close")
            #expect(await client.rest().text.isEmpty)
        }
    }

    @Test("an idle connection lives longer than a reverse proxy's, and not for ever (R16)")
    func R16() async throws {
        try await RelayFixture.run { fixture in
            let client = try await fixture.client()
            for wait in [80.0, 80] {
                try await client.send(RelayFixture.get())
                #expect(try await client.answer().status == 200)
                fixture.clock.advance(by: wait)
                try await fixture.tick()
            }
            let passing = fixture.passTime()
            defer { passing.cancel() }
            #expect(await client.rest().text.isEmpty)
        }
    }

    // MARK: - Limits

    @Test("beyond the capacity a call is refused at once, and probes answer (R13)")
    func R13() async throws {
        var setup = RelayFixture.Setup()
        setup.capacity.fastPath = 2
        try await RelayFixture.run(setup) { fixture in
            let session = try await fixture.mint()
            var clients: [RawClient] = []
            var calls: [StagedServer.Call] = []
            for _ in 0..<2 {
                let client = try await fixture.client()
                try await client.send(RelayFixture.call(session))
                clients.append(client)
                calls.append(try #require(await fixture.upstream.next()))
            }
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session) + RelayFixture.get("/v1/locations") + RelayFixture.get())
            let refused = try await client.answer()
            #expect(refused.status == 503)
            #expect(refused.field("retry-after") == "1")
            #expect(refused.body.contains("overloaded"))
            // Relays that fill their slots leave other routes available.
            #expect(try await client.answer().status == 200)
            #expect(try await client.answer().status == 200)
            for (client, call) in zip(clients, calls) {
                try await call.answer("{}")
                #expect(try await client.answer().status == 200)
            }
            try await client.send(RelayFixture.get("/v1/locations"))
            #expect(try await client.answer().status == 200)
        }
    }

    @Test("calls per token, over all connections together (S15)")
    func callLimit() async throws {
        var setup = RelayFixture.Setup()
        setup.callLimit = RateLimit(count: 3, period: .seconds(60))
        try await RelayFixture.run(setup) { fixture in
            let session = try await fixture.mint()
            for number in 1...4 {
                let client = try await fixture.client()
                try await client.send(RelayFixture.call(session))
                if number <= 3 { try await #require(await fixture.upstream.next()).answer("{}") }
                let answer = try await client.answer()
                #expect(answer.status == (number <= 3 ? 200 : 429))
                #expect((answer.field("retry-after") != nil) == (number > 3))
            }
            #expect(fixture.upstream.requests == 3)
            fixture.clock.advance(by: 60)
        }
    }

    @Test("calls per address, one budget for relay and router, whatever a client claims to be (S15, S36)")
    func addressLimit() async throws {
        for isTrusted in [true, false] {
            let range = try #require(AddressRange("127.0.0.1/32"))
            var setup = RelayFixture.Setup(proxies: TrustedProxies(isTrusted ? [range] : [], unix: false))
            setup.addressLimit = RateLimit(count: 2, period: .seconds(60))
            try await RelayFixture.run(setup) { fixture in
                let client = try await fixture.client()
                var statuses: [Int] = []
                for number in 1...4 {
                    let fields = "X-Forwarded-For: 10.0.0.\(number)\r\n"
                    try await client.send(
                        number.isMultiple(of: 2)
                            ? RelayFixture.post("{}", fields: fields)
                            : RelayFixture.get("/v1/locations", fields: fields))
                    statuses.append(try await client.answer().status)
                }
                #expect(statuses == (isTrusted ? [200, 400, 200, 400] : [200, 400, 429, 429]))
            }
        }
    }

    @Test func `each call has its line, with the template and without a token`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(
                RelayFixture.call(session, path: "/?fp_cot=cot_x") + RelayFixture.post("{}", path: "/v1/connect")
                    + RelayFixture.get())
            try await #require(await fixture.upstream.next()).answer("{}")
            for _ in 0..<3 { _ = try await client.answer() }
            try await until { fixture.lines.all.count == 3 }
            #expect(fixture.lines.all.map(\.route) == ["/", "/v1/connect", "/livez"])
            #expect(fixture.lines.all.map(\.status) == [200, 400, 200])
            #expect(fixture.lines.all.map(\.method) == ["POST", "POST", "GET"])
            #expect(Set(fixture.lines.all.map(\.number)).count == 3)
        }
    }
}
