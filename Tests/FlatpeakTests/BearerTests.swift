import Core
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Flatpeak

@Suite struct BearerStateTests {
    let start = ContinuousClock.now
    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    private func bearer(_ text: String = "b", at instant: Double, life: Double = 3600, jitter: Double = 0.5) -> Bearer {
        Bearer(token: Secret(text), expiresIn: life, requestedAt: at(instant), jitter: jitter)
    }

    private func used(_ answer: BearerState.Answer) -> Int? {
        if case .use(let held) = answer { held.number } else { nil }
    }

    private func failed(_ answer: BearerState.Answer) -> BFFError? {
        if case .fail(let error) = answer { error } else { nil }
    }

    @Test(
        "renewal is due at 75 to 85 % of life; 60 s before the end it is waited for (R2)", arguments: [0, 0.5, 0.999])
    func R2(jitter: Double) {
        var state = BearerState()
        state.loggedIn(bearer(at: 0, jitter: jitter), at: at(0))
        let due = 3600 * (0.75 + jitter / 10)
        #expect(!state.isLoginDue(at: at(due - 1)))
        #expect(state.isLoginDue(at: at(due)))
        #expect(used(state.requested(at: at(3539))) == 1)
        guard case .logIn = state.requested(at: at(3540)) else {
            Issue.record("a stale bearer was used")
            return
        }
    }

    @Test("over 24 h of constant load no call waits for a login after the first (R2)")
    func R2day() {
        var state = BearerState()
        var random = SystemRandomNumberGenerator()
        var waited = 0
        var logins = 0
        var loginEnds: Double?
        for tick in 0..<(86_400 * 4) {
            let now = Double(tick) / 4
            if let end = loginEnds, now >= end {
                state.loggedIn(
                    bearer("b\(logins)", at: now - 2, jitter: .random(in: 0..<1, using: &random)), at: at(now))
                loginEnds = nil
            }
            // The background loop; a login takes two seconds.
            if loginEnds == nil, state.isLoginDue(at: at(now)) {
                logins += 1
                loginEnds = now + 2
            }
            if used(state.requested(at: at(now))) == nil { waited += 1 }
        }
        #expect(waited == 8, "only until the first login ended")
        #expect((28...33).contains(logins))
    }

    @Test("a token that ends no later than the old one is not asked for again at once (R3)")
    func R3() {
        var state = BearerState()
        state.loggedIn(bearer(at: 0, jitter: 0), at: at(0))
        state.loggedIn(bearer(at: 0, jitter: 0), at: at(2700))
        #expect(!state.isLoginDue(at: at(2700 + 449)))
        #expect(state.isLoginDue(at: at(2700 + 450)))
        state.loggedIn(bearer(at: 0, jitter: 0), at: at(3580))
        #expect(!state.isLoginDue(at: at(3609)))
    }

    @Test("a renewal whose token ends sooner than the one in hand leaves no gap (R3, R4)")
    func shortRenewal() {
        var state = BearerState()
        state.loggedIn(bearer(at: 0, life: 60), at: at(0))
        state.loggedIn(bearer("brief", at: 50, life: 2), at: at(50))
        #expect(used(state.requested(at: at(59))) == 1)
        guard case .logIn = state.requested(at: at(60)) else {
            Issue.record("no login when the bearer has ended")
            return
        }
    }

    @Test("while the login is down the bearer serves until its end (R4)")
    func R4() {
        var state = BearerState()
        state.loggedIn(bearer(at: 0), at: at(0))
        for second in stride(from: 2880.0, to: 3600, by: 1) {
            if state.isLoginDue(at: at(second)) { state.loginFailed(.upstreamUnreachable, at: at(second)) }
            #expect(used(state.requested(at: at(second))) == 1)
        }
        state.loginFailed(.upstreamUnreachable, at: at(3600))
        #expect(failed(state.requested(at: at(3600))) == .upstreamUnreachable)
    }

    @Test("a key that is refused for an hour is tried at most 67 times (R5)")
    func R5hour() {
        var state = BearerState()
        var logins = 0
        for tick in 0..<36_000 where state.isLoginDue(at: at(Double(tick) / 10)) {
            logins += 1
            state.loginFailed(.upstreamRefusedCredentials, at: at(Double(tick) / 10))
        }
        #expect(logins <= 67)
        #expect(logins > 60)
    }

    @Test("bearers that are handed out and refused are not a reason for a storm either (R5)")
    func R5unproven() {
        var state = BearerState()
        var logins = 0
        for tick in 0..<36_000 {
            let now = Double(tick) / 10
            if state.isLoginDue(at: at(now)) {
                logins += 1
                state.loggedIn(bearer("b\(logins)", at: now), at: at(now))
            }
            if let number = used(state.requested(at: at(now))) { _ = state.refused(number, at: at(now)) }
        }
        #expect(logins <= 67)
    }

    @Test("a bearer that worked and was revoked is renewed at once, and only by the first who noticed (R5)")
    func R5revoked() {
        var state = BearerState()
        state.loggedIn(bearer("one", at: 0), at: at(0))
        state.worked(1)
        guard case .logIn = state.refused(1, at: at(10)) else {
            Issue.record("no login after a refusal")
            return
        }
        #expect(state.isLoginDue(at: at(10)))
        state.loggedIn(bearer("two", at: 10), at: at(10))
        guard case .use(let newer) = state.refused(1, at: at(11)) else {
            Issue.record("the newer bearer is not offered")
            return
        }
        #expect(newer.number == 2)
        #expect(used(state.requested(at: at(11))) == 2)
    }

    @Test("refusals at ten a second make one login in 30 s, and the bearer serves meanwhile (I3)")
    func I3() {
        var state = BearerState()
        state.loggedIn(bearer("b", at: 0), at: at(0))
        var logins = 0
        for tick in 0..<6000 {
            let now = Double(tick) / 10
            guard let number = used(state.requested(at: at(now))) else {
                Issue.record("no bearer at \(now) s")
                return
            }
            if tick.isMultiple(of: 2) {
                state.worked(number)
            } else if case .logIn = state.refused(number, at: at(now)) {
                logins += 1
                // Flatpeak returns the same token within its life.
                state.loggedIn(bearer("b", at: 0), at: at(now))
            }
        }
        #expect((19...21).contains(logins))
        #expect(used(state.requested(at: at(600))) == 1)
    }

    @Test("a login that fails after a refusal leaves the bearer in use (I3)")
    func I3loginDown() {
        var state = BearerState()
        state.loggedIn(bearer("b", at: 0), at: at(0))
        _ = state.refused(1, at: at(1))
        state.loginFailed(.upstreamUnreachable, at: at(2))
        #expect(used(state.requested(at: at(2))) == 1)
        _ = state.refused(1, at: at(2.5))
        #expect(!state.isLoginDue(at: at(2.5)), "the back-off of an outage")
        // A revocation that comes with an outage is found out as soon as the login is back.
        #expect(state.isLoginDue(at: at(3)))
        state.loggedIn(bearer("new", at: 3), at: at(3))
        #expect(used(state.requested(at: at(3))) == 2)
    }

    @Test("a different bearer replaces a doubted one, even if it ends sooner (I3)")
    func I3sooner() {
        var state = BearerState()
        state.loggedIn(bearer("old", at: 0), at: at(0))
        _ = state.refused(1, at: at(1))
        state.loggedIn(bearer("new", at: 1, life: 60), at: at(1))
        #expect(used(state.requested(at: at(1))) == 2)
    }
}

@Suite struct BearerSourceTests {
    let upstream = ScriptedUpstream()
    let clock = TestClock()
    let token = ConnectToken("cot_1")

    @Test("a crowd of 1000 logs in once; who leaves takes nothing along (R1)")
    func R1() async throws {
        let (gate, open) = AsyncStream<Void>.makeStream()
        upstream.on(
            "login",
            [
                { _ in
                    for await _ in gate {}; return .success(.json(#"{"bearer_token":"b","expires_in":60}"#))
                }
            ])
        upstream.on("claim", .json("{}"))
        let client = FlatpeakClient.scripted(upstream, clock: clock)
        let token = try #require(token)
        let first = Task { try await client.claim(token) }
        try await until { !upstream.requests("login").isEmpty }
        let others = (0..<999).map { _ in Task { try await client.claim(token) } }
        first.cancel()
        await #expect(throws: BFFError.clientClosed) { try await first.value }
        open.finish()
        for other in others { #expect(try await other.value == .notFinished) }
        #expect(upstream.requests("login").count == 1)
    }

    @Test("a failed login is everybody's error, and is not tried again before its time (R1)")
    func R1failed() async throws {
        upstream.on("login", .json("{}", status: 403))
        let client = FlatpeakClient.scripted(upstream, clock: clock)
        for _ in 0..<20 {
            await #expect(throws: BFFError.upstreamRefusedCredentials) { try await client.claim(try #require(token)) }
        }
        #expect(upstream.requests("login").count == 1)
        clock.advance(by: 1)
        await #expect(throws: BFFError.upstreamRefusedCredentials) { try await client.claim(try #require(token)) }
        #expect(upstream.requests("login").count == 2)
    }

    @Test("a crowd whose bearer was revoked renews it once (R5)", arguments: [401, 403])
    func R5(status: Int) async throws {
        let logins = Mutex(0)
        let isRevoked = Mutex(false)
        upstream.on(
            "login",
            [
                { _ in
                    let number = logins.withLock { number in
                        number += 1
                        return number
                    }
                    return .success(.json(#"{"bearer_token":"b\#(number)","expires_in":3600}"#))
                }
            ])
        upstream.on(
            "claim",
            [
                { request in
                    let isOld = request.header("authorization") == "Bearer b1"
                    return .success(.json("{}", status: isOld && isRevoked.withLock { $0 } ? status : 200))
                }
            ])
        let client = FlatpeakClient.scripted(upstream, clock: clock)
        let token = try #require(token)
        _ = try await client.claim(token)
        isRevoked.withLock { $0 = true }
        try await withThrowingTaskGroup { group in
            for _ in 0..<50 { group.addTask { _ = try await client.claim(token) } }
            try await group.waitForAll()
        }
        #expect(logins.withLock { $0 } == 2)
        #expect(upstream.requests("claim").count <= 101)
    }

    @Test("the second key is tried when the first is refused, and then first (S6)")
    func S6keys() async throws {
        upstream.on(
            "login",
            [
                { request in
                    let isOld =
                        request.header("authorization") == "Basic " + Data("acc_1:old".utf8).base64EncodedString()
                    return .success(isOld ? .json("{}", status: 403) : .json(#"{"bearer_token":"b","expires_in":60}"#))
                }
            ])
        upstream.on("claim", .json("{}"))
        let client = FlatpeakClient.scripted(upstream, keys: ["old", "new"], clock: clock)
        _ = try await client.claim(try #require(token))
        clock.advance(by: 60)
        _ = try await client.claim(try #require(token))
        #expect(upstream.requests("login").count == 3)
    }

    @Test("new credentials replace the old only when they work, and no call fails meanwhile (S6)")
    func S6() async throws {
        upstream.on(
            "login",
            [
                { request in
                    let pair = Data(base64Encoded: String(request.header("authorization")?.dropFirst(6) ?? ""))
                    let key = String(decoding: pair ?? Data(), as: UTF8.self).dropFirst("acc_1:".count)
                    return .success(
                        key == "bad"
                            ? .json("{}", status: 403) : .json(#"{"bearer_token":"of-\#(key)","expires_in":3600}"#))
                }
            ])
        upstream.on("claim", .json("{}"))
        let client = FlatpeakClient.scripted(upstream, keys: ["old"], clock: clock)
        let use = { (key: String) in
            _ = try await client.claim(try #require(token))
            #expect(upstream.requests("claim").last?.header("authorization") == "Bearer of-\(key)")
        }
        try await use("old")
        await #expect(throws: BFFError.upstreamRefusedCredentials) {
            try await client.adopt(Credentials(account: Secret("acc_1"), keys: [Secret("bad")]))
        }
        try await use("old")
        try await client.adopt(Credentials(account: Secret("acc_1"), keys: [Secret("new")]))
        try await use("new")
    }

    @Test("a login with replaced credentials that lands late changes nothing (I16)", arguments: [200, 403])
    func lateLogin(status: Int) async throws {
        let (gate, open) = AsyncStream<Void>.makeStream()
        let old = "Basic " + Data("acc_1:old".utf8).base64EncodedString()
        upstream.on(
            "login",
            [
                { request in
                    guard request.header("authorization") == old else {
                        return .success(.json(#"{"bearer_token":"of-new","expires_in":3600}"#))
                    }
                    for await _ in gate {}
                    return .success(.json(#"{"bearer_token":"of-old","expires_in":7200}"#, status: status))
                }
            ])
        upstream.on("claim", .json("{}"))
        let client = FlatpeakClient.scripted(upstream, keys: ["old"], clock: clock)
        let token = try #require(token)
        let early = Task { try await client.claim(token) }
        try await until { !upstream.requests("login").isEmpty }
        try await client.adopt(Credentials(account: Secret("acc_1"), keys: [Secret("new")]))
        open.finish()
        _ = try await early.value
        _ = try await client.claim(token)
        #expect(upstream.requests("claim").map { $0.header("authorization") } == ["Bearer of-new", "Bearer of-new"])
        #expect(client.status.login.trouble == nil)
        #expect(client.status.login.key == 1)
    }

    @Test("a login of the other mode: not ready, nothing minted (S5)")
    func S5() async throws {
        upstream.on("login", .json(#"{"bearer_token":"b","expires_in":60,"live_mode":false}"#))
        let client = FlatpeakClient.scripted(upstream, mode: .live, clock: clock)
        #expect(!client.isReady)
        await #expect(throws: BFFError.upstreamModeDiffers) {
            try await client.mint(MintOrder(connectURL: "a://b", callbackURL: "c://d"))
        }
        #expect(!client.isReady)
        #expect(upstream.requests("mint").isEmpty)
    }

    @Test("the first login is tried in the background until it works (R19)")
    func R19() async throws {
        upstream.on(
            "login", .json("{}", status: 500), .json("{}", status: 500), .json("{}", status: 500),
            .json(#"{"bearer_token":"b","expires_in":3600}"#))
        let client = FlatpeakClient.scripted(upstream, clock: clock)
        let loop = Task { await client.run() }
        try await until { upstream.requests("login").count >= 4 }
        loop.cancel()
        await loop.value
        #expect(client.isReady)
    }
}
