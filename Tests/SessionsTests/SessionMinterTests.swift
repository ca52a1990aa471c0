import Core
import Flatpeak
import Foundation
import Networking
import TestSupport
import Testing

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

    @Test func `a session about a tariff of no known slot ends no other hold, and its own hold ends with it alone`()
        async throws
    {
        store.bind(try #require(LocationID("loc_1")), to: alice)
        for item in [
            #"{"id":"trf_1"}"#, #"{"id":"trf_1","direction":"IMPORT"}"#, #"{"id":"trf_1","direction":"UP","type":7}"#,
        ] {
            upstream.on("tariffs", .json(#"{"data":[\#(item)]}"#))
            let minted = try await mint(#"{"location_id":"loc_1","tariff_id":"trf_1","action":"edit"}"#)
            var facts = minted.facts
            (facts.answeredAt, facts.settledAt, facts.replacedAt) = (clock.wall, clock.wall, clock.wall)
            let session = try ConfirmationTests.session(location: "loc_1", action: .edit, facts)
            #expect(session.replacedAt == nil, "\(item)")
            #expect(session.changedAt == .distantFuture, "\(item)")
        }
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
