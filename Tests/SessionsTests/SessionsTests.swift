import Core
import Flatpeak
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import Sessions

/// The driver against a scripted upstream and a clock of the test's own.
@Suite struct SessionsTests {
    let upstream = ScriptedUpstream()
    let clock = TestClock()
    let store = InMemoryStore()
    let sessions: Sessions
    let alice: Subject
    let bob: Subject

    init() throws {
        alice = try #require(Subject("alice"))
        bob = try #require(Subject("bob"))
        upstream.on("mint", .json(#"{"connect_token":"cot_a","expires_in":86400,"live_mode":false}"#))
        let clock = clock
        let flatpeak = FlatpeakClient.scripted(upstream)
        let ledger = SessionLedger(store: store, time: clock.time, logger: .silent)
        sessions = Sessions(
            flatpeak: flatpeak, ledger: ledger,
            reads: LocationReads(flatpeak: flatpeak, ledger: ledger, now: { clock.wall }),
            settings: MintRequestTests.settings, now: { clock.wall }, time: clock.time, randomBytes: countingBytes(),
            logger: .silent)
    }

    private func mint(_ body: String = "{}", for subject: Subject? = nil) async throws -> ConnectSession {
        try await sessions.mint(Array(body.utf8), as: nil, for: subject ?? alice).session
    }

    private func relay(_ session: ConnectSession, answered route: String?, action: String? = nil, to url: String? = nil)
        async throws
    {
        let body =
            action.map { #"{"connect_token":"cot_a","route":"x","action":"\#($0)"}"# } ?? #"{"connect_token":"cot_a"}"#
        let bytes = Array(body.utf8)
        let step = RelayedStep(envelope: try Envelope(bytes.span), answeredRoute: route, redirectURL: url)
        sessions.note(step, in: session.id)
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

    @Test func `a callback that cannot learn the end says pending, and a later read finds it`() async throws {
        let down = UpstreamAnswer.json("{}", status: 500)
        upstream.on("claim", down, down, down, .json(#"{"location_id":"loc_1","price_available":true}"#))
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"CONNECTED"}}}"#))
        let session = try await mint()
        try await relay(session, answered: "tariff_summary")
        #expect(try await sessions.callback(session.connectToken).state == .pending)
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
        let tokens = (1...4).map { UpstreamAnswer.json(#"{"connect_token":"cot_\#($0)","expires_in":60}"#) }
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
