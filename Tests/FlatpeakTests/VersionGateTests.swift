import Core
import Networking
import Resilience
import Sandbox
import Synchronization
import TestSupport
import Testing

@testable import Flatpeak

/// An account that was moved to an API version newer than ours.
@Suite struct VersionGateTests {
    private static let order = MintOrder(connectURL: "a://b", callbackURL: "c://d")
    private static let refusal = HTTPAnswer.json(#"{"code":"api_version_not_supported"}"#, status: 422)

    private func code(_ call: () async throws(BFFError) -> Void) async -> String? {
        do throws(BFFError) {
            try await call()
            return nil
        } catch {
            return error.code
        }
    }

    @Test func `a refused version is logged once a minute, and what is accepted ends it`() {
        var state = VersionState()
        let start = ContinuousClock.now
        func logs(_ seconds: Double) -> Bool { state.refused(at: start + .seconds(seconds)) }
        func ends() -> Bool { state.accepted() }
        #expect(!state.isRefused)
        #expect(!ends())
        #expect(logs(0))
        #expect(state.isRefused)
        #expect(!logs(59))
        #expect(logs(60))
        #expect(ends())
        #expect(!state.isRefused)
        #expect(!ends())
    }

    /// An upstream that refuses the version of what `isRefused` says.
    private static func upstream(
        _ isRefused: @escaping @Sendable (_ operation: String) -> Bool
    ) -> ScriptedUpstream {
        let upstream = ScriptedUpstream()
        let good = [
            "mint": #"{"connect_token":"cot_a","expires_in":60}"#, "status": #"{"tariff_status":{}}"#,
            "api_probe": #"{"data":[]}"#,
        ]
        for (operation, body) in good {
            upstream.on(operation, [{ _ in .success(isRefused(operation) ? refusal : .json(body)) }])
        }
        return upstream
    }

    /// A time in which nothing sleeps longer or shorter than a test wants.
    private static func steps() -> (time: ServiceClock, step: @Sendable () -> Void) {
        let (steps, step) = AsyncStream<Void>.makeStream()
        let time = ServiceClock(
            now: { .now },
            sleep: { _ in
                for await _ in steps { return }
                throw CancellationError()
            }, jitter: { 0.5 })
        return (time, { step.yield() })
    }

    @Test func `users whose calls alone are refused close nothing for the others (I2)`() async throws {
        let upstream = Self.upstream { $0 == "status" }
        let (time, step) = Self.steps()
        let client = FlatpeakClient.scripted(upstream, time: time)
        let location = try #require(LocationID("loc_1"))
        let probing = Task { await client.probeVersion() }
        for round in 1...3 {
            for caller in 0..<20 {
                #expect(
                    await code { () throws(BFFError) in
                        _ = try await client.status(of: location, for: CallerKey(caller))
                    } == "api_version_not_supported")
                _ = try await client.mint(Self.order, for: CallerKey("alice"))
            }
            try await until { upstream.requests("api_probe").count == round }
            #expect(!client.status.isVersionRefused)
            step()
        }
        probing.cancel()
        await probing.value
    }

    @Test func `a refused version is one state for all calls: only the service asks, once a minute, and it ends`()
        async throws
    {
        let isRefused = Mutex(true)
        let upstream = Self.upstream { _ in isRefused.withLock(\.self) }
        let (time, step) = Self.steps()
        let client = FlatpeakClient.scripted(upstream, time: time)
        let location = try #require(LocationID("loc_1"))
        let probing = Task { await client.probeVersion() }
        let mint = { (caller: Int) in
            await code { () throws(BFFError) in _ = try await client.mint(Self.order, for: CallerKey(caller)) }
        }
        #expect(!client.status.isVersionRefused)
        #expect(await mint(0) == "api_version_not_supported")
        try await until { client.status.isVersionRefused }
        #expect(client.status.version == .anode)
        for minute in 1...3 {
            for caller in 0..<20 {
                #expect(await mint(caller) == "api_version_not_supported")
                #expect(
                    await code { () throws(BFFError) in
                        _ = try await client.status(of: location, for: CallerKey(caller))
                    } == "api_version_not_supported")
            }
            #expect(upstream.requests("mint").count == 1)
            #expect(upstream.requests("status").isEmpty)
            try await until { upstream.requests("api_probe").count == minute }
            step()
        }
        #expect(client.isReady)
        #expect(client.status.openBreakers.isEmpty)
        isRefused.withLock { $0 = false }
        try await until { upstream.requests("api_probe").count == 4 }
        step()
        try await until { !client.status.isVersionRefused }
        #expect(await mint(0) == nil)
        probing.cancel()
        await probing.value
    }

    @Test func `an answer that fails for another reason says nothing about the version`() {
        let gate = VersionGate(.anode, time: TestClock().time, logger: .silent)
        gate.note(Self.refusal, for: CallerKey("a user"))
        #expect(!gate.isRefused)
        gate.note(Self.refusal, for: nil)
        #expect(gate.isRefused)
        gate.note(.json("{}", status: 500), for: nil)
        gate.note(.json("{}", status: 429), for: nil)
        gate.note(.json("{}", status: 403), for: nil)
        gate.note(.json("{}"), for: CallerKey("a user"))
        #expect(gate.isRefused)
        gate.note(.json("{}", status: 404), for: nil)
        #expect(!gate.isRefused)
    }

    @Test func `a login that is refused for its version is the same state, and its tries grow apart`() async throws {
        let upstream = ScriptedUpstream(), clock = TestClock()
        upstream.on("login", Self.refusal)
        let client = FlatpeakClient.scripted(upstream, clock: clock)
        for _ in 0..<100 {
            #expect(
                await code { () throws(BFFError) in _ = try await client.mint(Self.order) }
                    == "api_version_not_supported")
        }
        #expect(upstream.requests().count == 1)
        #expect(client.status.isVersionRefused)
        #expect(client.isReady, "whether it may be sent requests is not about Flatpeak")
    }

    @Test func `the error is 503 and says when to try again`() {
        let error = BFFError.upstreamVersionNotSupported
        #expect(error.status == 503)
        #expect(error.code == "api_version_not_supported")
        #expect(error.retryAfter == 60)
        #expect(error.detail.contains("FLATPEAK_VERSION"))
    }
}
