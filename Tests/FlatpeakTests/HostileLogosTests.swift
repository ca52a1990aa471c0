import Core
import Networking
import Relay
import Resilience
import TestSupport
import Testing

@testable import Flatpeak

/// Logos over real sockets, from hosts that send anything but.
@Suite(.serialized, .timeLimit(.minutes(2))) struct HostileLogosTests {
    private let clock = TestClock()
    private let client = CallerKey("alice")

    /// Runs `body` with logos of a host on `port`.
    private func withLogos(
        on port: Int, _ body: (ProviderLogos, FlatpeakClient, PooledTransport) async throws -> Void
    ) async throws {
        let nowhere = "http://127.0.0.1:9", url = "http://127.0.0.1:\(port)"
        let transport = try PooledTransport(
            api: nowhere, connect: nowhere, logos: url, now: { [clock] in clock.monotonic })
        let flatpeak = FlatpeakClient(
            .init(
                apiURL: nowhere, connectURL: nowhere, logosURL: url,
                credentials: Credentials(account: Secret("acc_1"), keys: [Secret("key_1")])), transport: transport,
            time: clock.time, logger: .silent)
        let logos = ProviderLogos(flatpeak, now: { [clock] in clock.monotonic })
        let result: Result<Void, any Error>
        do { result = .success(try await body(logos, flatpeak, transport)) } catch { result = .failure(error) }
        await transport.shutdown()
        try result.get()
    }

    private static let webp = "RIFF\u{4}\0\0\0WEBP"

    private static func digest(_ number: Int = 0) throws -> LogoDigest {
        try #require(LogoDigest("0123abcd" + String(number)))
    }

    private static func answer(
        _ body: String, status: String = "200 OK", type: String = "image/png", length: Int? = nil
    ) -> String {
        "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(length ?? body.utf8.count)\r\n\r\n\(body)"
    }

    @Test func `a good answer is a picture, asked for by a plain GET`() async throws {
        let server = try await RecordingServer(Self.answer(Self.webp, type: "text/html"))
        let port = try #require(server.url.split(separator: ":").last.flatMap { Int($0) })
        try await withLogos(on: port) { logos, _, _ async throws in
            let image = try await logos.image(try Self.digest(), for: client)
            #expect(image?.bytes == Array(Self.webp.utf8))
            let request = try #require(server.requests.first?.lowercased())
            #expect(request.hasPrefix("get /0123abcd0.png http/1.1\r\n"))
            for name in ["authorization", "cookie", "referer", "flatpeak-version", "content-length", "origin"] {
                #expect(!request.contains("\r\n\(name):"))
            }
        }
        await server.stop()
    }

    @Test(arguments: [
        ("a redirect", answer("", status: "302 Found\r\nLocation: http://127.0.0.1:1/x.png")),
        ("a permanent redirect with a picture", answer(webp, status: "301 Moved Permanently\r\nLocation: /x.png")),
        ("a failure with a picture", answer(webp, status: "500 Internal Server Error")),
        ("an SVG", answer("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")),
        ("HTML", answer("<!doctype html><script>alert(1)</script>", type: "image/png")),
        ("nothing", answer("")), ("half a signature", answer("RIFF\u{4}\0\0\0WE")),
        ("something before the picture", answer(" " + webp)),
        ("a truncated answer", answer(webp, length: 1000)),
        ("one byte too much", answer(webp + String(repeating: "x", count: (64 << 10) - 11))),
        ("a compressed picture", answer(webp, type: "image/webp\r\nContent-Encoding: gzip")),
        ("two lengths", answer(webp, type: "image/webp\r\nContent-Length: 1")),
        ("no length", "HTTP/1.1 200 OK\r\nContent-Type: image/webp\r\n\r\n\(webp)"),
        ("no HTTP", "\(webp)\r\n\r\n"), ("another protocol", "SSH-2.0-OpenSSH_9.2\r\n"),
        (
            "chunks that are too much",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "10001\r\n\(webp)\(String(repeating: "x", count: 65_525))\r\n0\r\n\r\n"
        ),
    ])
    func `what is no good answer is no picture`(what: String, text: String) async throws {
        let server = try await RawServer { _ in .sends(text, closes: true) }
        try await withLogos(on: server.port) { logos, flatpeak, _ async throws in
            #expect(try await logos.image(try Self.digest(), for: client) == nil, "\(what)")
            #expect(try await logos.image(try Self.digest(), for: client) == nil, "\(what)")
            #expect(server.requests == 1, "\(what): it is asked for again")
            #expect(flatpeak.status.openBreakers == [])
        }
        await server.stop()
    }

    @Test func `a picture of 64 KiB is the largest`() async throws {
        let body = Self.webp + String(repeating: "x", count: (64 << 10) - Self.webp.utf8.count)
        let server = try await RawServer { _ in .sends(Self.answer(body), closes: false) }
        try await withLogos(on: server.port) { logos, _, _ async throws in
            #expect(try await logos.image(try Self.digest(), for: client)?.bytes.count == 64 << 10)
        }
        await server.stop()
    }

    /// Bodies that never end, or say before that they are too long.
    @Test(arguments: [
        "Content-Length: 20971520\r\n\r\n", "Content-Length: 1048576\r\n\r\n", "Content-Length: 65537\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n",
    ])
    func `a body that is too long is not read on`(head: String) async throws {
        let server = try await StagedServer()
        try await withLogos(on: server.port) { logos, _, transport async throws in
            let image = Task { try await logos.image(try Self.digest(), for: client) }
            let call = try #require(await server.next())
            try await call.send("HTTP/1.1 200 OK\r\nContent-Type: image/webp\r\n\(head)")
            let piece = String(repeating: "RIFFxxxxWEBPxxxx", count: 1024)
            let chunk = head.hasPrefix("Transfer") ? "4000\r\n\(piece)\r\n" : piece
            var sent = 0
            // A write that does not go out waits until the connection is closed.
            while sent < 20 << 20, (try? await call.send(chunk)) != nil { sent += piece.utf8.count }
            #expect(sent < 1 << 20, "more than fits into the buffers of the kernel")
            #expect(try await image.value == nil)
            try await until { await transport.connections == 0 }
            #expect(server.requests == 1)
        }
        await server.stop()
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\nContent-Type: ", "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n\(webp)",
    ])
    func `an answer that drips, or does not come, is given up after five seconds`(start: String) async throws {
        let server = try await RawServer { _ in start.isEmpty ? .silence : .drips(start) }
        try await withLogos(on: server.port) { logos, _, transport async throws in
            let image = Task { try await logos.image(try Self.digest(), for: client) }
            try await until { server.requests == 1 }
            clock.advance(by: 5.1)
            #expect(try await image.value == nil)
            try await until { await transport.connections == 0 }
            #expect(logos.load == (0, 0))
        }
        await server.stop()
    }

    @Test func `a host that does not answer the call is no picture`() async throws {
        let server = try await RawServer { _ in .silence }
        await server.stop()
        try await withLogos(on: server.port) { logos, flatpeak, _ async throws in
            for number in 0..<20 {
                #expect(try await logos.image(try Self.digest(number), for: CallerKey(number)) == nil)
            }
            #expect(flatpeak.status.openBreakers == [.logos])
        }
    }

    @Test func `customers who open the same page at once cause one fetch of each logo`() async throws {
        let server = try await StagedServer()
        try await withLogos(on: server.port) { logos, _, _ async throws in
            let digests = try (0..<10).map { try Self.digest($0) }
            let all = (0..<3).flatMap { customer in
                digests.map { digest in Task { try await logos.image(digest, for: CallerKey(customer)) } }
            }
            for _ in digests { try await #require(await server.next()).answer(Self.webp) }
            for one in all { #expect(try await one.value != nil) }
            #expect(server.requests == digests.count)
        }
        await server.stop()
    }
}
