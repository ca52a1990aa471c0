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

/// Sessions of `2026-08-01.busbar`, whose location is made before them (upstream.md §9).
@Suite struct LocationPreparationTests {
    let upstream = ScriptedUpstream()
    let clock = TestClock()
    let store = InMemoryStore()
    let alice = Subject("alice")!
    let location = LocationID("loc_1")!
    let sessions: Sessions

    init() {
        upstream.on("location_create", .json(#"{"id":"loc_1"}"#, status: 201))
        upstream.on("mint", .json(#"{"id":"cot_1","time_expiry":"2023-11-15T22:13:20Z","live_mode":false}"#))
        sessions = Self.node(upstream, store, clock)
    }

    private static func node(_ upstream: ScriptedUpstream, _ store: InMemoryStore, _ clock: TestClock) -> Sessions {
        ServiceFixture(
            flatpeak: .scripted(upstream, version: .busbar, clock: clock), store: store,
            settings: MintRequestTests.settings, now: { clock.wall }, time: clock.time
        ).sessions
    }

    private func mint(_ body: String = "{}") async throws -> ConnectSession {
        try await sessions.minter.mint(Array(body.utf8), as: nil, for: alice).session
    }

    /// What the ledger has under a reference; enters another write where it has nothing.
    private func entry(_ reference: String) async throws -> LedgerEntry? {
        let entry = LedgerEntry(
            route: "GET /", location: location, body: [], owner: "test", startedAt: clock.wall)
        return try await store.begin(
            entry, as: try #require(IdempotencyKey(reference)), of: alice, at: clock.wall)
    }

    private static func reference(_ request: UpstreamRequest) throws -> String {
        let body = try JSONSerialization.jsonObject(with: Data(request.body ?? [])) as? [String: Any]
        return try #require(body?["reference_id"] as? String)
    }

    // MARK: - The mint

    @Test func `the location is made before the session, under the session's id, and is nobody's`() async throws {
        let session = try await mint(#"{"postal_address":{"city":"London"}}"#)
        #expect(upstream.requests().map(\.operation.name) == ["login", "location_create", "mint"])
        let creation = try #require(upstream.requests("location_create").first)
        #expect(try Self.reference(creation) == session.id.text)
        #expect(creation.text.contains(#""postal_address":{"city":"London"}"#))
        #expect(upstream.requests("mint").first?.text.contains(#""location_id":"loc_1""#) == true)
        #expect(session.mintedLocation == nil)
        #expect(session.facts.preparedLocation == location)
        #expect(try await store.session(session.id)?.facts.preparedLocation == location)
        #expect(try await store.locations(of: alice).isEmpty)
        await #expect(throws: BFFError.notFound) { try await sessions.locations.require(location, ownedBy: alice) }
        // The session itself has the reference by now.
        #expect(try await entry(session.id.text) == nil)
    }

    @Test func `a location that was there before needs no other one`() async throws {
        store.bind(location, to: alice)
        let session = try await mint(#"{"location_id":"loc_1"}"#)
        #expect(upstream.requests("location_create").isEmpty)
        #expect(session.mintedLocation == location)
        #expect(session.facts.preparedLocation == nil)
    }

    @Test func `the reference is stored before the call, and without a store there is no call`() async throws {
        let store = store, alice = alice, location = location, now = clock.wall
        let seen = Mutex<[LedgerEntry.Outcome]>([])
        upstream.on(
            "location_create",
            [
                { request in
                    let entry = LedgerEntry(route: "", location: location, body: [], owner: "test", startedAt: now)
                    let taken: LedgerEntry? =
                        if let reference = try? Self.reference(request), let key = IdempotencyKey(reference) {
                            try? await store.begin(entry, as: key, of: alice, at: now)
                        } else { nil }
                    if let taken { seen.withLock { $0.append(taken.outcome) } }
                    return .success(.json(#"{"id":"loc_1"}"#, status: 201))
                }
            ])
        _ = try await mint()
        #expect(seen.withLock { $0 } == [.begun])
        store.isAway = true
        await #expect(throws: BFFError.storeUnavailable) { try await mint() }
        #expect(upstream.requests("location_create").count == 1)
    }

    @Test func `a refusal leaves nothing, and no session is minted`() async throws {
        upstream.on("location_create", .json("{}", status: 422))
        await #expect(throws: BFFError.postalAddressRequired) { try await mint() }
        #expect(upstream.requests("mint").isEmpty)
        let reference = try Self.reference(try #require(upstream.requests("location_create").first))
        #expect(try await entry(reference) == nil)
    }

    @Test func `what a session cannot be asked for makes no location`() async throws {
        await #expect(throws: BFFError.invalidField("postal_address_type", reason: .notListed)) {
            try await mint(#"{"postal_address_type":"RESIDENTIAL"}"#)
        }
        #expect(upstream.requests().isEmpty)
    }

    @Test func `a location of two lost answers is nobody's, and its reference is never used again`() async throws {
        upstream.on("location_create", [{ _ in .failure(.broken) }])
        await #expect(throws: BFFError.upstreamUnreachable) { try await mint() }
        #expect(upstream.requests("location_create").count == 2)
        #expect(upstream.requests("mint").isEmpty)
        let lost = try Self.reference(try #require(upstream.requests("location_create").first))
        #expect(try await entry(lost)?.outcome == .unknown)
        #expect(try await store.locations(of: alice).isEmpty)
        upstream.on("location_create", .json(#"{"id":"loc_2"}"#, status: 201))
        #expect(try await mint().id.text != lost)
    }

    @Test func `a process that ends between the store and the call leaves a reference, and the next one mints`()
        async throws
    {
        let gate = Gate()
        upstream.on(
            "location_create",
            [
                { _ in
                    await gate.wait()
                    return .failure(.broken)
                }, { _ in .success(.json(#"{"id":"loc_2"}"#, status: 201)) },
            ])
        let sessions = sessions, alice = alice
        let first = Task { try await sessions.minter.mint(Array("{}".utf8), as: nil, for: alice) }
        try await until { !upstream.requests("location_create").isEmpty }
        let lost = try Self.reference(try #require(upstream.requests("location_create").first))
        // Another process: its random ids begin elsewhere.
        let other = ServiceFixture(
            flatpeak: .scripted(upstream, version: .busbar, clock: clock), store: store,
            settings: MintRequestTests.settings, now: { [clock] in clock.wall }, time: clock.time
        ).sessions
        _ = try? await other.minter.mint(Array("{}".utf8), as: IdempotencyKey("k"), for: alice)
        let session = try await other.minter.mint(Array("{}".utf8), as: nil, for: alice).session
        #expect(session.id.text != lost)
        #expect(session.facts.preparedLocation?.text == "loc_2")
        #expect(try await entry(lost)?.outcome == .begun)
        #expect(try await store.locations(of: alice).isEmpty)
        await gate.open()
        _ = try? await first.value
    }

    // MARK: - The outcome

    private func step(_ session: ConnectSession, _ route: String, answered: String) async throws {
        let bytes = Array(#"{"connect_token":"\#(session.connectToken.exposed)","route":"\#(route)","data":{}}"#.utf8)
        let step = RelayedStep(envelope: try Envelope(bytes.span), answeredRoute: answered, redirectURL: nil)
        sessions.relay.record(step, in: .init(caller: CallerKey(session.subject), handle: nil))
        clock.advance(by: 1)
    }

    private static func elements(_ status: String) -> String {
        #"{"tariff_elements":[{"status":"\#(status)","tariff_id":"trf_1","type":"COMMODITY","direction":"IMPORT"}]}"#
    }

    @Test(
        "a location that was made for a session is its user's once Flatpeak shows a result there, and not before",
        arguments: [
            (#"{"tariff_elements":[]}"#, "plan_structure", SessionState.abandoned, false),
            (#"{"tariff_elements":[]}"#, "tariffs_dashboard", .abandoned, false),
            (elements("ERROR_REPORTED"), "tariffs_summary", .abandoned, false),
            (elements("PAUSED"), "tariffs_summary", .abandoned, false),
            (elements("CONNECTED"), "tariffs_summary", .connected, true),
            (elements("CONNECTED"), "tariffs_dashboard", .connected, true),
            (elements("ERROR"), "connection_failed", .failed, true),
            (#"{"tariff_elements":[]}"#, "tariff_connection_pending", .pending, true),
        ])
    func outcome(status: String, page: String, expected: SessionState, isOwned: Bool) async throws {
        upstream.on("claim", .json(#"{"id":"cot_1","location_id":"loc_1","data_available":false}"#))
        upstream.on("status", .json(status))
        let session = try await mint()
        try await step(session, "provider_select", answered: page)
        #expect(try await sessions.outcomes.handleCallback(session.connectToken).state == expected)
        await sessions.finish()
        #expect(try await store.locations(of: alice) == (isOwned ? [location] : []))
    }

    @Test func `data that is available is a result, and so is a tariff at the location of a token that is gone`()
        async throws
    {
        upstream.on("status", .json(Self.elements("CONNECTED")))
        upstream.on(
            "mint", .json(#"{"id":"cot_1","expires_in":60}"#), .json(#"{"id":"cot_2","expires_in":60}"#))
        for answer in [
            HTTPAnswer.json(#"{"id":"cot_1","location_id":"loc_1","data_available":true}"#), .json("{}", status: 404),
        ] {
            upstream.on("claim", answer)
            let session = try await mint()
            try await step(session, "provider_select", answered: "tariffs_summary")
            #expect(try await sessions.outcomes.handleCallback(session.connectToken).state == .connected)
        }
    }

    @Test func `a tariff that was connected before is no result of a session that changed nothing`() async throws {
        store.bind(location, to: alice)
        upstream.on("claim", .json(#"{"id":"cot_1","location_id":"loc_1","data_available":false}"#))
        upstream.on("status", .json(Self.elements("CONNECTED")))
        let session = try await mint(#"{"location_id":"loc_1"}"#)
        try await step(session, "session_restore", answered: "tariffs_summary")
        #expect(try await sessions.outcomes.handleCallback(session.connectToken).state == .abandoned)
        try await step(session, "rate_fixed_capture", answered: "tariffs_summary")
        #expect(try await sessions.outcomes.handleCallback(session.connectToken).state == .connected)
    }

    // MARK: - Pages

    @Test("a step that asks for the current page answers none", arguments: FlatpeakVersion.allCases)
    func resumed(version: FlatpeakVersion) throws {
        let starts = [("session_start", ""), ("session_restore", ""), ("session_start", #""action":"TARIFF","#)]
        for (route, action) in starts {
            let bytes = Array(#"{\#(action)"connect_token":"cot_1","route":"\#(route)"}"#.utf8)
            let step = RelayedStep(
                envelope: try Envelope(bytes.span), answeredRoute: "tariff_summary", redirectURL: nil)
            let facts = step.facts(callbackURL: "https://a", pages: version.pages, sentAt: clock.wall, at: clock.wall)
            #expect(facts.answeredAt == nil)
            #expect(facts.replacedAt == nil)
            #expect(facts.stayedAt != nil)
        }
    }

    @Test("an unknown page decides nothing", arguments: FlatpeakVersion.allCases)
    func unknownPage(version: FlatpeakVersion) throws {
        let bytes = Array(#"{"connect_token":"cot_1","route":"a","data":{}}"#.utf8)
        for page in ["tariff_summary_2", "connection_pending", "complete", "session_ended", "vpp_landing", ""] {
            let step = RelayedStep(envelope: try Envelope(bytes.span), answeredRoute: page, redirectURL: nil)
            let facts = step.facts(callbackURL: "https://a", pages: version.pages, sentAt: clock.wall, at: clock.wall)
            #expect(!facts.pendingShown)
            #expect(facts.leftAt == nil)
            #expect(facts.settledAt == nil)
            #expect(facts.replacedAt == nil)
            #expect(facts.stayedAt != nil)
        }
    }
}
