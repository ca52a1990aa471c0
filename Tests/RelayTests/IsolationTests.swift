import Core
import Edge
import Flatpeak
import Foundation
import Gateway
import HTTPTypes
import NIOCore
import Relay
import Resilience
import Sessions
import TestSupport
import Testing

/// One bad client beside good ones, on real sockets; time is the test's.
@Suite struct IsolationTests {
    private func mint(_ fixture: RelayFixture, as name: String) async throws -> ConnectSession {
        try await fixture.sessions.minter.mint(Array("{}".utf8), as: nil, for: try #require(Subject(name))).session
    }

    private static let largeBody = "[\"" + String(repeating: "0123456789abcdef", count: 250_000) + "\"]"

    /// A good user's call goes through.
    private func expectService(_ fixture: RelayFixture, _ session: ConnectSession) async throws {
        let client = try await fixture.client()
        try await client.send(RelayFixture.call(session))
        try await #require(await fixture.upstream.next()).answer("{}")
        #expect(try await client.answer().status == 200)
        await client.close()
    }

    @Test("clients that read nothing are booked as theirs, not as Flatpeak's, and are closed in time (I6)")
    func I6() async throws {
        try await RelayFixture.run { fixture in
            let good = try await mint(fixture, as: "alice")
            var stalled: [(client: RawClient, sending: Task<Void, any Error>)] = []
            for number in 1...6 {
                let session = try await mint(fixture, as: "mallory")
                let client = try await RawClient(port: fixture.port, receiveBuffer: 16 << 10)
                try await client.reads(false)
                try await client.send(RelayFixture.call(session) + RelayFixture.call(session))
                let call = try #require(await fixture.upstream.next())
                stalled.append((client, Task { try await call.answer(Self.largeBody) }))
                try await until { await fixture.relay.heldBackConnections == number }
            }
            // Past the deadline of a relayed call.
            for _ in 0..<4 {
                fixture.clock.advance(by: 5)
                try await expectService(fixture, good)
            }
            #expect(fixture.lines.all.allSatisfy { $0.status == 200 })
            let time = fixture.passTime()
            try await until { fixture.lines.all.count { $0.status == 499 } == 6 }
            time.cancel()
            try await expectService(fixture, good)
            for (client, sending) in stalled {
                await client.close()
                _ = await sending.result
            }
            try await until { fixture.load().inFlight == 0 }
        }
    }

    @Test("one user has a share of the relay's slots, however many tokens it has (I18)")
    func I18() async throws {
        try await RelayFixture.run { fixture in
            let good = try await mint(fixture, as: "alice"), bad = try await mint(fixture, as: "mallory")
            var clients: [RawClient] = []
            for _ in 0..<(RelayCalls.limit / 8) {
                let client = try await fixture.client()
                try await client.send(RelayFixture.call(bad))
                clients.append(client)
                _ = await fixture.upstream.next()
            }
            let more = try await fixture.client()
            try await more.send(RelayFixture.call(bad))
            let refused = try await more.answer()
            #expect(refused.status == 429)
            #expect(refused.body.contains("\"code\":\"rate_limited\""))
            try await expectService(fixture, good)
            for client in clients { await client.close() }
            await fixture.upstream.closeConnections()
            try await until { fixture.load().inFlight == 0 }
        }
    }

    @Test("a document's reader that reads nothing is closed in time (I6)")
    func documentReader() async throws {
        try await RelayFixture.run { fixture in
            let client = try await RawClient(port: fixture.port, receiveBuffer: 4 << 10)
            try await client.reads(false)
            // More than the kernel takes for a client that does not read.
            for _ in 0..<40 { try await client.send(RelayFixture.get("/openapi.yaml")) }
            let time = fixture.passTime()
            defer { time.cancel() }
            try await client.reads(false)
            try await until {
                // A write fails once the other side has closed.
                do { try await client.send("\r\n") } catch { return true }
                return false
            }
        }
    }

    @Test("a document's reader that reads slowly gets all of it (I6)")
    func slowReader() async throws {
        try await RelayFixture.run { fixture in
            let client = try await RawClient(port: fixture.port, receiveBuffer: 4 << 10)
            try await client.reads(false)
            for _ in 0..<5 { try await client.send(RelayFixture.get("/openapi.yaml")) }
            // Three times as long as one may read nothing; never so much at a time that the server has caught up.
            for step in 1...18 {
                try await client.takes(step * 20_000)
                fixture.clock.advance(by: 5)
                try await fixture.tick()
            }
            try await client.reads(true)
            for _ in 0..<5 { #expect(try await client.answer().status == 200) }
            await client.close()
        }
    }

    @Test(
        "pipelined requests of a client that reads nothing wait, and are all answered when it does (I6)",
        arguments: [
            false, true,
        ])
    func pipelinedReader(endsItsSide: Bool) async throws {
        try await RelayFixture.run { fixture in
            let client = try await RawClient(port: fixture.port, receiveBuffer: 4 << 10)
            try await client.reads(false)
            let count = 200
            try await client.send(String(repeating: RelayFixture.get("/openapi.yaml"), count: count))
            if endsItsSide { try await client.closeSending() }
            try await until { fixture.lines.all.count > 1 }
            for _ in 0..<20 { try await fixture.tick() }
            // What the kernel takes for the client, which is less than half of the 20 MB.
            #expect(fixture.lines.all.count < count / 2, "of \(count)")
            try await client.reads(true)
            for _ in 0..<count { #expect(try await client.answer().status == 200) }
            await client.close()
        }
    }

    @Test("HEAD, 404, 405 and refusals carry no body after a HEAD, and the connection goes on (I9)")
    func I9() async throws {
        try await RelayFixture.run { fixture in
            let paths = fixture.routes.map(\.template) + ["/nowhere", "/v1/connect/sessions/cs_1"]
            let client = try await fixture.client()
            for path in paths {
                try await client.send("HEAD \(path) HTTP/1.1\r\nHost: bff.test\r\n\r\n" + RelayFixture.get("/livez"))
                try await client.receives("\r\n\r\n")
                let head = try await client.head()
                #expect(head.contains("HTTP/1.1 "), "\(path)")
                let next = try await client.answer()
                #expect(next.status == 200, "\(path): \(head)")
                #expect(next.body == "ok\n", "\(path): \(head)")
            }
            // What ends the connection is answered without a body, too.
            let refused = try await fixture.client()
            try await refused.send("HEAD /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
            let (text, _) = await refused.rest()
            #expect(text.hasPrefix("HTTP/1.1 400 "))
            #expect(text.hasSuffix("\r\n\r\n"))
        }
    }

    @Test("a relayed 204 has neither body nor length (I9)")
    func relayed204() async throws {
        try await RelayFixture.run { fixture in
            let session = try await mint(fixture, as: "alice")
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session) + RelayFixture.get("/livez"))
            try await #require(await fixture.upstream.next()).send(
                "HTTP/1.1 204 No Content\r\nContent-Type: application/json\r\n\r\n")
            try await client.receives("\r\n\r\n")
            let head = try await client.head()
            #expect(head.hasPrefix("HTTP/1.1 204 "))
            #expect(!head.lowercased().contains("content-length"))
            #expect(try await client.answer().body == "ok\n")
        }
    }

    @Test(
        "a name that differs from a deciding one in case alone is refused (I20)",
        arguments: [
            #""Connect_Token":"cot_x""#, #""ROUTE":"x""#, #""Action":"x""#, #""connect_to\#u{212A}en":"cot_x""#,
        ])
    func I20(member: String) async throws {
        try await RelayFixture.run { fixture in
            let session = try await mint(fixture, as: "alice")
            let client = try await fixture.client()
            try await client.send(
                RelayFixture.post(#"{"connect_token":"\#(session.connectToken.exposed)",\#(member)}"#))
            let answer = try await client.answer()
            #expect(answer.status == 400)
            #expect(answer.body.contains("json_malformed"))
            #expect(fixture.upstream.requests == 0)
        }
    }

    @Test("slow bodies hold no slot, and no more memory than a share (I11, I4)")
    func I11() async throws {
        var setup = RelayFixture.Setup()
        setup.capacity = .init(fastPath: 8, router: 8)
        try await RelayFixture.run(setup) { fixture in
            let good = try await mint(fixture, as: "alice")
            var slow: [RawClient] = []
            for number in 0..<60 {
                let client = try await fixture.client()
                let path = ["/v1/connect/sessions", "/", "/v1/webhooks/flatpeak"][number % 3]
                try await client.send(
                    "POST \(path) HTTP/1.1\r\nHost: bff.test\r\nContent-Type: application/json\r\n"
                        + "Flatpeak-Signature: v1=AAAA\r\nFlatpeak-Key-ID: wsk_test_1\r\n"
                        + "Flatpeak-Timestamp: \(Int(fixture.clock.wall.timeIntervalSince1970))\r\n"
                        + "Content-Length: 5000\r\n\r\n{")
                slow.append(client)
            }
            try await expectService(fixture, good)
            let client = try await fixture.client()
            try await client.send(RelayFixture.post("{}", path: "/v1/connect/sessions"))
            #expect(try await client.answer().status == 201)
            #expect(fixture.load().inFlight == 0)
            for client in slow { await client.close() }
        }
    }

    @Test("uploads that arrive slowly hold no slot, and no memory that other bodies need (I11, I18)")
    func I11uploads() async throws {
        try await RelayFixture.run { fixture in
            let size = 4 << 20
            var slow: [RawClient] = []
            // More than one address may have of the memory of other bodies.
            for _ in 0..<3 {
                let client = try await fixture.client()
                try await client.send(
                    "PUT /v1/locations/loc_1/meters/interval HTTP/1.1\r\nHost: bff.test\r\n"
                        + "Content-Type: application/json\r\nContent-Length: \(size)\r\n\r\n"
                        + String(repeating: " ", count: size - 1))
                slow.append(client)
            }
            let client = try await fixture.client()
            try await client.send(RelayFixture.post("{}", path: "/v1/connect/sessions"))
            #expect(try await client.answer().status == 201)
            #expect(fixture.load().inFlight == 0)
            // Each is taken when it is whole: the location is not the caller's.
            for client in slow {
                try await client.send("]")
                #expect(try await client.answer().status == 404)
            }
        }
    }

    @Test("the client's own Forwarded changes nothing where X-Forwarded-For is read, and the other way round (I10)")
    func I10() async throws {
        let range = try #require(AddressRange("127.0.0.1/32"))
        for header in ForwardedHeader.allCases {
            var setup = RelayFixture.Setup(proxies: TrustedProxies([range], unix: false, header: header))
            setup.addressLimit = .init(count: 2, period: .seconds(60))
            try await RelayFixture.run(setup) { fixture in
                let client = try await fixture.client()
                var statuses: [Int] = []
                for number in 1...4 {
                    let (own, forged) = ("192.0.2.1", "192.0.2.\(10 + number)")
                    let fields =
                        header == .forwarded
                        ? "Forwarded: for=\(own)\r\nX-Forwarded-For: \(forged)\r\n"
                        : "Forwarded: for=\(forged)\r\nX-Forwarded-For: \(own)\r\n"
                    try await client.send(RelayFixture.get("/v1/locations", fields: fields))
                    statuses.append(try await client.answer().status)
                }
                #expect(statuses == [200, 200, 429, 429])
            }
        }
    }

    @Test("whoever connects, sends and resets is believed nothing, though unix sockets are trusted (I5)")
    func resets() async throws {
        let header = try #require(HTTPField.Name("X-Auth-Request-User"))
        let proxies = TrustedProxies([], unix: true)
        var setup = RelayFixture.Setup(proxies: proxies)
        setup.authenticator = ProxyAuthenticator(header: header, proxies: proxies)
        try await RelayFixture.run(setup) { fixture in
            let minted = try await mint(fixture, as: "alice")
            for _ in 0..<200 {
                let client = try await fixture.client()
                try await client.send(
                    "POST /v1/connect/sessions HTTP/1.1\r\nHost: bff.test\r\nX-Auth-Request-User: alice\r\n"
                        + "Sec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\n"
                        + "Content-Length: 2\r\n\r\n{}")
                try await client.reset()
            }
            let good = try await fixture.client()
            try await good.send(RelayFixture.get())
            #expect(try await good.answer().status == 200)
            #expect(fixture.api.requests("mint").count == 1, "the one of this test itself")
            #expect(fixture.lines.all.allSatisfy { $0.status != 201 })
            _ = minted
        }
    }

    @Test("a peer that the kernel does not name is trusted for nothing (I5)")
    func I5() throws {
        let local = try SocketAddress(ipAddress: "127.0.0.1", port: 80)
        let everything = TrustedProxies([try #require(AddressRange("127.0.0.1/32"))], unix: true)
        #expect(Peer(local: local, remote: nil) == .unknown)
        #expect(Peer(local: nil, remote: nil) == .unknown)
        #expect(!everything.contains(Peer(local: local, remote: nil)))
        let file = try SocketAddress(unixDomainSocketPath: "/run/bff.sock")
        #expect(Peer(local: file, remote: nil) == .unix)
        #expect(everything.contains(Peer(local: local, remote: local)))
    }
}
