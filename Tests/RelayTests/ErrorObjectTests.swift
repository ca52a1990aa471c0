import Core
import Foundation
import Gateway
import Sessions
import TestSupport
import Testing

/// What a Connect web app gets with a status of 400 or more is always an error object, whoever made the error.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ErrorObjectTests {
    private struct Object: Decodable {
        let object: String, type: String, code: String, message: String, request_id: String
        let connect_token: String?, context: String?
    }

    private static func object(_ answer: RawClient.Answer) throws -> Object {
        #expect(answer.field("content-type") == "application/json; charset=utf-8")
        return try JSONDecoder().decode(Object.self, from: Data(answer.body.utf8))
    }

    /// One answer of Flatpeak's, as the client gets it.
    private static func relayed(
        _ fixture: RelayFixture, _ session: ConnectSession, _ head: String, _ body: String, isChunked: Bool = false
    ) async throws -> RawClient.Answer {
        let client = try await fixture.client()
        try await client.send(RelayFixture.call(session, fields: "Origin: http://web.test\r\n"))
        let length = body.utf8.count
        try await #require(await fixture.upstream.next()).send(
            "HTTP/1.1 \(head)\r\n"
                + (isChunked
                    ? "Transfer-Encoding: chunked\r\n\r\n\(String(length, radix: 16))\r\n\(body)\r\n0\r\n\r\n"
                    : "Content-Length: \(length)\r\n\r\n\(body)"))
        let answer = try await client.answer()
        #expect(answer.field("access-control-allow-origin") == "http://web.test")
        // The connection goes on.
        try await client.send(RelayFixture.get())
        #expect(try await client.answer().status == 200)
        await client.close()
        return answer
    }

    private static let setup = RelayFixture.Setup(origins: ["http://web.test"])

    @Test func `an error object with Flatpeak's request_id passes byte for byte, and the log names that id`()
        async throws
    {
        try await RelayFixture.run(Self.setup) { fixture in
            let session = try await fixture.mint()
            let body =
                #" {"request_id" :"fp-7.A:b","object":"error","type":"invalid_request","code":"x","message":"é\u00e9","n":1.50} "#
            for isChunked in [false, true] {
                let answer = try await Self.relayed(
                    fixture, session, "422 Unprocessable\r\nContent-Type: application/json\r\nRetry-After: 7", body,
                    isChunked: isChunked)
                #expect(answer.status == 422)
                #expect(answer.body == body)
                #expect(answer.field("retry-after") == "7")
            }
            let line = try #require(fixture.lines.all.first { $0.status == 422 })
            #expect(line.upstreamRequest == "fp-7.A:b")
            #expect(line.code == nil)
            #expect(fixture.lines.all.allSatisfy { $0.status == 422 || $0.upstreamRequest == nil })
        }
    }

    @Test(
        "an error object without a request_id that can be used gets ours, and is otherwise the same",
        arguments: [
            "", #""request_id":null,"#, #""request_id":"","#, #""request_id":"a b","#, #""request_id":7,"#,
            #""request_id":"cot_1","#, #""request_id":{"a":[1]},"#,
        ])
    func completed(member: String) async throws {
        try await RelayFixture.run(Self.setup) { fixture in
            let session = try await fixture.mint()
            let rest =
                #""object":"error","live_mode":false,"context":"connect.provider_select","type":"invalid_request","code":"country_code_missing","message":"Country code is required","time_created":"2022-01-24T14:15:22.003"}"#
            let answer = try await Self.relayed(
                fixture, session, "400 Bad Request\r\nContent-Type: application/json", "{\(member)\(rest)")
            #expect(answer.status == 400)
            let id = try #require(answer.field("x-request-id"))
            #expect(answer.body == #"{"request_id":"\#(id)",\#(rest)"#)
            let line = try #require(fixture.lines.all.first { $0.status == 400 })
            #expect(RequestID(line.number).text == id)
            #expect(line.upstreamRequest == nil)
            #expect(line.code == nil)
        }
    }

    @Test(
        "anything else is wrapped, with its status and a request_id of ours",
        arguments: [
            (
                "500 Internal Server Error", #"{"message":"Internal Server Error"}"#, "upstream_failed",
                "Internal Server Error"
            ),
            ("403 Forbidden", #"{"message":"Bad \"credentials\""}"#, "upstream_refused", #"Bad "credentials""#),
            ("401 Unauthorized", #"{"message":"No"}"#, "upstream_refused", "No"),
            ("409 Conflict", #"{"message":"","code":"odd_state"}"#, "odd_state", nil),
            (
                "429 Too Many Requests", #"{"object":"error","message":"Slow down","code":7}"#, "upstream_limited",
                "Slow down"
            ),
            ("404 Not Found", "[]", "upstream_refused", nil), ("503 Gone", "", "upstream_failed", nil),
            ("500 X", "{\"message\":\"x\",}", "upstream_failed", nil), ("500 X", "null", "upstream_failed", nil),
            ("500 X", #"{"object":"error","object":"x","type":"t","code":"c","message":"m"}"#, "upstream_failed", nil),
            ("500 X", #"{"m\u0065ssage":"m"}"#, "upstream_failed", nil),
            ("500 X", #"{"message":"\ud800"}"#, "upstream_failed", nil),
            ("418 X", #"{"route":"tariff_summary"}"#, "upstream_refused", nil),
        ] as [(String, String, String, String?)])
    func wrapped(status: String, body: String, code: String, message: String?) async throws {
        try await RelayFixture.run(Self.setup) { fixture in
            let session = try await fixture.mint()
            let answer = try await Self.relayed(
                fixture, session, "\(status)\r\nContent-Type: application/json", body)
            let number = Int(status.prefix(3)) ?? 0
            #expect(answer.status == number)
            #expect((answer.field("www-authenticate") != nil) == (number == 401))
            let object = try Self.object(answer)
            #expect(object.object == "error")
            #expect(object.code == code)
            #expect(object.type == (number == 429 ? "rate_limit" : number < 500 ? "invalid_request" : "api_error"))
            #expect(message == nil ? !object.message.isEmpty : object.message == message)
            #expect(object.request_id == answer.field("x-request-id"))
            #expect(object.connect_token == session.connectToken.exposed)
            let line = try #require(fixture.lines.all.first { $0.status == number })
            #expect(RequestID(line.number).text == object.request_id)
            #expect(line.code?.hasPrefix("upstream_") == true)
        }
    }

    @Test(
        "so is the page of a proxy or a firewall, which is not read",
        arguments: [
            ("502 Bad Gateway", "text/html", "upstream_failed"), ("403 Forbidden", "text/html", "upstream_blocked"),
            ("407 Proxy Authentication Required", "text/plain", "upstream_blocked"),
            ("408 Request Timeout", "text/html", "upstream_refused"), ("421 X", "text/html", "upstream_refused"),
            ("425 Too Early", "", "upstream_refused"),
            ("404 Not Found", "", "upstream_refused"), ("429 Too Many Requests", "text/html", "upstream_limited"),
        ])
    func pages(status: String, type: String, code: String) async throws {
        try await RelayFixture.run(Self.setup) { fixture in
            let session = try await fixture.mint()
            let answer = try await Self.relayed(
                fixture, session, "\(status)\r\nContent-Type: \(type)\r\nRetry-After: 1", "<html>proxy.internal</html>")
            #expect(
                answer.status
                    == (["407", "408", "421", "425"].contains(status.prefix(3)) ? 502 : Int(status.prefix(3))))
            let object = try Self.object(answer)
            #expect(object.code == code)
            #expect(object.request_id == answer.field("x-request-id"))
            #expect(!answer.body.contains("proxy.internal"))
            if code == "upstream_limited" { #expect(object.message.contains("in 1 second.")) }
        }
    }

    @Test func `an error that is too long, or breaks off, keeps its status`() async throws {
        try await RelayFixture.run(Self.setup) { fixture in
            let session = try await fixture.mint()
            let long = #"{"message":"\#(String(repeating: "x", count: 70 << 10))"}"#
            var answer = try await Self.relayed(fixture, session, "400 X\r\nContent-Type: application/json", long)
            #expect(answer.status == 400)
            #expect(try Self.object(answer).code == "upstream_refused")

            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session))
            let call = try #require(await fixture.upstream.next())
            try await call.send(
                "HTTP/1.1 500 X\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{\"message\"")
            await call.close()
            answer = try await client.answer()
            #expect(answer.status == 500)
            #expect(try Self.object(answer).code == "upstream_failed")
            // Its slot was released each time.
            #expect(fixture.load().inFlight == 0)
        }
    }

    @Test func `a client of HTTP/1.0 and one that left are no trouble`() async throws {
        try await RelayFixture.run(Self.setup) { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session, version: "1.0"))
            try await #require(await fixture.upstream.next()).answer(#"{"message":"no"}"#, status: "500 X")
            let (text, isReset) = await client.rest()
            #expect(text.hasPrefix("HTTP/1.1 500 "))
            #expect(text.contains(#""message":"no""#))
            #expect(!isReset)

            let other = try await fixture.client()
            try await other.send(RelayFixture.call(session))
            let call = try #require(await fixture.upstream.next())
            try await other.reset()
            try await until { fixture.lines.all.contains { $0.status == 499 } }
            try await call.answer(#"{"message":"no"}"#, status: "500 X")
            try await until { fixture.load().inFlight == 0 }
        }
    }

    // MARK: - What the service itself refuses

    @Test func `a customer without a token reads what to do`() async throws {
        try await RelayFixture.run(Self.setup) { fixture in
            let client = try await fixture.client()
            try await client.send(RelayFixture.post(#"{"route":"session_start"}"#))
            let object = try Self.object(try await client.answer())
            #expect(object.code == "connect_token_missing")
            #expect(object.message == "This page was opened without its link. Start again from the app.")
        }
    }

    /// A request that is refused before any route is asked, and with what.
    private static let unreadable: [(String, Int)] = {
        let origin = "Host: bff.test\r\nOrigin: http://web.test\r\n"
        let huge = "X-Big: \(String(repeating: "x", count: 20 << 10))\r\n"
        let many = String(repeating: "X-A: b\r\n", count: 120)
        return [
            ("POST / HTTP/1.1\r\n\(origin)\(huge)\r\n", 431), ("POST / HTTP/1.1\r\n\(huge)\(origin)\r\n", 431),
            ("POST / HTTP/1.1\r\n\(many)\(origin)\r\n", 431),
            ("POST / HTTP/1.1\r\n\(origin)Bad Name: x\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\n\(origin)X_Y: x\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\norigin: http://web.test\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\n\(origin)Content-Length: x\r\n\r\n", 400),
            ("POST /?\(String(repeating: "x", count: 9 << 10)) HTTP/1.1\r\n\(origin)\r\n", 431),
            (
                "POST / HTTP/1.1\r\n\(origin)Content-Type: application/json\r\nContent-Length: 999999\r\n\r\n{", 413
            ),
            (
                "POST / HTTP/1.1\r\n\(origin)Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
                400
            ),
        ]
    }()

    @Test("what no reader takes is answered in the web app's form, and its page may read it", arguments: [true, false])
    func unread(readsPlain: Bool) async throws {
        var setup = Self.setup
        setup.readsPlain = readsPlain
        try await RelayFixture.run(setup) { fixture in
            for (request, status) in Self.unreadable {
                let client = try await fixture.client()
                try await client.send(request)
                let answer = try await client.answer()
                let what = "\(request.prefix(60)) … \(request.suffix(60))"
                // A target that is too long may get a status of its own.
                #expect(answer.status == status || (request.contains("/?") && answer.status == 414), "\(what)")
                #expect(answer.field("access-control-allow-origin") == "http://web.test", "\(what)")
                let object = try Self.object(answer)
                #expect(object.object == "error", "\(what)")
                #expect(object.request_id == answer.field("x-request-id"), "\(what)")
                await client.close()
            }
        }
    }

    @Test func `a head that comes too slowly is answered so, too`() async throws {
        try await RelayFixture.run(Self.setup) { fixture in
            for (begun, origin) in [
                ("POST / HTTP/1.1\r\nOrigin: http://web.test\r\nHost: b", "http://web.test"),
                ("POST / HTTP/1.1\r\nOrigin: http://web.test", nil),
                ("POST / HTTP/1.1\r\nOrigin: http://web.test\r\nOrigin: http://web.test\r\n", nil),
                ("POST / HTTP/1.1\r\nOrigin: http://evil.test\r\n", nil),
                ("POST / HTTP/1.1\r\nHost: x\r\nX: Origin: http://web.test\r\n", nil),
            ] as [(String, String?)] {
                let client = try await fixture.client()
                try await client.send(begun)
                let time = fixture.passTime()
                let answer = try await client.answer()
                time.cancel()
                #expect(answer.status == 408)
                #expect(answer.field("access-control-allow-origin") == origin, "\(begun)")
                #expect(try Self.object(answer).code == "request_timeout")
                await client.close()
            }
        }
    }

    @Test func `the origin of a WebView is an origin`() async throws {
        try await RelayFixture.run(.init(origins: ["capacitor://localhost"])) { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            for (origin, isListed) in [
                ("capacitor://localhost", true), ("Capacitor://localhost", false), ("capacitor://localhost:80", false),
                ("ionic://localhost", false),
            ] {
                try await client.send(
                    RelayFixture.call(session, fields: "Origin: \(origin)\r\nSec-Fetch-Site: cross-site\r\n"))
                if isListed { try await #require(await fixture.upstream.next()).answer("{}") }
                let answer = try await client.answer()
                #expect(answer.status == (isListed ? 200 : 403), "\(origin)")
                #expect(answer.field("access-control-allow-origin") == (isListed ? origin : nil), "\(origin)")
            }
        }
    }

    @Test func `a host with a dot at its end is the same host`() async throws {
        try await RelayFixture.run(.init(hosts: ["bff.test", "[::1]"])) { fixture in
            for (host, isOurs) in [
                ("bff.test", true), ("bff.test.", true), ("BFF.test.:8443", true), ("bff.test:8443", true),
                ("[::1]:80", true), ("[::1]", true), ("bff.test..", false), ("bff.test.evil", false), (".", false),
                ("x.bff.test.", false), ("bff.test.:", true),
            ] {
                let client = try await fixture.client()
                try await client.send("GET /v1/locations HTTP/1.1\r\nHost: \(host)\r\n\r\n")
                #expect(try await client.answer().status == (isOurs ? 200 : 400), "\(host)")
                await client.close()
            }
        }
    }

    @Test func `a name in Via is known by its bytes`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            for via in [
                "1.1 a,1.1 connect-bff-self", "1.1 connect-bff-self,\u{301}", "HTTP/1.1 x (y), 1.1\tconnect-bff-self",
            ] {
                let client = try await fixture.client()
                try await client.send(RelayFixture.call(session, fields: "Via: \(via)\r\n"))
                let isASCII = via.utf8.allSatisfy { $0 < 0x80 }
                let status = try await client.answer().status
                #expect(status == 508 || (status == 400 && !isASCII), "\(via)")
                await client.close()
            }
        }
    }
}
