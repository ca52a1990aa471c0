import Core
import Flatpeak
import Foundation
import Gateway
import NIOCore
import NIOSSL
import Relay
import Resilience
import Sessions
import TestSupport
import Testing

/// The relay with an upstream, or a client, that breaks off, stalls or lies.
@Suite(.serialized, .timeLimit(.minutes(2))) struct FaultTests {
    static let lengthAnswer =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"route\":\"page\"}"
    static let chunkedAnswer =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"rou\r\nb\r\nte\":\"page\"}\r\n0\r\n\r\n"

    @Test(
        "an answer torn at any byte is never a short 200: an error object, or a torn connection (R29)",
        arguments: [lengthAnswer.replacing("15", with: "16"), chunkedAnswer], ["1.1", "1.0"])
    func R29(whole: String, version: String) async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let gap = try #require(whole.utf8.firstRange(of: "\r\n\r\n".utf8)).upperBound
            let headLength = whole.utf8.distance(from: whole.startIndex, to: gap)
            for length in stride(from: 0, to: whole.utf8.count, by: version == "1.1" ? 1 : 5) {
                let client = try await fixture.client()
                try await client.send(RelayFixture.call(session, version: version))
                let call = try #require(await fixture.upstream.next())
                try await call.send(String(decoding: whole.utf8.prefix(length), as: UTF8.self))
                if length >= headLength { try await client.receives("\r\n\r\n") }
                await call.close()
                if length < headLength {
                    let answer = try await client.answer()
                    #expect(answer.status == 502, "\(length)")
                    #expect(answer.body.contains("upstream_unreachable"))
                } else {
                    let (text, isReset) = await client.rest()
                    #expect(isReset, "\(length): \(text)")
                    #expect(!text.hasSuffix("0\r\n\r\n"), "\(length)")
                }
                await client.close()
                // The breaker has seen enough; the next tear is another day's.
                fixture.clock.advance(by: 40)
            }
        }
    }

    @Test(
        "what came of an answer before it tore reaches the client, which would repeat the call otherwise (R29)",
        arguments: [lengthAnswer, chunkedAnswer])
    func R29begun(whole: String) async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            for _ in 0..<20 {
                let client = try await fixture.client()
                try await client.send(RelayFixture.call(session))
                let call = try #require(await fixture.upstream.next())
                // Both at once, so that one turn of the loop sees both.
                call.channel.writeAndFlush(ByteBuffer(string: String(whole.dropLast(3))), promise: nil)
                await call.close()
                let (text, isReset) = await client.rest()
                #expect(isReset, "\(text)")
                #expect(text.hasPrefix("HTTP/1.1 200 "), "\(text)")
                await client.close()
                fixture.clock.advance(by: 40)
            }
        }
    }

    @Test(
        "what is no strict HTTP/1.1 is a 502",
        arguments: [
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: +2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\nContent-Length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nContent-Type : application/json\r\nContent-Length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n Content-Length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{}",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "HTTP/2 200\r\n\r\n", "\u{16}\u{3}\u{1}",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        ])
    func lies(text: String) async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session))
            try await #require(await fixture.upstream.next()).send(text)
            let answer = try await client.answer()
            #expect(answer.status == 502)
            #expect(answer.body.contains("upstream_invalid_answer"))
        }
    }

    @Test func `unsolicited bytes never reach the next client`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session))
            let first = try #require(await fixture.upstream.next())
            try await first.send(Self.lengthAnswer + Self.lengthAnswer.replacing("page", with: "evil"))
            #expect(try await client.answer().body.contains("page"))
            try await client.send(RelayFixture.call(session))
            let second = try #require(await fixture.upstream.next())
            #expect(second.connection != first.connection)
            try await second.answer("{}")
            #expect(try await client.answer().body == "{}")
            // The same a moment later, on a connection that is idle.
            try await second.send(Self.lengthAnswer)
            try await until { !second.channel.isActive }
            try await client.send(RelayFixture.call(session))
            let third = try #require(await fixture.upstream.next())
            #expect(third.connection != second.connection)
            try await third.answer(#"{"n":3}"#)
            #expect(try await client.answer().body == #"{"n":3}"#)
        }
    }

    // MARK: - Deadlines

    /// Answers that leave open what the step came to, and one that never comes.
    static let lostAnswers: [String?] = [
        nil, String(lengthAnswer.dropLast(3)),
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{",
    ]

    @Test("a step whose answer is lost may have changed the tariff, until Connect shows what is there (S52)")
    func lostSteps() async throws {
        try await RelayFixture.run { fixture in
            for lost in Self.lostAnswers {
                let session = try await fixture.mint(), client = try await fixture.client()
                try await client.send(RelayFixture.call(session, route: "rate_fixed_capture"))
                let call = try #require(await fixture.upstream.next())
                if let lost { try await call.send(lost) }
                await call.close()
                _ = try? await client.answer()
                // The facts are there before the client is told.
                let facts = try await fixture.facts(of: session)
                #expect(facts.answeredAt != nil, "\(lost ?? "-")")
                #expect(facts.settledAt == facts.answeredAt, "\(lost ?? "-")")
                #expect(facts.providerAt == facts.answeredAt, "\(lost ?? "-")")
                await client.close()
                fixture.clock.advance(by: 40)
            }
            let refusal = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
            for (route, answer) in [("session_start", Self.lostAnswers[2]), ("rate_fixed_capture", refusal)] {
                let session = try await fixture.mint(), client = try await fixture.client()
                try await client.send(RelayFixture.call(session, route: route))
                try await #require(await fixture.upstream.next()).send(answer ?? "")
                _ = try await client.answer()
                #expect(try await fixture.facts(of: session).settledAt == nil, "\(route)")
            }
        }
    }

    @Test("an upstream that accepts and never answers is given up at the deadline (R11)")
    func R11() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session))
            let call = try #require(await fixture.upstream.next())
            fixture.clock.advance(by: 14)
            try await client.send(RelayFixture.get())
            fixture.clock.advance(by: 2)
            let answer = try await client.answer()
            #expect(answer.status == 504)
            #expect(answer.body.contains("upstream_timeout"))
            #expect(try await client.answer().body == "ok\n")
            try await until { !call.channel.isActive }
            #expect(fixture.lines.all.first { $0.route == "/" }?.status == 504)
            #expect(fixture.lines.all.first { $0.route == "/" }?.milliseconds == 16_000)
        }
    }

    @Test("a slow drip is cut at the deadline, and its connection is not used again (R12)", arguments: ["1.1", "1.0"])
    func R12(version: String) async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session, version: version))
            let slow = try #require(await fixture.upstream.next())
            try await slow.send(Self.chunkedAnswer.replacing("0\r\n\r\n", with: ""))
            try await client.receives("page")
            fixture.clock.advance(by: 16)
            let (text, isReset) = await client.rest()
            #expect(isReset)
            #expect(!text.hasSuffix("0\r\n\r\n"))
            let other = try await fixture.client()
            try await other.send(RelayFixture.call(session))
            let next = try #require(await fixture.upstream.next())
            #expect(next.connection != slow.connection)
            try await next.answer("{}")
            #expect(try await other.answer().status == 200)
        }
    }

    @Test func `upstream has no listener`() async throws {
        let closed = try await StagedServer()
        await closed.stop()
        try await RelayFixture.run(.init(connectURL: "http://127.0.0.1:\(closed.port)")) { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session))
            let answer = try await client.answer()
            #expect(answer.status == 502)
            #expect(answer.body.contains("upstream_unreachable"))
            // A call counts once, with all its tries.
            for _ in 0..<4 {
                try await client.send(RelayFixture.call(session))
                _ = try await client.answer()
            }
            try await client.send(RelayFixture.call(session))
            let last = try await client.answer()
            #expect(last.status == 503, "R10: it is not asked any more")
            #expect(last.body.contains("upstream_unavailable"), "R10: it is not asked any more")
            #expect(last.field("retry-after") != nil)
        }
    }

    // MARK: - Stale connections

    @Test("connections that upstream closed while idle are not used; no call is lost, none is made twice (R15)")
    func R15() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            for number in 0..<20 {
                try await client.send(RelayFixture.call(session))
                try await #require(await fixture.upstream.next()).answer(#"{"n":\#(number)}"#)
                #expect(try await client.answer().body == #"{"n":\#(number)}"#)
                // Only until here would a call still find the connection open: when its end has not arrived yet. One that
                // was opened ahead may come late.
                try await until {
                    await fixture.upstream.closeConnections()
                    return await fixture.relay.upstreamConnections == 0
                }
            }
            #expect(fixture.upstream.requests == 20)
        }
    }

    @Test("a call that upstream took and did not answer is never made again (R15)")
    func R15taken() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session))
            try await #require(await fixture.upstream.next()).close()
            #expect(try await client.answer().status == 502)
            try await client.send(RelayFixture.get())
            _ = try await client.answer()
            #expect(fixture.upstream.requests == 1)
        }
    }

    @Test func `idle connections end before upstream's own limit, old ones after ten minutes`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session))
            let first = try #require(await fixture.upstream.next())
            try await first.answer("{}")
            _ = try await client.answer()
            fixture.clock.advance(by: 44)
            try await client.send(RelayFixture.call(session))
            let second = try #require(await fixture.upstream.next())
            #expect(second.connection == first.connection)
            fixture.clock.advance(by: 10)
            try await second.answer("{}")
            _ = try await client.answer()
            fixture.clock.advance(by: 46)
            try await until { !first.channel.isActive }
        }
    }

    // MARK: - Clients that leave

    @Test("a client that leaves loses its answer; the call is read to its end and its route is known (R14)")
    func R14() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session))
            let call = try #require(await fixture.upstream.next())
            try await client.reset()
            try await until { fixture.lines.all.contains { $0.status == 499 } }
            try await call.answer(#"{"route":"tariff_connection_pending"}"#)
            try await until { try await fixture.facts(of: session).pendingShown }
            // The connection is as good as new, and the next call receives nothing of the last.
            let other = try await fixture.client()
            try await other.send(RelayFixture.call(session))
            let next = try #require(await fixture.upstream.next())
            try await next.answer("[1]")
            #expect(try await other.answer().body == "[1]")
            #expect(fixture.lines.all.filter { $0.route == "/" }.map(\.status) == [499, 200])
        }
    }

    @Test("the same in the middle of an answer (R14)")
    func R14inAnswer() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session))
            let call = try #require(await fixture.upstream.next())
            let body = #"{"padding":"\#(String(repeating: "x", count: 500_000))","route":"tariff_connection_pending"}"#
            let answer =
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
            try await call.send(String(answer.prefix(1000)))
            try await client.receives("xxx")
            try await client.reset()
            try await until { fixture.lines.all.contains { $0.status == 499 } }
            try await call.send(String(answer.dropFirst(1000)))
            try await until { try await fixture.facts(of: session).pendingShown }
        }
    }

    @Test func `a slow client holds upstream back, and nothing is lost`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await RawClient(port: fixture.port, receiveBuffer: 16 << 10)
            try await client.reads(false)
            try await client.send(RelayFixture.call(session))
            let call = try #require(await fixture.upstream.next())
            let body = "[\"" + String(repeating: "0123456789abcdef", count: 250_000) + "\"]"
            let sent = Task { try await call.answer(body) }
            // The kernel takes some of it for the client, the relay next to nothing; the rest has to wait.
            try await until { await fixture.relay.heldBackConnections == 1 }
            try await client.reads(true)
            #expect(try await client.answer().body == body)
            #expect(await fixture.relay.heldBackConnections == 0)
            try await sent.value
        }
    }

    // MARK: - TLS

    @Test("upstream's certificate is checked, and nothing is sent to a stranger (S37)")
    func S37() async throws {
        let openssl = try OpenSSLProgram()
        defer { openssl.remove() }
        try openssl.run(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem",
            "-out",
            "cert.pem", "-days", "2", "-subj", "/CN=upstream", "-addext", "subjectAltName=IP:127.0.0.1")
        let server = try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: NIOSSLCertificate.fromPEMFile("\(openssl.folder)/cert.pem").map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: "\(openssl.folder)/key.pem", format: .pem))))
        for isTrusted in [true, false] {
            var setup = RelayFixture.Setup()
            setup.upstreamTLS = server
            if isTrusted {
                let pem = try Data(contentsOf: URL(filePath: "\(openssl.folder)/cert.pem"))
                setup.certificateAuthorities = Array(pem)
            }
            try await RelayFixture.run(setup) { fixture in
                let session = try await fixture.mint()
                let client = try await fixture.client()
                try await client.send(RelayFixture.call(session))
                if isTrusted {
                    try await #require(await fixture.upstream.next()).answer("{}")
                    #expect(try await client.answer().body == "{}")
                } else {
                    let answer = try await client.answer()
                    #expect(answer.status == 502)
                    #expect(answer.body.contains("upstream_unreachable"))
                    #expect(fixture.upstream.requests == 0)
                }
            }
        }
    }
}
