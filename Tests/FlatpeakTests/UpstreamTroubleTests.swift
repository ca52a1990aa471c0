import Core
import FoundationEssentials
import Logging
import Relay
import Resilience
import Sandbox
import Synchronization
import TestSupport
import Testing

@testable import Flatpeak

/// The client and the sandbox over real sockets, with upstream in trouble.
@Suite(.serialized) struct UpstreamTroubleTests {
    /// Runs `body` with a sandbox, and a client of it whose bearer loop runs.
    fileprivate func withUpstream(
        bearerLife: TimeInterval = 3600, keys: [String] = ["sk_test_sandbox"], version: FlatpeakVersion = .anode,
        logger: Logger = .silent, _ body: (Sandbox, FlatpeakClient) async throws -> Void
    ) async throws {
        var configuration = Sandbox.Configuration()
        configuration.port = 0
        configuration.bearerLife = bearerLife
        configuration.keys = ["sk_test_sandbox", "sk_test_second"]
        let sandbox = try await Sandbox.start(configuration, logger: .silent)
        let transport = try PooledTransport(
            api: sandbox.addresses.api, connect: sandbox.addresses.connect, now: { .now })
        let client = FlatpeakClient(
            .init(
                apiURL: sandbox.addresses.api, connectURL: sandbox.addresses.connect,
                credentials: Credentials(account: Secret(configuration.account), keys: keys.map { Secret($0) }),
                version: version), transport: transport, logger: logger)
        let loop = Task { await client.run() }
        let result: Result<Void, any Error>
        do { result = .success(try await body(sandbox, client)) } catch { result = .failure(error) }
        loop.cancel()
        await loop.value
        await transport.shutdown()
        await sandbox.stop()
        try result.get()
    }

    fileprivate func mint(_ client: FlatpeakClient) async throws(BFFError) -> ConnectToken {
        try await client.mint(MintOrder(connectURL: "http://localhost:7070", callbackURL: "http://localhost/done"))
            .token
    }

    @Test("a revoked bearer under a crowd is renewed once, and no caller notices (R5)")
    func R5() async throws {
        try await withUpstream { sandbox, client in
            let token = try await mint(client)
            sandbox.expireBearers()
            sandbox.forgetRequests()
            try await withThrowingTaskGroup { group in
                for _ in 0..<50 { group.addTask { _ = try await client.claim(token) } }
                try await group.waitForAll()
            }
            #expect(sandbox.requestCount(.login) == 1)
        }
    }

    @Test("two seconds of mints that waited for the first login all find a slot (R17)")
    func R17() async throws {
        try await withUpstream { sandbox, client in
            _ = try await mint(client)
            sandbox.expireBearers()
            sandbox.script(.init(.delay, on: .mint, count: 1000, seconds: 0.1))
            try await withThrowingTaskGroup { group in
                for number in 0..<100 {
                    group.addTask {
                        _ = try await client.mint(
                            MintOrder(connectURL: "http://localhost:7070", callbackURL: "http://localhost/done"),
                            for: CallerKey(number))
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("a refused key hands over to the second one without a failed call (S6)")
    func S6() async throws {
        try await withUpstream(keys: ["sk_test_sandbox", "sk_test_second"]) { sandbox, client in
            let token = try await mint(client)
            sandbox.refuseKey("sk_test_sandbox")
            sandbox.expireBearers()
            for _ in 0..<5 { #expect(try await client.claim(token) == .notFinished) }
        }
    }

    @Test("an upstream that fails all calls is soon left alone, and callers are refused at once (R8, R10)")
    func R8() async throws {
        try await withUpstream { sandbox, client in
            let token = try await mint(client)
            sandbox.script(.init(.status, on: .claim, count: 100_000, status: 503))
            sandbox.forgetRequests()
            var codes: [String: Int] = [:]
            for _ in 0..<500 {
                do throws(BFFError) { _ = try await client.claim(token) } catch { codes[error.code, default: 0] += 1 }
            }
            #expect(codes["upstream_unavailable", default: 0] > 480)
            #expect(sandbox.requestCount(.claim) <= 20)
        }
    }

    @Test("a stuck Connect host leaves reads at their pace (R10)")
    func R10() async throws {
        try await withUpstream { _, client in
            let token = try await mint(client)
            let calls = client.relayCalls
            for call in 0..<RelayCalls.limit { try calls.start(for: CallerKey(call % 8), attempt: 1, at: .now) }
            #expect(throws: BFFError.overloaded) { try calls.start(for: CallerKey(9), attempt: 1, at: .now) }
            for _ in 0..<20 { #expect(try await client.claim(token) == .notFinished) }
        }
    }

    @Test("a mint whose answer was lost is not minted again; a read is made again (R7)")
    func R7() async throws {
        try await withUpstream { sandbox, client in
            let token = try await mint(client)
            sandbox.forgetRequests()
            sandbox.script(.init(.truncate, on: .mint))
            await #expect(throws: BFFError.upstreamInvalidAnswer) { try await mint(client) }
            #expect(sandbox.requestCount(.mint) == 1)
            sandbox.script(.init(.reset, on: .claim, count: 2))
            #expect(try await client.claim(token) == .notFinished)
            #expect(sandbox.requestCount(.claim) == 3)
        }
    }

    @Test("upstream.md §0: an account set up for a newer version is logged once a minute, by the setting's name")
    func version() async throws {
        let lines = Mutex<[String]>([])
        var logger = Logger(label: "test") { _ in CollectingLogHandler { line in lines.withLock { $0.append(line) } } }
        logger.logLevel = .error
        try await withUpstream(version: .zero, logger: logger) { _, client in
            for _ in 0..<3 {
                await #expect(throws: BFFError.upstreamVersionNotSupported) { try await mint(client) }
            }
        }
        #expect(lines.withLock { $0 }.filter { $0.contains("FLATPEAK_VERSION") }.count == 1)
    }
}

/// Hands each message with its metadata to a function.
private struct CollectingLogHandler: LogHandler {
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]
    let collect: @Sendable (String) -> Void

    init(_ collect: @escaping @Sendable (String) -> Void) {
        self.collect = collect
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        collect("\(event.message) \(event.metadata ?? [:])")
    }
}

/// Bearers that live for seconds, on the clock of the machine.
@Suite struct BearerTimingTests {
    private let trouble = UpstreamTroubleTests()

    @Test(
        "bearers of two seconds under constant calls: not one fails, also while the login is down for a while (R2, R4)")
    func shortLives() async throws {
        try await trouble.withUpstream(bearerLife: 2) { sandbox, client in
            let token = try await trouble.mint(client)
            let start = ContinuousClock.now
            let middle = start + .seconds(1), end = start + .seconds(4)
            var calls = 0
            var isScripted = false
            // However slow the machine is: both the time and the calls.
            while ContinuousClock.now < end || calls <= 500 {
                #expect(try await client.claim(token) == .notFinished)
                calls += 1
                // One login in the middle fails; the bearer is still good when it is tried again.
                if !isScripted, ContinuousClock.now > middle {
                    sandbox.script(.init(.status, on: .login, count: 1, status: 500))
                    isScripted = true
                }
            }
            #expect(isScripted)
            #expect(sandbox.requestCount(.login) >= 3)
            #expect(sandbox.requests(.claim).allSatisfy { $0.status == 422 })
        }
    }
}
