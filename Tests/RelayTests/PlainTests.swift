import Core
import Foundation
import Sessions
import TestSupport
import Testing

/// Plain calls are read by the relay and all others by the decoder, and clients see no difference.
@Suite(.serialized, .timeLimit(.minutes(30))) struct PlainTests {
    static let streams = ProcessInfo.processInfo.environment["BFF_TEST_LONG"] == "1" ? 20_000 : 150

    @Test func `whatever a client sends is answered alike, whoever reads it`() async throws {
        try await RelayFixture.run { plain in
            try await RelayFixture.run(.init(readsPlain: false)) { decoded in
                var sides: [(fixture: RelayFixture, token: String)] = []
                for fixture in [plain, decoded] {
                    sides.append((fixture, try await fixture.mint().connectToken.exposed))
                }
                #expect(sides[0].token == sides[1].token, "they would differ by it")
                let answering = sides.map { side in
                    Task { while let call = await side.fixture.upstream.next() { try? await call.answer("{}") } }
                }
                defer { answering.forEach { $0.cancel() } }
                var mutations = Mutations(seed: 20_261_124)
                for _ in 0..<Self.streams {
                    let stream = mutations.stream(sides[0].token)
                    let first = try await plain.answers(to: stream)
                    let second = try await decoded.answers(to: stream)
                    try #require(first == second, "\(stream)")
                }
                #expect(plain.upstream.requests == decoded.upstream.requests)
                #expect(plain.upstream.requests > Self.streams / 2, "hardly any call was relayed")
            }
        }
    }
}

extension RelayFixture {
    /// Sends requests, waits for an answer to each but the last, and for the end of the connection after that.
    fileprivate func answers(to stream: Mutations.Stream) async throws -> [String] {
        let client = try await client()
        var answers: [String] = []
        do {
            for request in stream.good {
                try await client.send(request)
                let answer = try await client.answer()
                answers.append(answer.head + answer.body)
            }
            try await client.send(stream.last)
            try await client.closeSending()
        } catch {
            // It was closed meanwhile; what was said before that counts.
        }
        answers.append(await client.rest().text)
        await client.close()
        return answers.map { $0.replacing(/req_[0-9a-f]{24}/, with: "req") }
    }
}

/// Makes requests and spoils them, the same ones for the same seed.
private struct Mutations: RandomNumberGenerator {
    struct Stream {
        var good: [String] = []
        /// The one that may be spoilt.
        var last = ""
    }

    /// The state of SplitMix64.
    private var state: UInt64
    private static let words = [
        "\r\n", "\n", "\r", "\t", " ", ":", "\0", "\u{7F}", "#", "?a", "//", "_", "0", "+", "-1", "é",
        "Transfer-Encoding: chunked\r\n", "Transfer-Encoding:\r\n", "Content-Length: 2\r\n", "Content-Length: 02\r\n",
        "Content-Length: 99999999999999999999\r\n", "Connection: close\r\n", "Connection: keep-alive\r\n",
        "Connection: keep-alive, x\r\n", "Proxy-Connection: close\r\n", "Upgrade: h2c\r\n", "Expect: 100-continue\r\n",
        "Host: other\r\n", "Host: a b\r\n", "X-Empty:\r\n", "X-Tab:\ta\r\n", "X-Trail: a \r\n", "X Y: a\r\n",
        " folded\r\n", "X_Y: a\r\n", "Content-Type: text/plain\r\n", "TE: trailers\r\n", "HTTP/1.0", "HTTP/1.2",
        "GET", "http://bff.test/", "Origin: http://evil.test\r\n", "Via: 1.1 connect-bff-self\r\n",
    ]

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func stream(_ token: String) -> Stream {
        var stream = Stream()
        var begun = ""
        for _ in 0..<Int.random(in: 0..<3, using: &self) {
            // What has come already is the beginning of a call.
            var next = begun.isEmpty ? request(token) : String(call(token).dropFirst(begun.count))
            begun = ""
            // The beginning of the next one may come with it.
            if Int.random(in: 0..<4, using: &self) == 0 {
                begun = String(call(token).prefix(Int.random(in: 1..<80, using: &self)))
                next += begun
            }
            stream.good.append(next)
        }
        var last = Array((begun.isEmpty ? request(token) : String(call(token).dropFirst(begun.count))).utf8)
        if Int.random(in: 0..<8, using: &self) == 0 { last += request(token).utf8 }
        for _ in 0..<Int.random(in: 0..<4, using: &self) { spoil(&last) }
        stream.last = String(decoding: last, as: UTF8.self)
        return stream
    }

    private mutating func request(_ token: String) -> String {
        switch Int.random(in: 0..<6, using: &self) {
        case 0: RelayFixture.get()
        case 1: RelayFixture.post("{}", path: "/v1/connect/sessions")
        case 2:
            "POST / HTTP/1.1\r\nHost: bff.test\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "2\r\n{}\r\n0\r\n\r\n"
        default: call(token)
        }
    }

    private mutating func call(_ token: String) -> String {
        RelayFixture.post(
            #"{"connect_token":"\#(token)","route":"session_start"}"#, path: "/v1/connect",
            fields: "Accept-Language: en\r\n")
    }

    private mutating func spoil(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        let at = Int.random(in: 0..<bytes.count, using: &self)
        let word = Array((Self.words.randomElement(using: &self) ?? "").utf8)
        switch Int.random(in: 0..<6, using: &self) {
        case 0: bytes.remove(at: at)
        case 1: bytes[at] = UInt8.random(in: 0..<0x80, using: &self)
        case 2: bytes.insert(contentsOf: word, at: at)
        case 3: bytes.removeSubrange(at..<min(bytes.count, at + 12))
        default:
            // Where a line begins.
            let starts = bytes.indices.filter { $0 > 0 && bytes[$0 - 1] == UInt8(ascii: "\n") }
            bytes.insert(contentsOf: word, at: starts.randomElement(using: &self) ?? 0)
        }
    }
}
