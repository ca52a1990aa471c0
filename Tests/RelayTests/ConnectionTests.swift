import Core
import Gateway
import Resilience
import TestSupport
import Testing

/// Requests of both kinds on one connection, in every shape that HTTP/1.1 lets them have.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ConnectionTests {
    @Test func `both kinds take turns on one connection`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            for path in ["/", "/v1/connect", "/", "/v1/connect", "/", "/"] {
                try await client.send(RelayFixture.call(session, path: path))
                try await #require(await fixture.upstream.next()).answer(#"{"route":"\#(path)"}"#)
                #expect(try await client.answer().body == #"{"route":"\#(path)"}"#)
                try await client.send(RelayFixture.get())
                #expect(try await client.answer().body == "ok\n")
                try await client.send(RelayFixture.post("{}", path: "/v1/connect/sessions"))
                #expect(try await client.answer().status == 201)
            }
            #expect(
                fixture.upstream.connections <= 5, "kept alive, besides four ahead, for which the first did not wait")
        }
    }

    @Test func `a connection is not older than it is when the loop stood still before it`() async throws {
        try await RelayFixture.run { fixture in
            for _ in 0..<20 {
                // Longer than a connection may idle; its tick has not seen it yet.
                fixture.clock.advance(by: 200)
                let client = try await fixture.client()
                try await fixture.tick()
                try await client.send(RelayFixture.get())
                #expect(try await client.answer().status == 200)
                await client.close()
            }
        }
    }

    @Test(
        "pipelined requests of both kinds are answered in their order, in one packet or byte by byte",
        arguments: ["RGRGGRR", "GRGR", "RRR", "GGG", "MRMR", "RMGM"], [false, true])
    func pipelined(kinds: String, inDrips: Bool) async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            var text = ""
            for (number, kind) in kinds.enumerated() {
                switch kind {
                case "R": text += RelayFixture.call(session, route: "page_\(number)")
                case "M": text += RelayFixture.post("{}", path: "/v1/connect/sessions")
                default: text += RelayFixture.get()
                }
            }
            async let sent: Void = inDrips ? client.drip(text) : client.send(text)
            for (number, kind) in kinds.enumerated() {
                if kind == "R" {
                    let call = try #require(await fixture.upstream.next())
                    #expect(call.body.contains("page_\(number)"))
                    try await call.answer(#"{"route":"answer_\#(number)"}"#)
                }
                let answer = try await client.answer()
                switch kind {
                case "R": #expect(answer.body == #"{"route":"answer_\#(number)"}"#)
                case "M": #expect(answer.status == 201)
                default: #expect(answer.body == "ok\n")
                }
            }
            try await sent
            #expect(fixture.upstream.requests == kinds.count { $0 == "R" })
        }
    }

    @Test func `a call that breaks off while the answer before it is written is refused as the call that it is`()
        async throws
    {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let next = RelayFixture.call(session, path: "/v1/connect")
            for _ in 0..<200 {
                let client = try await fixture.client()
                try await client.send(RelayFixture.call(session) + next.dropLast(40))
                let call = try #require(await fixture.upstream.next())
                // At once: one turn of the loop may see the answer end, and the next one what the client did.
                async let answered: Void = call.answer("{}")
                try await client.closeSending()
                try await answered
                let text = await client.rest().text
                // The relay's dialect, not that of a request of which nothing is known.
                #expect(text.contains(#""object":"error""#), "\(text)")
                #expect(text.contains("header_malformed"), "\(text)")
                await client.close()
            }
        }
    }

    @Test func `two hundred pipelined requests`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            let text = (0..<100).map { RelayFixture.call(session, route: "page_\($0)") + RelayFixture.get() }.joined()
            async let sent: Void = client.send(text)
            for number in 0..<100 {
                let call = try #require(await fixture.upstream.next())
                #expect(call.body.contains(#""page_\#(number)""#))
                try await call.answer("{}")
                #expect(try await client.answer().body == "{}")
                #expect(try await client.answer().body == "ok\n")
            }
            try await sent
        }
    }

    @Test func `HTTP/1.0 gets whole answers and the end of the connection`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            for isChunked in [false, true] {
                let client = try await fixture.client()
                try await client.send(RelayFixture.call(session, version: "1.0"))
                let call = try #require(await fixture.upstream.next())
                if isChunked {
                    try await call.send(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
                    )
                    try await call.send("1\r\n}\r\n0\r\n\r\n")
                } else {
                    try await call.answer("{}")
                }
                let (text, isReset) = await client.rest()
                #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
                #expect(text.hasSuffix("\r\n\r\n{}"))
                #expect(text.contains("\r\nConnection: close\r\n"))
                #expect(!text.contains("chunked"))
                #expect(!isReset)
            }
        }
    }

    @Test func `chunks of upstream reach the client as they come, as chunks`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session))
            let call = try #require(await fixture.upstream.next())
            for byte
                in "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n002\r\n1}\r\n0\r\n\r\n"
                .utf8
            {
                try await call.send(String(UnicodeScalar(byte)))
            }
            let answer = try await client.answer()
            #expect(answer.body == #"{"a":1}"#)
            #expect(answer.field("transfer-encoding") == "chunked")
            #expect(answer.field("content-length") == nil)
        }
    }

    @Test func `an answer streams: its beginning is there before its end`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session))
            let call = try #require(await fixture.upstream.next())
            try await call.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n[1")
            try await client.receives("[1")
            try await call.send("2]")
            #expect(try await client.answer().body == "[12]")
        }
    }

    @Test func `a client that waits for a word gets it, unless it is refused`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            let whole = RelayFixture.call(session, fields: "Expect: 100-continue\r\n")
            let gap = try #require(whole.firstRange(of: "\r\n\r\n")).upperBound
            try await client.send(String(whole[..<gap]))
            #expect(try await client.answer().status == 100)
            try await client.send(String(whole[gap...]))
            let call = try #require(await fixture.upstream.next())
            #expect(!call.head.lowercased().contains("expect"))
            try await call.answer("{}")
            #expect(try await client.answer().status == 200)
            try await client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
            let refused = try await client.answer()
            #expect(refused.status == 415)
            #expect(refused.field("connection") == "close")
            #expect(await client.rest().text.isEmpty)
        }
    }

    @Test func `a client that ends its side after a request gets the answer, then the end`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            try await client.send(RelayFixture.call(session) + RelayFixture.call(session))
            try await client.closeSending()
            for _ in 0..<2 {
                try await #require(await fixture.upstream.next()).answer("{}")
                #expect(try await client.answer().body == "{}")
            }
            let rest = await client.rest()
            #expect(rest.text.isEmpty)
            #expect(!rest.isReset)
        }
    }

    @Test func `a client that ends its side anywhere in a request harms no other client`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let whole = RelayFixture.call(session)
            for length in stride(from: 0, to: whole.utf8.count, by: 7) {
                let client = try await fixture.client()
                try await client.send(String(decoding: whole.utf8.prefix(length), as: UTF8.self))
                try await client.closeSending()
                let (text, _) = await client.rest()
                #expect(text.isEmpty || text.hasPrefix("HTTP/1.1 400"), "\(length): \(text)")
            }
            #expect(fixture.upstream.requests == 0)
        }
    }

    @Test(
        "Connection: close on either kind stops what was pipelined behind it", arguments: [false, true])
    func close(isRelay: Bool) async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            let fields = "Connection: close\r\n"
            try await client.send(
                (isRelay ? RelayFixture.call(session, fields: fields) : RelayFixture.get(fields: fields))
                    + RelayFixture.call(session)
                    + RelayFixture.get())
            if isRelay { try await #require(await fixture.upstream.next()).answer("{}") }
            let answer = try await client.answer()
            #expect(answer.status == 200)
            #expect(answer.field("connection") == "close")
            let rest = await client.rest()
            #expect(rest.text.isEmpty)
            #expect(!rest.isReset)
            #expect(fixture.upstream.requests == (isRelay ? 1 : 0))
        }
    }

    @Test func `a service that stops lets a call in flight end, and announces the close to the client`() async throws {
        try await RelayFixture.run { fixture in
            let session = try await fixture.mint()
            let client = try await fixture.client()
            // So many that each event loop has some: when they have ended, every loop knows that the service stops.
            var idle: [RawClient] = []
            for _ in 0..<8 {
                idle.append(try await fixture.client())
                try await idle.last?.send(RelayFixture.get())
                _ = try await idle.last?.answer()
            }
            try await client.send(RelayFixture.call(session))
            let call = try #require(await fixture.upstream.next())
            await fixture.stop()
            // The listening socket closes when idle connections begin to end.
            try await until { (try? await fixture.client()) == nil }
            try await fixture.tick()
            // Those that fell silent just now may be about to send something.
            try await idle[0].send(RelayFixture.get())
            let last = try await idle[0].answer()
            #expect(last.status == 200)
            #expect(last.field("connection") == "close")
            fixture.clock.advance(by: 1)
            for client in idle { #expect(await client.rest().text.isEmpty) }
            try await call.answer("{}")
            let answer = try await client.answer()
            #expect(answer.body == "{}")
            #expect(answer.field("connection") == "close")
            let rest = await client.rest()
            #expect(rest.text.isEmpty)
            #expect(!rest.isReset)
        }
    }

    @Test func `an event stream that begins while the service stops ends at once`() async throws {
        try await RelayFixture.run { fixture in
            let client = try await fixture.client()
            try await client.send(RelayFixture.post("{}", path: "/v1/connect/sessions"))
            let minted = try await client.answer().body
            let id = try #require(minted.firstMatch(of: /"id":"(cs_[0-9a-f]+)"/)?.1)
            await fixture.stop()
            try await until { (try? await fixture.client()) == nil }
            try await fixture.tick()
            try await client.send(RelayFixture.get("/v1/connect/sessions/\(id)/events"))
            let rest = await client.rest()
            #expect(rest.text.contains("text/event-stream"))
            #expect(rest.text.hasSuffix("\r\n0\r\n\r\n"))
            #expect(!rest.isReset)
        }
    }
}
