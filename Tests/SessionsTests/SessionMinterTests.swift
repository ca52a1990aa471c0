import Core
import Flatpeak
import Foundation
import Networking
import Resilience
import TestSupport
import Testing
import Wire

@testable import Sessions

/// Minting, and idempotency keys.
extension SessionsTests {
    @Test func `a mint for another subject's location is rejected without a call to Flatpeak`() async throws {
        await #expect(throws: BFFError.notFound) { try await mint(#"{"location_id":"loc_1"}"#) }
        #expect(upstream.requests().isEmpty)
    }

    @Test func `a mint for a tariff needs a location of the subject's own that has it (S12)`() async throws {
        let location = try #require(LocationID("loc_1")), body = #"{"location_id":"loc_1","tariff_id":"trf_2"}"#
        await #expect(throws: BFFError.notFound) { try await mint(body) }
        #expect(upstream.requests().isEmpty)
        store.bind(location, to: alice)
        upstream.on("mint", .json(#"{"connect_token":"cot_1","expires_in":60}"#))
        upstream.on("tariffs", .json(#"{"data":[{"id":"trf_1"},{"id":"trf_22"}],"has_more":false}"#))
        await #expect(throws: BFFError.notFound) { try await mint(body) }
        #expect(upstream.requests("mint").isEmpty)
        // It is on the second page.
        upstream.on(
            "tariffs", .json(#"{"data":[{"id":"trf_1"}],"has_more":true}"#),
            .json(#"{"data":[{"id":"trf_2"}],"has_more":false}"#))
        _ = try await mint(body)
        #expect(upstream.requests("tariffs").last?.url.contains("starting_after=trf_1") == true)
        #expect(upstream.requests("mint").first?.text.contains(#""tariff_id":"trf_2""#) == true)
    }

    @Test func `a session about one tariff is of that tariff's slot, whatever its mint leaves out`() async throws {
        store.bind(try #require(LocationID("loc_1")), to: alice)
        upstream.on(
            "tariffs",
            .json(
                #"{"data":[{"id":"trf_1","direction":"EXPORT","type":"COMMODITY"},"#
                    + #"{"id":"trf_2","tariff_direction":"IMPORT","tariff_type":"NON_COMMODITY"},"#
                    + #"{"id":"trf_3","direction":"IMPORT","type":"COMMODITY"}]}"#))
        let slots: [(String, TariffSlot)] = [
            ("trf_1", .init(direction: .exporting, type: .commodity)),
            ("trf_2", .init(direction: .importing, type: .nonCommodity)),
            ("trf_3", .init(direction: .importing, type: .commodity)),
        ]
        for (tariff, slot) in slots {
            let session = try await mint(#"{"location_id":"loc_1","tariff_id":"\#(tariff)"}"#)
            #expect(session.slot == slot, "\(tariff)")
            let text = try #require(upstream.requests("mint").last?.text)
            #expect(text.contains(#""tariff_direction":"\#(slot.direction.rawValue)""#), "\(text)")
            #expect(text.contains(#""tariff_type":"\#(slot.type.rawValue)""#), "\(text)")
        }
        let minted = upstream.requests("mint").count
        for (name, value) in [("direction", "IMPORT"), ("type", "NON_COMMODITY")] {
            await #expect(throws: BFFError.invalidField(BFFError.FieldName(name), reason: .excluded)) {
                try await mint(#"{"location_id":"loc_1","tariff_id":"trf_1","\#(name)":"\#(value)"}"#)
            }
        }
        #expect(upstream.requests("mint").count == minted)
        _ = try await mint(#"{"location_id":"loc_1","tariff_id":"trf_1","direction":"EXPORT","type":"COMMODITY"}"#)
    }

    // MARK: - Held locations

    /// A node whose sessions of the hosted page need a confirmation.
    private func confirming() -> ServiceFixture {
        ServiceFixture(
            flatpeak: .scripted(upstream), store: store, settings: .test(confirmation: .required),
            now: { [clock] in clock.wall }, time: clock.time)
    }

    private static func step(_ session: ConnectSession, _ route: String, answered: String) throws -> RelayedStep {
        let bytes = Array(#"{"connect_token":"\#(session.connectToken.exposed)","route":"\#(route)","data":{}}"#.utf8)
        return RelayedStep(envelope: try Envelope(bytes.span), answeredRoute: answered, redirectURL: nil)
    }

    @Test func `a change that is not written yet holds its location, and another subject learns nothing of it (S52)`()
        async throws
    {
        let location = try #require(LocationID("loc_1")), node = confirming()
        store.bind(location, to: alice)
        let body = Array(#"{"app":"page","location_id":"loc_1","action":"edit"}"#.utf8)
        let session = try await node.sessions.minter.mint(body, as: nil, for: alice).session
        #expect(try await node.cache.mayRead(location, for: alice))
        let step = try Self.step(session, "rate_fixed_capture", answered: "tariff_summary")
        // Nothing flushes here.
        node.sessions.relay.record(step, in: .init(caller: CallerKey(alice), handle: nil))
        #expect(node.cache.status.pendingWrites == 1)
        await #expect(throws: BFFError.confirmationRequired) { try await node.cache.mayRead(location, for: alice) }
        await #expect(throws: BFFError.confirmationRequired) { try await node.cache.owns(alice, location) }
        #expect(try await node.cache.owns(alice, location, isHeldAllowed: true))
        #expect(try await !node.cache.mayRead(location, for: bob))
        #expect(await node.cache.isPersisted(session.id))
        await #expect(throws: BFFError.confirmationRequired) { try await node.cache.mayRead(location, for: alice) }
        // The store has it, and another node has ended it meanwhile.
        var confirmed = try #require(try await store.session(session.id))
        confirmed.facts.confirmedAt = clock.wall
        _ = try await store.save([SessionWrite(confirmed, isNew: false)], at: clock.wall)
        #expect(try await node.cache.mayRead(location, for: alice))
    }

    @Test func `a mint about one tariff of a held location is refused, as every read is (S52)`() async throws {
        let location = try #require(LocationID("loc_1")), node = confirming()
        store.bind(location, to: alice)
        var facts = SessionFacts()
        (facts.answeredAt, facts.settledAt) = (clock.wall, clock.wall)
        let held = try ConfirmationTests.session(location: "loc_1", action: .edit, facts)
        _ = try await store.save([SessionWrite(held, isNew: true)], at: clock.wall)
        upstream.on("tariffs", .json(#"{"data":[{"id":"trf_1","direction":"IMPORT","type":"COMMODITY"}]}"#))
        for action in TariffAction.allCases {
            for tariff in ["trf_1", "trf_2"] {
                let body = #"{"app":"page","location_id":"loc_1","tariff_id":"\#(tariff)","action":"\#(action)"}"#
                await #expect(throws: BFFError.confirmationRequired, "\(body)") {
                    try await node.sessions.minter.mint(Array(body.utf8), as: nil, for: alice)
                }
            }
        }
        #expect(upstream.requests("tariffs").isEmpty)
        let body = Array(#"{"app":"page","location_id":"loc_1","action":"edit"}"#.utf8)
        _ = try await node.sessions.minter.mint(body, as: nil, for: alice)
    }

    @Test func `a mint about a tariff whose slot Flatpeak does not name is refused where sessions are confirmed`()
        async throws
    {
        store.bind(try #require(LocationID("loc_1")), to: alice)
        let node = confirming()
        for item in [
            #"{"id":"trf_1"}"#, #"{"id":"trf_1","direction":"IMPORT"}"#, #"{"id":"trf_1","direction":"UP","type":7}"#,
        ] {
            upstream.on("tariffs", .json(#"{"data":[\#(item)]}"#))
            for app in ["page", "web"] {
                let body = #"{"app":"\#(app)","location_id":"loc_1","tariff_id":"trf_1","action":"edit"}"#
                await #expect(throws: BFFError.invalidField("tariff_id", reason: .noSlot), "\(item)") {
                    try await node.sessions.minter.mint(Array(body.utf8), as: nil, for: alice)
                }
            }
            _ = try await mint(#"{"location_id":"loc_1","tariff_id":"trf_1","action":"edit"}"#)
        }
        #expect(upstream.requests("mint").count == 3)
    }

    @Test func `a list of tariffs without an end is no answer`() async throws {
        store.bind(try #require(LocationID("loc_1")), to: alice)
        upstream.on("tariffs", .json(#"{"data":[{"id":"trf_1"}],"has_more":true}"#))
        await #expect(throws: BFFError.upstreamInvalidAnswer) {
            try await mint(#"{"location_id":"loc_1","tariff_id":"trf_2"}"#)
        }
        #expect(upstream.requests("tariffs").count == 20)
        #expect(upstream.requests("mint").isEmpty)
    }

    @Test func `one key and body is one mint and one answer, separate for another body and another user (S16)`()
        async throws
    {
        let tokens = (1...4).map { HTTPAnswer.json(#"{"connect_token":"cot_\#($0)","expires_in":60}"#) }
        upstream.on("mint", tokens[0], tokens[1], tokens[2], tokens[3])
        let mint = { (key: String, body: String, subject: Subject) in
            try await sessions.minter.mint(Array(body.utf8), as: IdempotencyKey(key), for: subject)
        }
        let first = try await mint("k", "{}", alice)
        let again = try await mint("\"k\"", "{}", alice)
        #expect(again.session.id == first.session.id)
        #expect(again.launchURL == first.launchURL)
        await #expect(throws: BFFError.idempotencyKeyReused) { try await mint("k", #"{"app":"ios"}"#, alice) }
        #expect(try await mint("k", "{}", bob).session.connectToken != first.session.connectToken)
        #expect(try await mint("other", "{}", alice).session.id != first.session.id)
        #expect(upstream.requests("mint").count == 3)
        clock.advance(by: 60)
        #expect(try await mint("k", "{}", alice).session.id != first.session.id)
    }

    @Test func `rejects a key whose mint is in progress, and frees the key of a mint that failed (S16)`() async throws {
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
        let first = Task { try await sessions.minter.mint(Array("{}".utf8), as: key, for: alice) }
        try await until { !upstream.requests("mint").isEmpty }
        await #expect(throws: BFFError.idempotencyInProgress) {
            try await sessions.minter.mint(Array("{}".utf8), as: key, for: alice)
        }
        await gate.open()
        await #expect(throws: BFFError.upstreamFailed(status: 500)) { try await first.value }
        #expect(
            try await sessions.minter.mint(Array("{}".utf8), as: key, for: alice).session.connectToken
                == ConnectToken("cot_1")
        )
    }

    @Test(arguments: ["", "a b", "\"", "a\"b", "\u{e9}", String(repeating: "k", count: 129)])
    func `rejects a malformed idempotency key`(text: String) {
        #expect(IdempotencyKey(text) == nil)
    }
}
