import Core
import Resilience
import Sandbox
import Synchronization
import TestSupport
import Testing

@testable import Flatpeak

/// An account that was moved to an API version newer than ours.
@Suite struct VersionGateTests {
    private static let order = MintOrder(connectURL: "a://b", callbackURL: "c://d")
    private static let refusal = UpstreamAnswer.json(#"{"code":"api_version_not_supported"}"#, status: 422)

    private func code(_ call: () async throws(BFFError) -> Void) async -> String? {
        do throws(BFFError) {
            try await call()
            return nil
        } catch {
            return error.code
        }
    }

    @Test func `one try a minute while the version is refused; what is accepted ends it`() {
        var state = VersionState()
        let start = ContinuousClock.now
        func admits(_ seconds: Double) -> Bool { state.admit(at: start + .seconds(seconds), by: CallerKey("a user")) }
        func logs(_ seconds: Double) -> Bool { state.refused(at: start + .seconds(seconds), by: nil) }
        func ends() -> Bool { state.accepted() }
        #expect(admits(0) && !state.isRefused)
        #expect(logs(0))
        #expect(!logs(0), "calls that were in flight are not logged")
        #expect(state.isRefused)
        #expect(!admits(0) && !admits(59))
        #expect(admits(60))
        #expect(!admits(60), "the try is taken")
        #expect(logs(60), "once a minute")
        #expect(!admits(119))
        #expect(admits(120))
        #expect(ends() && !state.isRefused)
        #expect(!ends())
        #expect(admits(120))
    }

    @Test func `one user whose calls are refused closes nothing for the others (I2)`() {
        var state = VersionState()
        let start = ContinuousClock.now, mallory = CallerKey("mallory"), alice = CallerKey("alice")
        for second in 0..<100 {
            let now = start + .seconds(second)
            let isAlarm = state.refused(at: now, by: mallory), isAdmitted = state.admit(at: now, by: alice)
            #expect(!isAlarm && isAdmitted)
            if second.isMultiple(of: 10) { _ = state.accepted() }
        }
        // Two in a row are believed, and the service's own calls find out when it is over.
        let isBelieved = state.refused(at: start, by: alice)
        let others = state.admit(at: start + .seconds(1), by: alice),
            own = state.admit(at: start + .seconds(1), by: nil)
        #expect(isBelieved && !others && own)
    }

    @Test func `a refused version is one state for all calls: nothing is sent but one call a minute, and it ends`()
        async throws
    {
        let upstream = ScriptedUpstream(), clock = TestClock()
        let isRefused = Mutex(true)
        let answer: ScriptedUpstream.Answer = { request in
            if isRefused.withLock(\.self) { return .success(Self.refusal) }
            return .success(
                request.operation.name == "mint"
                    ? .json(#"{"connect_token":"cot_a","expires_in":60}"#) : .json(#"{"tariff_status":{}}"#))
        }
        upstream.on("mint", [answer])
        upstream.on("status", [answer])
        upstream.on("claim", [answer])
        let client = FlatpeakClient.scripted(upstream, clock: clock)
        let location = try #require(LocationID("loc_1")), token = try #require(ConnectToken("cot_a"))
        #expect(!client.condition.isVersionRefused)
        for caller in 0..<100 {
            #expect(
                await code { () throws(BFFError) in
                    _ = try await client.mint(Self.order, for: CallerKey(caller))
                } == "api_version_not_supported")
            #expect(
                await code { () throws(BFFError) in
                    _ = try await client.status(of: location, for: CallerKey(caller))
                } == "api_version_not_supported")
            #expect(
                await code { () throws(BFFError) in
                    _ = try await client.claim(token, for: CallerKey(caller))
                } == "api_version_not_supported")
        }
        #expect(
            upstream.requests().filter { $0.operation.name != "login" }.count == 4,
            "three of the first user and one of the second")
        #expect(client.condition.isVersionRefused && client.condition.version == .anode)
        #expect(client.isReady && client.condition.openBreakers.isEmpty)
        for minute in 1...5 {
            clock.advance(by: 60)
            for caller in 0..<10 {
                _ = await code { () throws(BFFError) in _ = try await client.mint(Self.order, for: CallerKey(caller)) }
            }
            #expect(upstream.requests("mint").count == 2 + minute)
        }
        // A try that fails for another reason says nothing about the version.
        upstream.on("mint", .json("{}", status: 500))
        clock.advance(by: 60)
        #expect(await code { () throws(BFFError) in _ = try await client.mint(Self.order) } == "upstream_failed")
        #expect(client.condition.isVersionRefused)
        upstream.on("mint", [answer])
        isRefused.withLock { $0 = false }
        clock.advance(by: 60)
        _ = try await client.mint(Self.order)
        #expect(!client.condition.isVersionRefused)
        _ = try await client.status(of: location)
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
        #expect(client.condition.isVersionRefused)
        #expect(client.isReady, "whether it may be sent requests is not about Flatpeak")
    }

    @Test func `the error is 503 and says when to try again`() {
        let error = BFFError.upstreamVersionNotSupported
        #expect(error.status == 503 && error.code == "api_version_not_supported" && error.retryAfter == 60)
        #expect(error.detail.contains("FLATPEAK_VERSION"))
    }
}
