import Core
import Flatpeak
import Foundation
import Networking
import Resilience
import Synchronization
import TestSupport
import Testing

import Wire
@testable import Sessions

/// Sessions against a scripted upstream, a store in memory, and a clock of the test's own: outages of the store here, the
/// parts of ``Sessions`` in files of their own.
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
        let node = Self.node(upstream, store, clock)
        cache = node.cache
        sessions = node.sessions
    }

    /// One process of the service.
    static func node(
        _ upstream: ScriptedUpstream, _ store: InMemoryStore, _ clock: TestClock,
        timeouts: any Clock<Duration> = ContinuousClock()
    ) -> ServiceFixture {
        ServiceFixture(
            flatpeak: .scripted(upstream), store: store, settings: MintRequestTests.settings, now: { clock.wall },
            time: clock.time, clock: timeouts)
    }

    func mint(_ body: String = "{}", for subject: Subject? = nil) async throws -> ConnectSession {
        try await sessions.minter.mint(Array(body.utf8), as: nil, for: subject ?? alice).session
    }

    func relay(_ session: ConnectSession, answered route: String?, action: String? = nil, to url: String? = nil)
        async throws
    {
        let pressed = action.map { #","route":"x","action":"\#($0)""# } ?? ""
        let bytes = Array(#"{"connect_token":"\#(session.connectToken.exposed)"\#(pressed)}"#.utf8)
        let step = RelayedStep(envelope: try Envelope(bytes.span), answeredRoute: route, redirectURL: url)
        sessions.relay.record(step, in: .init(caller: CallerKey(session.subject), handle: nil))
        clock.advance(by: 1)
    }

    func state(_ session: ConnectSession) async throws -> SessionState {
        try await sessions.outcomes.session(session.id, of: alice).outcome(at: clock.wall).state
    }

    /// Measures the wait of a listener with a timeout of a minute, while `happen` happens.
    func wait(
        for session: ConnectSession, at cache: SessionCache, while happen: () async throws -> Void
    ) async throws -> Duration {
        let waiter = Task { await cache.waitForChange(of: session.id, timeout: .seconds(60)) }
        try await until { cache.isWaiting(for: session.id) }
        let began = ContinuousClock.now
        try await happen()
        await waiter.value
        return began.duration(to: .now)
    }

    // MARK: - Outages of the store

    @Test func `mints, relays, reads and resolves during an outage of the store, and persists afterwards (R23)`()
        async throws
    {
        upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"CONNECTED"}}}"#))
        store.isAway = true
        let session = try await mint()
        guard case .admit = sessions.relay.cachedDecision(on: session.connectToken) else {
            Issue.record("not admitted")
            return
        }
        try await relay(session, answered: "tariff_summary")
        #expect(try await sessions.outcomes.handleCallback(session.connectToken).state == .connected)
        #expect(try await state(session) == .connected)
        try await sessions.locations.require(try #require(LocationID("loc_1")), ownedBy: alice)
        #expect(cache.status == (pendingWrites: 1, isHealthy: false))

        // A token that is not cached is not "unknown" while the store is unavailable.
        await #expect(throws: BFFError.storeUnavailable) {
            try await sessions.relay.admit(try #require(ConnectToken("cot_unknown")))
        }
        await #expect(throws: BFFError.storeUnavailable) {
            try await sessions.outcomes.session(
                SessionID(prefix: "cs", random: Array(repeating: 9, count: 12)), of: alice)
        }
        await #expect(throws: BFFError.storeUnavailable) { try await mint(#"{"location_id":"loc_2"}"#) }

        store.isAway = false
        await sessions.finish()
        #expect(cache.status == (pendingWrites: 0, isHealthy: true))
        #expect(try await store.session(session.id)?.outcome(at: clock.wall).state == .connected)
        #expect(try await store.owns(alice, try #require(LocationID("loc_1"))))
    }

    @Test func `one key is one mint during an outage of the store, and its answer is persisted afterwards (R23)`()
        async throws
    {
        store.isAway = true
        let body = Array("{}".utf8), key = try #require(IdempotencyKey("k"))
        let first = try await sessions.minter.mint(body, as: key, for: alice)
        #expect(try await sessions.minter.mint(body, as: key, for: alice).session.id == first.session.id)
        #expect(upstream.requests("mint").count == 1)
        store.isAway = false
        await sessions.finish()
        let other = IdempotentMint(body: [], startedAt: clock.wall)
        #expect(try await store.begin(other, as: key, of: alice, at: clock.wall)?.answer?.session == first.session.id)
    }

    @Test func `a session that the store refuses stays in memory and delays no other one (I12)`() async throws {
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

    @Test func `a store that hangs delays a mint by 250 ms, and a relayed call not at all`() async throws {
        let timeouts = ImmediateClock()
        let stuck = SessionCache(store: StuckStore(), time: clock.time, clock: timeouts, logger: .silent)
        let clock = clock
        let flatpeak = FlatpeakClient.scripted(upstream)
        let sessions = Sessions(
            flatpeak: flatpeak, cache: stuck,
            reads: LocationReads(flatpeak: flatpeak, cache: stuck, now: { clock.wall }),
            settings: MintRequestTests.settings, now: { clock.wall }, time: clock.time, clock: timeouts,
            randomBytes: countingBytes(), logger: .silent)
        let session = try await sessions.minter.mint(Array("{}".utf8), as: nil, for: alice).session
        #expect(timeouts.sleeps == [.milliseconds(250)])
        guard case .admit = sessions.relay.cachedDecision(on: session.connectToken) else {
            Issue.record("not admitted")
            return
        }
        #expect(timeouts.sleeps == [.milliseconds(250)])
        await #expect(throws: BFFError.storeUnavailable) {
            try await sessions.relay.admit(try #require(ConnectToken("cot_unknown")))
        }
        #expect(timeouts.sleeps == [.milliseconds(250), .milliseconds(250)])
    }

    @Test func `a subject that another process removed is removed from the cache`() async throws {
        let body = Array("{}".utf8), key = IdempotencyKey("k")
        let session = try await sessions.minter.mint(body, as: key, for: alice).session
        _ = try await store.forget(alice)
        await #expect(throws: BFFError.notFound) { try await sessions.outcomes.session(session.id, of: alice) }
        await #expect(throws: BFFError.connectTokenUnknown) { try await sessions.relay.admit(session.connectToken) }
        try await relay(session, answered: "provider_select")
        await sessions.finish()
        #expect(try await store.session(session.id) == nil)
        let next = try await sessions.minter.mint(body, as: key, for: alice).session
        #expect(next.id != session.id)
        #expect(try await sessions.minter.mint(body, as: key, for: alice).session.id == next.id)
    }

    @Test func `removes old sessions`() async throws {
        let session = try await mint()
        await sessions.finish()
        clock.advance(by: 91 * 86400)
        let sessions = sessions
        let work = Task { await sessions.run() }
        try await until { try await store.session(session.id) == nil }
        work.cancel()
        await work.value
    }
}

/// A disk that hangs.
private struct StuckStore: SessionStore, SessionHolderStore, ConfirmationStore, IdempotencyKeyStore, LocationStore,
    DeviceStore, BatchStore, WriteLedger
{
    private func hang() async throws(BFFError) -> Never {
        while true {
            guard (try? await Task.sleep(for: .seconds(3600))) != nil else { throw .storeUnavailable }
        }
    }
    func save(_ writes: [SessionWrite], at now: Date) async throws(BFFError) -> SavedSessions { try await hang() }
    func publishTimedChanges(at now: Date, limit: Int) async throws(BFFError) -> Int { try await hang() }
    func session(_ id: SessionID) async throws(BFFError) -> ConnectSession? { try await hang() }
    func session(token: ConnectToken) async throws(BFFError) -> ConnectSession? { try await hang() }
    func held(_ id: SessionID) async throws(BFFError) -> HeldSession? { try await hang() }
    func setHolder(
        _ holder: SessionHolder, of id: SessionID, replacing expected: SessionHolder?
    ) async throws(BFFError) -> Bool { try await hang() }
    func take(
        _ step: ConfirmationStep, of id: SessionID, at now: Date
    ) async throws(BFFError) -> ConfirmationChange? { try await hang() }
    func leaseDue(at instant: Date, limit: Int, until end: Date) async throws(BFFError) -> [ConnectSession] {
        try await hang()
    }
    func begin(
        _ mint: IdempotentMint, as key: IdempotencyKey, of subject: Subject, at now: Date
    ) async throws(BFFError) -> IdempotentMint? { try await hang() }
    func release(_ key: MintKey, of subject: Subject) async throws(BFFError) { try await hang() }
    func add(_ device: StoredDevice) async throws(BFFError) -> Bool { try await hang() }
    func devices(at location: LocationID, of subject: Subject) async throws(BFFError) -> [StoredDevice] {
        try await hang()
    }
    func removeDevice(
        _ id: DeviceID, at location: LocationID, of subject: Subject
    ) async throws(BFFError) -> Bool { try await hang() }
    func keep(_ batch: StoredBatch) async throws(BFFError) -> Bool { try await hang() }
    func batch(
        _ id: BatchID, at location: LocationID, of subject: Subject
    ) async throws(BFFError) -> StoredBatch? { try await hang() }
    func hasUnprocessedBatch(at location: LocationID, after instant: Date) async throws(BFFError) -> Bool {
        try await hang()
    }
    func begin(
        _ entry: LedgerEntry, as key: IdempotencyKey, of subject: Subject, at now: Date
    ) async throws(BFFError) -> LedgerEntry? { try await hang() }
    func end(
        _ key: IdempotencyKey, of subject: Subject, heldBy owner: String, as outcome: LedgerEntry.Outcome
    ) async throws(BFFError) { try await hang() }
    func removeEntry(
        _ key: IdempotencyKey, of subject: Subject, heldBy owner: String
    ) async throws(BFFError) { try await hang() }
    func unbind(_ location: LocationID, from subject: Subject) async throws(BFFError) -> Bool { try await hang() }
    func ownedLocations(of subject: Subject) async throws(BFFError) -> [OwnedLocation] { try await hang() }
    func ownedLocation(_ location: LocationID, of subject: Subject) async throws(BFFError) -> OwnedLocation? {
        try await hang()
    }
    func owners(of location: LocationID, limit: Int) async throws(BFFError) -> [Subject] { try await hang() }
    func state(of location: LocationID) async throws(BFFError) -> LocationState { try await hang() }
    func actions(at locations: [LocationID]) async throws(BFFError) -> [LocationID: LocationAction] {
        try await hang()
    }
    func clearAction(at location: LocationID, knownBefore instant: Date) async throws(BFFError) { try await hang() }
    func removeSessions(before instant: Date, at now: Date) async throws(BFFError) -> Int { try await hang() }
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
