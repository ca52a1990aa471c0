import Core
import Networking
import Resilience
import Synchronization
import TestSupport
import Testing

@testable import Flatpeak

/// Logos against a scripted host, by a clock that moves when a test says so.
@Suite struct ProviderLogosTests {
    let upstream = ScriptedUpstream()
    let clock = TestClock()
    let flatpeak: FlatpeakClient
    let logos: ProviderLogos
    let alice = CallerKey("alice"), mallory = CallerKey("mallory")

    init() {
        flatpeak = .scripted(upstream, clock: clock)
        logos = ProviderLogos(flatpeak, now: { [clock] in clock.monotonic })
    }

    private static let webp = Array("RIFF\u{4}\0\0\0WEBP".utf8)

    private static func answer(
        _ body: [UInt8] = webp, status: Int = 200, contentType: String? = "image/webp"
    ) -> HTTPAnswer {
        HTTPAnswer(status: status, contentType: contentType, retryAfter: nil, body: body)
    }

    private func digest(_ number: Int) throws -> LogoDigest {
        try #require(LogoDigest("00000000" + String(number, radix: 16)))
    }

    private var requests: [UpstreamRequest] { upstream.requests("logo") }

    @Test func `a logo is fetched once a day, without credentials, for all who ask`() async throws {
        upstream.on("logo", Self.answer())
        for client in 0..<50 {
            let image = try await logos.image(try digest(1), for: CallerKey(client))
            #expect(image?.bytes == Self.webp)
            #expect(image?.format == .webp)
        }
        #expect(requests.count == 1)
        #expect(requests.first?.url == "https://logos.test/000000001.png")
        #expect(requests.first?.headers.isEmpty == true)
        #expect(requests.first?.body == nil)
        #expect(upstream.requests("login").isEmpty)
        clock.advance(by: 86_399)
        _ = try await logos.image(try digest(1), for: alice)
        #expect(requests.count == 1)
        clock.advance(by: 1)
        _ = try await logos.image(try digest(1), for: alice)
        #expect(requests.count == 2)
    }

    @Test(arguments: [
        (404, 900.0), (403, 900), (410, 900), (500, 30), (503, 30), (301, 30), (302, 30), (204, 30), (304, 30),
        (400, 30), (418, 30),
    ])
    func `a failure is no picture, and is not repeated for a while`(status: Int, life: Double) async throws {
        upstream.on("logo", Self.answer(status: status), Self.answer())
        for _ in 0..<5 { #expect(try await logos.image(try digest(1), for: alice) == nil) }
        clock.advance(by: life - 1)
        #expect(try await logos.image(try digest(1), for: alice) == nil)
        #expect(requests.count == 1)
        clock.advance(by: 1)
        #expect(try await logos.image(try digest(1), for: alice) != nil)
        #expect(requests.count == 2)
    }

    @Test(arguments: [
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>",
        "<!doctype html><script>alert(1)</script>", "", "GIF89a", "{\"message\":\"ok\"}",
    ])
    func `what is no picture is not shown, whatever it is declared to be`(body: String) async throws {
        upstream.on("logo", Self.answer(Array(body.utf8), contentType: "image/png"))
        #expect(try await logos.image(try digest(1), for: alice) == nil)
        clock.advance(by: 899)
        #expect(try await logos.image(try digest(1), for: alice) == nil)
        #expect(requests.count == 1)
    }

    @Test(arguments: ["text/html", "image/svg+xml", "application/octet-stream", nil])
    func `a picture is told by its bytes, whatever it is declared to be`(type: String?) async throws {
        upstream.on("logo", Self.answer(contentType: type))
        #expect(try await logos.image(try digest(1), for: alice)?.format == .webp)
    }

    @Test(arguments: TransportFailure.allCases.filter { $0 != .cancelled })
    func `a fetch that fails is not retried, takes no retry of others, and leaves an older picture in use`(
        failure: TransportFailure
    ) async throws {
        upstream.on("logo", [{ _ in .success(Self.answer()) }, { _ in .failure(failure) }])
        let retries = flatpeak.status.retriesLeft
        #expect(try await logos.image(try digest(1), for: alice) != nil)
        clock.advance(by: 90_000)
        #expect(try await logos.image(try digest(1), for: alice)?.bytes == Self.webp)
        #expect(try await logos.image(try digest(1), for: alice)?.bytes == Self.webp)
        #expect(requests.count == 2)
        #expect(try await logos.image(try digest(2), for: alice) == nil)
        #expect(requests.count == 3)
        #expect(flatpeak.status.retriesLeft == retries)
    }

    @Test func `without a host of logos there are none, and none is fetched`() async throws {
        let client = FlatpeakClient(
            .init(
                apiURL: "https://api.test", connectURL: "https://connect.test",
                credentials: Credentials(account: Secret("acc_1"), keys: [Secret("key_1")])), transport: upstream,
            time: clock.time, logger: .silent)
        let none = ProviderLogos(client, now: { [clock] in clock.monotonic })
        for number in 0..<200 { #expect(try await none.image(try digest(number), for: alice) == nil) }
        #expect(upstream.requests().isEmpty)
    }

    // MARK: - Many at once

    /// Holds every answer back until it is opened.
    private final class Gate: Sendable {
        private let waiting = Mutex<[CheckedContinuation<Void, Never>]?>([])

        func pass() async {
            await withCheckedContinuation { continuation in
                let isOpen = waiting.withLock { waiting in
                    waiting?.append(continuation)
                    return waiting == nil
                }
                if isOpen { continuation.resume() }
            }
        }

        func open() {
            let all = waiting.withLock { waiting in
                defer { waiting = nil }
                return waiting ?? []
            }
            for continuation in all { continuation.resume() }
        }
    }

    private func hold() -> Gate {
        let gate = Gate()
        upstream.on(
            "logo",
            [
                { _ in
                    await gate.pass(); return .success(Self.answer())
                }
            ])
        return gate
    }

    @Test func `concurrent requests share one fetch`() async throws {
        let gate = hold()
        let digest = try digest(1)
        let all = (0..<30).map { client in Task { [logos] in try await logos.image(digest, for: CallerKey(client)) } }
        try await until { logos.load.inUse == 30 && !requests.isEmpty }
        gate.open()
        for one in all { #expect(try await one.value?.bytes == Self.webp) }
        #expect(requests.count == 1)
        #expect(logos.load == (0, 0))
    }

    @Test func `a client with a page of unknown logos gets them all, a few at a time, and others pass it (I18)`()
        async throws
    {
        let gate = hold()
        let share = Flatpeak.Operation.BulkheadKind.logos.share
        let digests = try (0..<100).map { try digest($0) }
        let page = digests.map { digest in Task { [logos, mallory] in try await logos.image(digest, for: mallory) } }
        try await until { logos.load == (share, 100 - share) && requests.count == share }
        let other = try digest(1000)
        let one = Task { [logos, alice] in try await logos.image(other, for: alice) }
        try await until { requests.contains { $0.url == "https://logos.test/\(other).png" } }
        #expect(requests.count == share + 1)
        gate.open()
        #expect(try await one.value != nil)
        for picture in page { #expect(try await picture.value != nil) }
        #expect(requests.count == 101)
    }

    @Test func `one address causes 120 fetches a minute, and no more is sent, however many digests it makes up (I18)`()
        async throws
    {
        upstream.on("logo", Self.answer(status: 404))
        var refused = 0
        for number in 0..<1000 {
            let digest = try #require(LogoDigest(String(1_000_000_000 + number)))
            do throws(BFFError) {
                let image = try await logos.image(digest, for: mallory)
                #expect(image == nil)
            } catch {
                #expect(error == .rateLimited(retryAfter: 1))
                refused += 1
            }
        }
        #expect(requests.count == 120)
        #expect(refused == 880)
        // What is known costs nothing, and others have rates of their own.
        let known = try #require(LogoDigest("1000000000"))
        for _ in 0..<1000 { #expect(try await logos.image(known, for: mallory) == nil) }
        #expect(try await logos.image(try digest(1), for: alice) == nil)
        #expect(requests.count == 121)
        clock.advance(by: 1)
        #expect(try await logos.image(try digest(2), for: mallory) == nil)
        #expect(requests.count == 122)
    }

    @Test func `a client may not queue without bound`() async throws {
        let gate = hold()
        let share = Flatpeak.Operation.BulkheadKind.logos.share, refused = Mutex(0), shown = Mutex(0)
        // More than its rate lets through at once, so in two minutes.
        let digests = try (0..<240).map { try digest($0) }
        let ask = { @Sendable (digest: LogoDigest) in
            let image = try await logos.image(digest, for: mallory)
            if image == nil { refused.withLock { $0 += 1 } } else { shown.withLock { $0 += 1 } }
        }
        var all = digests[..<120].map { digest in Task { try await ask(digest) } }
        try await until { logos.load == (share, 120 - share) }
        clock.advance(by: 60)
        all += digests[120...].map { digest in Task { try await ask(digest) } }
        try await until { logos.load == (share, 128) && refused.withLock(\.self) == 240 - share - 128 }
        gate.open()
        for one in all { try await one.value }
        #expect(shown.withLock(\.self) == share + 128)
        #expect(logos.load == (0, 0))
    }

    @Test func `a client that leaves gives up its place, and a fetch that no client waits for ends`() async throws {
        let (started, start) = AsyncStream<Void>.makeStream()
        let wasCancelled = Mutex(false)
        upstream.on(
            "logo",
            [
                { _ in
                    start.yield()
                    try? await Task.sleep(for: .seconds(60))
                    wasCancelled.withLock { $0 = Task.isCancelled }
                    return .failure(.cancelled)
                }
            ])
        let digests = try (0..<10).map { try digest($0) }
        let page = digests.map { digest in Task { [logos, mallory] in try await logos.image(digest, for: mallory) } }
        try await until { logos.load.waiting == 6 }
        for await _ in started { break }
        for one in page { one.cancel() }
        for one in page { #expect(try await one.value == nil) }
        try await until { wasCancelled.withLock(\.self) }
        #expect(logos.load == (0, 0))
        // What was given up is asked for again.
        upstream.on("logo", Self.answer())
        #expect(try await logos.image(digests[0], for: alice) != nil)
    }

    // MARK: - A host that is down

    @Test func `a host that fails is left alone, costs no other call anything, and comes back by itself (R10)`()
        async throws
    {
        upstream.on("logo", Self.answer(status: 503))
        upstream.on("claim", .json(#"{"location_id":"loc_1"}"#))
        for number in 0..<5 { _ = try await logos.image(try digest(number), for: CallerKey(number)) }
        #expect(flatpeak.status.openBreakers == [.logos])
        for number in 5..<50 { #expect(try await logos.image(try digest(number), for: CallerKey(number)) == nil) }
        #expect(requests.count == 5)
        let token = try #require(ConnectToken("cot_1"))
        for user in 0..<50 { _ = try await flatpeak.claim(token, for: CallerKey(user)) }

        upstream.on("logo", Self.answer())
        clock.advance(by: 31)
        #expect(try await logos.image(try digest(5), for: alice) != nil)
        #expect(flatpeak.status.openBreakers == [])
    }

    @Test func `one client's failing logos do not open the breaker for others (I2)`() async throws {
        upstream.on("logo", [{ request in .success(Self.answer(status: request.url.contains("ff") ? 500 : 200)) }])
        for number in 0..<100 {
            let bad = try #require(LogoDigest("ffffffff" + String(number)))
            _ = try await logos.image(bad, for: mallory)
        }
        #expect(requests.count == 100)
        #expect(flatpeak.status.openBreakers == [])
        #expect(try await logos.image(try digest(1), for: alice) != nil)
    }

    @Test func `a 429 pauses the fetches of the client that got it`() async throws {
        upstream.on(
            "logo",
            HTTPAnswer(status: 429, contentType: nil, retryAfter: 60, body: []), Self.answer())
        #expect(try await logos.image(try digest(1), for: mallory) == nil)
        #expect(try await logos.image(try digest(2), for: mallory) == nil)
        #expect(requests.count == 1)
        #expect(try await logos.image(try digest(3), for: alice) != nil)
    }
}
