import Core
import Flatpeak
import Foundation
import Logging
import Networking
import Resilience
import Synchronization
import TestSupport
import Testing

@testable import Sessions
import Wire

/// The driver against a scripted upstream and a clock of the test's own.
@Suite struct SessionsTests {
    let upstream = ScriptedUpstream()
    let clock = TestClock()
    let store = InMemoryStore()
    let cache: SessionCache
    let sessions: Sessions
    let alice: Subject
    let bob: Subject

    init() throws {
        alice = try #require(Subject("alice"))
        bob = try #require(Subject("bob"))
        upstream.on("mint", .json(#"{"connect_token":"cot_a","expires_in":86400,"live_mode":false}"#))
        let clock = clock
        let flatpeak = FlatpeakClient.scripted(upstream)
        cache = SessionCache(
            store: store, now: { clock.wall }, time: clock.time, timeout: .seconds(60), logger: .silent)
        sessions = Sessions(
            flatpeak: flatpeak, cache: cache,
            reads: LocationReads(flatpeak: flatpeak, cache: cache, now: { clock.wall }),
            settings: MintRequestTests.settings, now: { clock.wall }, time: clock.time, randomBytes: countingBytes(),
            logger: .silent)
    }

    private func mint(_ body: String = "{}", for subject: Subject? = nil) async throws -> ConnectSession {
        try await sessions.mint(Array(body.utf8), as: nil, for: subject ?? alice).session
    }

    private func relay(_ session: ConnectSession, answered route: String?, action: String? = nil, to url: String? = nil)
        async throws
    {
        let pressed = action.map { #","route":"x","action":"\#($0)""# } ?? ""
        let bytes = Array(#"{"connect_token":"\#(session.connectToken.exposed)"\#(pressed)}"#.utf8)
        let step = RelayedStep(envelope: try Envelope(bytes.span), answeredRoute: route, redirectURL: url)
        sessions.note(step, in: .init(caller: CallerKey(session.subject), handle: nil))
        clock.advance(by: 1)
    }

    private func state(_ session: ConnectSession) async throws -> SessionState {
        try await sessions.session(session.id, of: alice).outcome(at: clock.wall).state
    }

    @Test func `a session is its owner's alone`() async throws {
        let session = try await mint()
        #expect(try await state(session) == .created)
        await #expect(throws: BFFError.notFound) { try await sessions.session(session.id, of: bob) }
        #expect(upstream.requests("claim").isEmpty)
    }

    @Test func `a location of somebody else's cannot be minted for, and upstream is not asked`() async throws {
        await #expect(throws: BFFError.notFound) { try await mint(#"{"location_id":"loc_1"}"#) }
        #expect(upstream.requests().isEmpty)
    }

    @Test("S14: before completion the session stays active and its reader gets its state")
    func S14() async throws {
        upstream.on("claim", .json(#"{"message":"processing"}"#, status: 422))
        let session = try await mint()
        try await relay(session, answered: "provider_select")
        #expect(try await state(session) == .active)
    }

    @Test func `closing is abandoning when the claim says so, and coming back is possible`() async throws {
        upstream.on("claim", .json(#"{"message":"processing"}"#, status: 422))
        let session = try await mint()
        try await relay(session, answered: "provider_select")
        try await relay(
            session, answered: "session_redirect", action: "CLOSE",
            to: "https://bff.example/v1/connect/callback?fp_cot=cot_a")
        #expect(try await state(session) == .abandoned)
        _ = try await sessions.admit(session.connectToken)
        try await relay(session, answered: "provider_select")
        #expect(try await state(session) == .active)
    }

    @Test func `a redirect to a provider's login is not leaving`() async throws {
        upstream.on("claim", .json("{}", status: 422))
        let session = try await mint()
        try await relay(session, answered: "session_redirect", to: "https://provider.example/?fp_cot=cot_a")
        #expect(try await state(session) == .active)
    }

    @Test("S13: the location is bound to who minted, whoever brings the token back; twice is once")
    func S13() async throws {
        upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"CONNECTED"}}}"#))
        let session = try await mint()
        try await relay(session, answered: "tariff_summary")
        let first = try await sessions.callback(session.connectToken)
        let second = try await sessions.callback(session.connectToken)
        #expect(first.url == "https://app.example/done?session=\(session.id)&status=connected")
        #expect(second.url == first.url)
        #expect(upstream.requests("claim").count == 1)
        try await sessions.requireOwned(try #require(LocationID("loc_1")), by: alice)
        await #expect(throws: BFFError.notFound) {
            try await sessions.requireOwned(try #require(LocationID("loc_1")), by: bob)
        }
    }

    @Test func `the relay's gate: unknown, used, expired`() async throws {
        upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"CONNECTED"}}}"#))
        await #expect(throws: BFFError.connectTokenUnknown) {
            try await sessions.admit(try #require(ConnectToken("cot_unknown")))
        }
        let session = try await mint()
        _ = try await sessions.admit(session.connectToken)
        try await relay(session, answered: "tariff_summary")
        _ = try await sessions.callback(session.connectToken)
        await #expect(throws: BFFError.connectTokenUsed) { try await sessions.admit(session.connectToken) }
        clock.advance(by: 86400)
        await #expect(throws: BFFError.connectTokenExpired) { try await sessions.admit(session.connectToken) }
    }

    @Test func `a callback that cannot ask how it ended says what the session reads, and a later read finds it`()
        async throws
    {
        let isDown = Mutex(true)
        upstream.on(
            "claim",
            [
                { _ in
                    isDown.withLock(\.self)
                        ? .success(.json("{}", status: 500))
                        : .success(.json(#"{"location_id":"loc_1","price_available":true}"#))
                }
            ])
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"CONNECTED"}}}"#))
        let session = try await mint()
        try await relay(session, answered: "tariff_summary")
        let returned = try await sessions.callback(session.connectToken)
        #expect(returned.state == .active)
        #expect(returned.url == "https://app.example/done?session=\(session.id)&status=active")
        #expect(try await state(session) == returned.state)
        isDown.withLock { $0 = false }
        clock.advance(by: 1)
        #expect(try await state(session) == .connected)
    }

    @Test func `readers in a hurry do not make us ask Flatpeak more than once a second`() async throws {
        upstream.on("claim", .json("{}", status: 422))
        let session = try await mint()
        try await relay(session, answered: "provider_select")
        for _ in 0..<20 { _ = try await state(session) }
        #expect(upstream.requests("claim").count == 1)
        clock.advance(by: 1)
        _ = try await state(session)
        #expect(upstream.requests("claim").count == 2)
        try await relay(session, answered: "tariff_summary")
        _ = try await state(session)
        #expect(upstream.requests("claim").count == 3)
    }

    @Test("S16: one key and body is one mint and one answer; another body, or another user, is another matter")
    func S16() async throws {
        let tokens = (1...4).map { HTTPAnswer.json(#"{"connect_token":"cot_\#($0)","expires_in":60}"#) }
        upstream.on("mint", tokens[0], tokens[1], tokens[2], tokens[3])
        let mint = { (key: String, body: String, subject: Subject) in
            try await sessions.mint(Array(body.utf8), as: IdempotencyKey(key), for: subject)
        }
        let first = try await mint("k", "{}", alice)
        let again = try await mint("\"k\"", "{}", alice)
        #expect(again.session.id == first.session.id && again.launchURL == first.launchURL)
        await #expect(throws: BFFError.idempotencyKeyReused) { try await mint("k", #"{"app":"ios"}"#, alice) }
        #expect(try await mint("k", "{}", bob).session.connectToken != first.session.connectToken)
        #expect(try await mint("other", "{}", alice).session.id != first.session.id)
        #expect(upstream.requests("mint").count == 3)
        clock.advance(by: 60)
        #expect(try await mint("k", "{}", alice).session.id != first.session.id)
    }

    @Test("S16: while the first is under way the second waits; one that failed gives its key back")
    func S16underWay() async throws {
        let gate = Gate()
        upstream.on(
            "mint",
            [
                { _ in
                    await gate.wait()
                    return .success(.json("{}", status: 500))
                }, { _ in .success(.json(#"{"connect_token":"cot_1","expires_in":60}"#)) },
            ])
        let sessions = sessions, alice = alice
        let key = IdempotencyKey("k")
        let first = Task { try await sessions.mint(Array("{}".utf8), as: key, for: alice) }
        while upstream.requests("mint").isEmpty { await Task.yield() }
        await #expect(throws: BFFError.idempotencyInProgress) {
            try await sessions.mint(Array("{}".utf8), as: key, for: alice)
        }
        await gate.open()
        await #expect(throws: BFFError.upstreamFailed(status: 500)) { try await first.value }
        #expect(
            try await sessions.mint(Array("{}".utf8), as: key, for: alice).session.connectToken == ConnectToken("cot_1")
        )
    }

    @Test(arguments: ["", "a b", "\"", "a\"b", "\u{e9}", String(repeating: "k", count: 129)])
    func `what is no idempotency key`(text: String) {
        #expect(IdempotencyKey(text) == nil)
    }

    @Test func `a crowd at the callback asks Flatpeak once`() async throws {
        let gate = Gate()
        upstream.on(
            "claim",
            [
                { _ in
                    await gate.wait(); return .success(.json("{}", status: 422))
                }
            ])
        let session = try await mint()
        let sessions = sessions
        await withTaskGroup { group in
            for _ in 0..<50 { group.addTask { _ = try? await sessions.callback(session.connectToken) } }
            group.addTask { await gate.open() }
        }
        #expect(upstream.requests("claim").count <= 2)
    }

    // MARK: - A store that is away

    @Test("R23: while the store is away a mint succeeds, its session is relayed, read and ended, and is written later")
    func R23() async throws {
        upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"CONNECTED"}}}"#))
        store.isAway = true
        let session = try await mint()
        guard case .pass = sessions.known(session.connectToken) else { Issue.record("not known"); return }
        try await relay(session, answered: "tariff_summary")
        #expect(try await sessions.callback(session.connectToken).state == .connected)
        #expect(try await state(session) == .connected)
        try await sessions.requireOwned(try #require(LocationID("loc_1")), by: alice)
        #expect(cache.status == (pendingWrites: 1, isHealthy: false))

        // What nobody here knows is not "unknown" while the store cannot be asked.
        await #expect(throws: BFFError.storeUnavailable) {
            try await sessions.admit(try #require(ConnectToken("cot_unknown")))
        }
        await #expect(throws: BFFError.storeUnavailable) {
            try await sessions.session(SessionID(prefix: "cs", random: Array(repeating: 9, count: 12)), of: alice)
        }
        await #expect(throws: BFFError.storeUnavailable) { try await mint(#"{"location_id":"loc_2"}"#) }

        store.isAway = false
        await sessions.finish()
        #expect(cache.status == (pendingWrites: 0, isHealthy: true))
        #expect(try await store.session(session.id)?.outcome(at: clock.wall).state == .connected)
        #expect(try await store.owns(alice, try #require(LocationID("loc_1"))))
    }

    @Test("R23: a key is one mint also while the store is away, and its answer is written later")
    func R23idempotency() async throws {
        store.isAway = true
        let body = Array("{}".utf8), key = try #require(IdempotencyKey("k"))
        let first = try await sessions.mint(body, as: key, for: alice)
        #expect(try await sessions.mint(body, as: key, for: alice).session.id == first.session.id)
        #expect(upstream.requests("mint").count == 1)
        store.isAway = false
        await sessions.finish()
        let other = IdempotentMint(body: [], startedAt: clock.wall)
        #expect(try await store.begin(other, as: key, of: alice, at: clock.wall)?.answer?.session == first.session.id)
    }

    @Test func `a session that the store cannot keep lives in memory, and holds up no other one (I12)`() async throws {
        // Its id follows from the first twelve random bytes.
        let odd = SessionID(prefix: "cs", random: countingBytes()(12))
        store.refused = [odd]
        let session = try await mint()
        #expect(session.id == odd)
        upstream.on("mint", .json(#"{"connect_token":"cot_b","expires_in":86400,"live_mode":false}"#))
        let other = try await mint(for: bob)
        #expect(cache.status == (pendingWrites: 0, isHealthy: true))
        #expect(try await store.session(other.id) != nil)
        #expect(try await store.session(odd) == nil)
        // Its customer goes on; a write for it costs the others nothing either.
        try await relay(session, answered: "provider_select")
        try await relay(other, answered: "provider_select")
        await sessions.finish()
        #expect(try await state(session) == .active)
        #expect(try await store.session(other.id)?.facts.relayed == true)
        #expect(cache.status == (pendingWrites: 0, isHealthy: true))
        // The next write of something new brings it in.
        store.refused = []
        try await relay(session, answered: nil, action: "CLOSE")
        await sessions.finish()
        #expect(try await store.session(odd) != nil)
    }

    @Test func `a store that never answers costs a mint a quarter of a second, and a relayed call nothing`()
        async throws
    {
        let stuck = SessionCache(store: StuckStore(), time: clock.time, logger: .silent)
        let clock = clock
        let flatpeak = FlatpeakClient.scripted(upstream)
        let sessions = Sessions(
            flatpeak: flatpeak, cache: stuck,
            reads: LocationReads(flatpeak: flatpeak, cache: stuck, now: { clock.wall }),
            settings: MintRequestTests.settings, now: { clock.wall }, time: clock.time, randomBytes: countingBytes(),
            logger: .silent)
        var session: ConnectSession?
        let took = try await ContinuousClock().measure {
            session = try await sessions.mint(Array("{}".utf8), as: nil, for: alice).session
        }
        #expect(took >= .milliseconds(250) && took < .seconds(3))
        let token = try #require(session?.connectToken)
        let relayed = ContinuousClock().measure { _ = sessions.known(token) }
        #expect(relayed < .milliseconds(100))
        await #expect(throws: BFFError.storeUnavailable) {
            try await sessions.admit(try #require(ConnectToken("cot_unknown")))
        }
    }

    @Test func `a subject that was forgotten elsewhere is forgotten here`() async throws {
        let body = Array("{}".utf8), key = IdempotencyKey("k")
        let session = try await sessions.mint(body, as: key, for: alice).session
        _ = try await store.forget(alice)
        await #expect(throws: BFFError.notFound) { try await sessions.session(session.id, of: alice) }
        await #expect(throws: BFFError.connectTokenUnknown) { try await sessions.admit(session.connectToken) }
        try await relay(session, answered: "provider_select")
        await sessions.finish()
        #expect(try await store.session(session.id) == nil)
        let next = try await sessions.mint(body, as: key, for: alice).session
        #expect(next.id != session.id)
        #expect(try await sessions.mint(body, as: key, for: alice).session.id == next.id)
    }

    // MARK: - On nobody's behalf

    @Test func `a customer who closed the app before the callback is found, over a restart`() async throws {
        upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"CONNECTED"}}}"#))
        let session = try await mint()
        try await relay(session, answered: "tariff_summary")
        await sessions.finish()
        await sessions.pollDueSessions()
        #expect(upstream.requests("claim").isEmpty, "not yet")

        // Another process, with nothing but the store.
        let clock = clock
        let cache = SessionCache(
            store: store, now: { clock.wall }, time: clock.time, timeout: .seconds(60), logger: .silent)
        let flatpeak = FlatpeakClient.scripted(upstream)
        let next = Sessions(
            flatpeak: flatpeak, cache: cache,
            reads: LocationReads(flatpeak: flatpeak, cache: cache, now: { clock.wall }),
            settings: MintRequestTests.settings, now: { clock.wall }, time: clock.time, randomBytes: countingBytes(),
            logger: .silent)
        clock.advance(by: 61)
        await next.pollDueSessions()
        #expect(upstream.requests("claim").count == 1)
        #expect(try await store.session(session.id)?.outcome(at: clock.wall).state == .connected)
        #expect(try await store.owns(alice, try #require(LocationID("loc_1"))))
        clock.advance(by: 3600)
        await next.pollDueSessions()
        #expect(upstream.requests("claim").count == 1, "it has ended")
    }

    @Test func `of several nodes that look who is due, one asks about each`() async throws {
        upstream.on("claim", .json("{}", status: 422))
        for _ in 0..<40 { try await relay(try await mint(), answered: "provider_select") }
        await sessions.finish()
        let (clock, store, upstream) = (clock, store, upstream)
        clock.advance(by: 3600)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let cache = SessionCache(
                        store: store, time: clock.time, timeout: .seconds(60), logger: .silent)
                    let flatpeak = FlatpeakClient.scripted(upstream)
                    let node = Sessions(
                        flatpeak: flatpeak, cache: cache,
                        reads: LocationReads(flatpeak: flatpeak, cache: cache, now: { clock.wall }),
                        settings: MintRequestTests.settings, now: { clock.wall }, time: clock.time,
                        randomBytes: countingBytes(), logger: .silent)
                    await node.pollDueSessions()
                }
            }
        }
        #expect(upstream.requests("claim").count == 40)
    }

    @Test func `a pending connection is followed when its token is dead, and failures do not make the looks denser`()
        async throws
    {
        upstream.on("claim", .json(#"{"location_id":"loc_1"}"#))
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"NOT_CONNECTED"}}}"#))
        let session = try await mint()
        try await relay(session, answered: "tariff_connection_pending")
        #expect(try await sessions.callback(session.connectToken).state == .pending)
        clock.advance(by: 86400)
        upstream.on("claim", .json("{}", status: 404))
        upstream.on("status", .json("{}", status: 500))
        let before = (claims: upstream.requests("claim").count, looks: upstream.requests("status").count)
        await sessions.pollDueSessions()
        await sessions.finish()
        let failed = upstream.requests("status").count
        #expect(failed > before.looks)
        await sessions.pollDueSessions()
        #expect(upstream.requests("status").count == failed)
        clock.advance(by: 3600)
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"CONNECTED"}}}"#))
        await sessions.pollDueSessions()
        #expect(upstream.requests("claim").count == before.claims, "a dead token is not claimed")
        #expect(try await state(session) == .connected)
    }

    @Test func `old sessions go, keys go when they are over`() async throws {
        let session = try await mint()
        await sessions.finish()
        clock.advance(by: 91 * 86400)
        let sessions = sessions
        let work = Task { await sessions.run() }
        while try await store.session(session.id) != nil { await Task.yield() }
        work.cancel()
        await work.value
    }

    @Test func `whoever waits for a session hears of a change`() async throws {
        let session = try await mint()
        let waited = try await wait(for: session, at: cache) { try await relay(session, answered: "provider_select") }
        #expect(waited < .seconds(30))
        let took = await ContinuousClock().measure { await sessions.change(of: session.id, upTo: .milliseconds(20)) }
        #expect(took >= .milliseconds(20))
    }

    @Test func `and of a step of a session that memory has lost, once the store was asked`() async throws {
        let session = try await mint()
        let clock = clock
        let other = SessionCache(
            store: store, now: { clock.wall }, time: clock.time, timeout: .seconds(60), logger: .silent)
        let work = Task { await other.run() }
        let waited = try await wait(for: session, at: other) {
            var facts = SessionFacts()
            facts.relayed = true
            other.note(facts, of: session.connectToken)
        }
        #expect(waited < .seconds(30))
        work.cancel()
        await work.value
    }

    /// How long somebody waits who would do so for a minute, while `happen` happens.
    private func wait(
        for session: ConnectSession, at cache: SessionCache, while happen: () async throws -> Void
    ) async throws -> Duration {
        let waiter = Task { await cache.change(of: session.id, upTo: .seconds(60)) }
        while !cache.isWaiting(for: session.id) { await Task.yield() }
        let began = ContinuousClock.now
        try await happen()
        await waiter.value
        return began.duration(to: .now)
    }
}

/// A disk that hangs.
private struct StuckStore: SessionStore {
    private func hang() async throws(BFFError) -> Never {
        while true {
            guard (try? await Task.sleep(for: .seconds(3600))) != nil else { throw .storeUnavailable }
        }
    }
    func save(_ writes: [SessionWrite], at now: Date) async throws(BFFError) -> SavedSessions { try await hang() }
    func publishTimedChanges(at now: Date, limit: Int) async throws(BFFError) -> Int { try await hang() }
    func session(_ id: SessionID) async throws(BFFError) -> ConnectSession? { try await hang() }
    func session(token: ConnectToken) async throws(BFFError) -> ConnectSession? { try await hang() }
    func leaseDue(at moment: Date, limit: Int, until end: Date) async throws(BFFError) -> [ConnectSession] {
        try await hang()
    }
    func begin(
        _ mint: IdempotentMint, as key: IdempotencyKey, of subject: Subject, at now: Date
    ) async throws(BFFError) -> IdempotentMint? { try await hang() }
    func release(_ key: MintKey, of subject: Subject) async throws(BFFError) { try await hang() }
    func unbind(_ location: LocationID, from subject: Subject) async throws(BFFError) -> Bool { try await hang() }
    func locations(of subject: Subject) async throws(BFFError) -> [LocationID] { try await hang() }
    func owns(_ subject: Subject, _ location: LocationID) async throws(BFFError) -> Bool { try await hang() }
    func adopt(stateKeys: [[UInt8]]) async throws(BFFError) { try await hang() }
    func actions(at locations: [LocationID]) async throws(BFFError) -> [LocationID: LocationAction] {
        try await hang()
    }
    func clearAction(at location: LocationID, knownBefore moment: Date) async throws(BFFError) { try await hang() }
    func forget(_ subject: Subject) async throws(BFFError) -> Forgotten { try await hang() }
    func removeSessions(before moment: Date, at now: Date) async throws(BFFError) -> Int { try await hang() }
}

/// Holds callers until it is opened.
actor Gate {
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func wait() async {
        if isOpen { return }
        await withCheckedContinuation { waiting.append($0) }
    }

    func open() {
        isOpen = true
        for continuation in waiting { continuation.resume() }
        waiting = []
    }
}
