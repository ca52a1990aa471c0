import Core
import Gateway
import Resilience
import Sessions
import TestSupport
import Testing

/// What passes between client and upstream, and what does not.
@Suite(.serialized, .timeLimit(.minutes(2))) struct PassingTests {
    static let page = #" {"route" : "some_new_route", "data":{"é":1.50}} "#

    @Test("the body passes byte for byte both ways, and no header that is not on the lists (S29, S31)")
    func S29() async throws {
        try await RelayFixture.run(.init(origins: ["http://web.test"])) { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            let body = #"{"connect_token":"\#(session.connectToken.exposed)", "route":"session_start","type":"submit"}"#
            try await client.send(
                RelayFixture.post(
                    body,
                    fields:
                        "Accept-Language: fr\r\nCookie: a=b\r\nAuthorization: Bearer x\r\nForwarded: for=1.2.3.4\r\n"
                        + "X-Forwarded-For: 1.2.3.4\r\nX-HTTP-Method-Override: DELETE\r\nProxy-Authorization: x\r\n"
                        + "Origin: http://web.test\r\nTraceparent: 00-1-2-3\r\nAccept: text/html\r\n"))
            let call = try #require(await fixture.upstream.next())
            #expect(
                call.text == """
                    POST / HTTP/1.1\r
                    Host: 127.0.0.1:\(fixture.upstream.port)\r
                    Via: 1.1 connect-bff-self\r
                    Accept: application/json, */*;q=0.5\r
                    Accept-Encoding: identity\r
                    User-Agent: connect-bff/\(ProductVersion.current)\r
                    Content-Type: application/json\r
                    Accept-Language: fr\r
                    Content-Length: \(body.utf8.count)\r
                    \r
                    \(body)
                    """)
            try await call.answer(
                Self.page, status: "203 Non-Authoritative Information",
                fields:
                    "Set-Cookie: a=b\r\nAccess-Control-Allow-Origin: *\r\nServer: x\r\nAlt-Svc: h3\r\nLocation: /x\r\n"
                    + "Strict-Transport-Security: max-age=1\r\nCache-Control: public\r\nKeep-Alive: timeout=5\r\n"
                    + "X-Request-Id: theirs\r\nRetry-After: 7\r\n")
            let answer = try await client.answer()
            #expect(answer.status == 203)
            #expect(answer.body == Self.page)
            let names = answer.head.split(separator: "\r\n").dropFirst().map { $0.prefix { $0 != ":" } }
            #expect(
                names == [
                    "Content-Type", "X-Request-Id", "X-Content-Type-Options", "Content-Security-Policy",
                    "Referrer-Policy", "Cross-Origin-Resource-Policy", "Cache-Control", "Vary",
                    "Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Date", "Retry-After",
                    "Content-Length",
                ])
            #expect(answer.field("access-control-allow-origin") == "http://web.test")
            #expect(answer.field("cache-control") == "no-store, no-transform")
            #expect(answer.field("retry-after") == "7")
            #expect(answer.field("content-type") == "application/json; charset=utf-8")
            #expect(answer.field("x-request-id")?.hasPrefix("req_") == true)
            #expect(answer.field("date") == "Tue, 14 Nov 2023 22:13:20 GMT")
        }
    }

    @Test(
        "no Connection header takes away what we add (S30)",
        arguments: [
            "via", ", Via, Content-Length", "HOST, accept, content-type", "close, via", "keep-alive, x-request-id",
        ])
    func S30(options: String) async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session, fields: "Connection: \(options)\r\n"))
            let call = try #require(await fixture.upstream.next())
            for line in ["Host: 127.0.0.1", "Via: 1.1 connect-bff-self", "Content-Type: application/json", "Accept: "] {
                #expect(call.head.contains("\r\n\(line)"))
            }
            #expect(!call.head.lowercased().contains("connection"))
            try await call.answer("{}")
            let answer = try await client.answer()
            #expect(answer.status == 200)
            #expect(answer.field("x-request-id") != nil)
        }
    }

    @Test("whatever the target and the hosts say, upstream sees one path on one host, or nothing (S27)")
    func S27() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            let fields = "X-Forwarded-Host: evil.example\r\nX-Original-URL: /x\r\n"
            for target in [
                "/", "/v1/connect", "/?a=//evil.example", "/v1/connect?x=%2e%2e", "http://bff.test/",
                "http://bff.test", "https://BFF.test/v1/connect?a",
            ] {
                try await client.send(RelayFixture.call(session, path: target, fields: fields))
                let call = try #require(await fixture.upstream.next())
                #expect(call.text.hasPrefix("POST / HTTP/1.1\r\nHost: 127.0.0.1:\(fixture.upstream.port)\r\n"))
                #expect(!call.text.contains("evil"))
                try await call.answer("{}")
                #expect(try await client.answer().status == 200)
            }
            let relayed = fixture.upstream.requests
            for target in [
                "//evil.example", "//", "/@evil.example", "/..;/", "/%2e%2e", "/%2f", "/%5cevil.example",
                "/v1/connect/",
                "/v1/connect;a", "/v1//connect", "/v1/connect/..", "/%76%31/connect", "/v1%2Fconnect", "/%252e%252e",
                "http://bff.test//", "http://evil.example/", "https://evil.example/v1/connect", "http://bff.test@evil/",
                "http://bff.test:80/", "ftp://bff.test/", "/#", "/v1/connect#/", "*", "@evil.example/",
            ] {
                let client = try await fixture.client()
                try await client.send(RelayFixture.call(session, path: target, fields: fields))
                #expect([400, 404].contains(try await client.answer().status), "\(target)")
                await client.close()
            }
            #expect(fixture.upstream.requests == relayed)
        }
    }

    @Test(
        "an upgrade to anything but h2c is refused, on every route, goes nowhere, and ends the connection (S32)",
        arguments: [
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c, TLS/1.0\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
            "Connection: Upgrade\r\nUpgrade: h2\r\n", "Upgrade: h2c\r\nUpgrade: websocket\r\n",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n",
        ])
    func S32(fields: String) async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            for request in [RelayFixture.call(session, fields: fields), RelayFixture.get(fields: fields)] {
                let client = try await fixture.client()
                try await client.send(request + RelayFixture.get())
                let answer = try await client.answer()
                #expect(answer.status == 400)
                #expect(answer.field("connection") == "close")
                #expect(await client.rest().text.isEmpty)
            }
            #expect(fixture.upstream.requests == 0)
        }
    }

    @Test(
        "a redirect, or a good answer that is no JSON, becomes an error object, and the other host is not called (S28)",
        arguments: [
            ("302 Found", "application/json", "Location: http://127.0.0.1:PORT/\r\n"), ("200 OK", "text/html", ""),
            ("206 Partial Content", "text/html", ""), ("200 OK", "application/jsonp", ""), ("304 Not Modified", "", ""),
            ("204 No Content", "", ""), ("200 OK", "application/json\r\nContent-Type: text/html", ""),
            ("200 OK", "application/json\r\nContent-Encoding: gzip", ""),
        ])
    func S28(status: String, type: String, fields: String) async throws {
        let other = try await StagedServer()
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session))
            let call = try #require(await fixture.upstream.next())
            let body = status.hasPrefix("3") || status.hasPrefix("204") ? "" : "<html>"
            try await call.send(
                "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\n"
                    + fields.replacing("PORT", with: "\(other.port)")
                    + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
            let answer = try await client.answer()
            #expect(answer.status == 502)
            #expect(answer.body.contains(#""code":"upstream_invalid_answer""#))
            #expect(answer.body.contains(#""object":"error""#))
            #expect(answer.body.contains(#""type":"api_error""#))
            #expect(answer.body.contains(session.connectToken.exposed))
            #expect(answer.field("x-request-id").map { answer.body.contains($0) } == true)
            #expect(answer.field("location") == nil)
            // The client's connection goes on.
            try await client.send(RelayFixture.get())
            #expect(try await client.answer().status == 200)
        }
        #expect(other.connections == 0)
        await other.stop()
    }

    @Test func `interim answers of upstream do not reach the client`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session))
            let call = try #require(await fixture.upstream.next())
            try await call.send("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
            try await call.answer("{}")
            #expect(try await client.answer().status == 200)
        }
    }

    @Test func `a call that comes back to us is refused`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session, fields: "Via: 1.1 proxy\r\nvia: 1.1 connect-bff-self\r\n"))
            let answer = try await client.answer()
            #expect(answer.status == 508)
            #expect(answer.body.contains("loop_detected"))
            #expect(fixture.upstream.requests == 0)
        }
    }

    @Test func `what is read and pressed is noted for the session`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            for (page, check) in [
                (#"{"route":"tariff_connection_pending"}"#, \SessionFactsView.pendingShown),
                (
                    #"{"data":{"redirect_url":"http:\/\/bff.test/v1/connect/callback?fp_cot=1"},"route":"session_redirect"}"#,
                    \.left
                ),
            ] as [(String, KeyPath<SessionFactsView, Bool>)] {
                try await client.send(RelayFixture.call(session))
                try await #require(await fixture.upstream.next()).answer(page)
                #expect(try await client.answer().body == page)
                try await until {
                    SessionFactsView(try await fixture.facts(of: session))[keyPath: check]
                }
            }
        }
    }
}
