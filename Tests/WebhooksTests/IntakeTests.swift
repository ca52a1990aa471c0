import Core
import Flatpeak
import Foundation
import Sessions
import TestSupport
import Testing

@testable import Webhooks

/// Which deliveries are acknowledged, and what is kept of them.
@Suite struct IntakeTests {
    // MARK: - Keys

    @Test("whatever key ids come, the keys are asked for once in thirty seconds; then it is 401 (S38)")
    func S38() async throws {
        let fixture = try WebhookFixture()
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1")) == nil)
        #expect(fixture.keyServer.reads == 1)
        for number in 0..<500 {
            let good = try FlatpeakKey.first.delivery(WebhookFixture.event("evt_1"), at: fixture.clock.wall)
            let forged = SignedDelivery(
                signatures: good.signatures, timestamps: good.timestamps, keyIDs: ["wsk_test_none_\(number)"],
                body: good.body)
            #expect(await fixture.take(forged) == .signatureInvalid)
        }
        #expect(fixture.keyServer.reads == 1)
        fixture.clock.advance(by: 30)
        await withTaskGroup { group in
            for _ in 0..<50 {
                group.addTask {
                    _ = try? await fixture.deliver(WebhookFixture.event("evt_1"), by: .second)
                }
            }
        }
        #expect(fixture.keyServer.reads == 2)
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1")) == nil)
        #expect(fixture.webhooks.status.refused == 550)
        #expect(fixture.webhooks.status.lastRefusal == "unknown_key")
    }

    @Test("without any key it is 503, so that the delivery comes again; the last good ones last for a day (S38)")
    func S38down() async throws {
        let fixture = try WebhookFixture(keys: nil)
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1")) == .deliveryUncheckable)
        #expect(fixture.webhooks.status.refused == 0)
        fixture.keyServer.keys = [.first]
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1")) == .deliveryUncheckable, "asked a moment ago")
        fixture.clock.advance(by: 30)
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1")) == nil)
        fixture.keyServer.keys = nil
        fixture.clock.advance(by: 86400)
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1")) == nil)
        fixture.clock.advance(by: 1)
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1")) == .deliveryUncheckable)
    }

    @Test("a delivery that no key could save is refused even then (S38)")
    func S38unsigned() async throws {
        let fixture = try WebhookFixture(keys: nil)
        let unsigned = SignedDelivery(signatures: ["none"], timestamps: [], keyIDs: [], body: [])
        #expect(await fixture.take(unsigned) == .signatureInvalid)
        #expect(fixture.keyServer.reads == 0)
    }

    @Test("a key for test data never verifies a live event, and none where live ones are expected (S38)")
    func S38mode() async throws {
        let live = #"{"id":"loc_1","live_mode":true}"#, test = #"{"id":"loc_1","live_mode":false}"#
        let fixture = try WebhookFixture(keys: [.first, .live])
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1", "location.update", live)) == .signatureInvalid)
        let onTop = #"{"id":"evt_1","type":"location.update","live_mode":true,"data":{"id":"loc_1"}}"#
        #expect(try await fixture.deliver(onTop) == .signatureInvalid)
        #expect(fixture.webhooks.status.lastRefusal == "wrong_mode")
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1", "location.update", test)) == nil)
        #expect(try await fixture.deliver(WebhookFixture.event("evt_2", "location.update", live), by: .live) == nil)

        let strict = try WebhookFixture(keys: [.first, .live], mode: .live)
        #expect(try await strict.deliver(WebhookFixture.event("evt_1")) == .signatureInvalid)
        #expect(try await strict.deliver(WebhookFixture.event("evt_1"), by: .live) == nil)
    }

    @Test("keys roll: the new one verifies at once, the old one until it is taken away (S45)")
    func S45() async throws {
        let fixture = try WebhookFixture()
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1")) == nil)
        fixture.clock.advance(by: 60)
        fixture.keyServer.keys = [.first, .second]
        #expect(try await fixture.deliver(WebhookFixture.event("evt_2"), by: .second) == nil)
        #expect(try await fixture.deliver(WebhookFixture.event("evt_3"), by: .first) == nil)
        fixture.keyServer.keys = [.second]
        // What the background does every ten minutes.
        fixture.clock.advance(by: 600)
        await fixture.webhooks.keys.refresh()
        #expect(try await fixture.deliver(WebhookFixture.event("evt_4"), by: .first) == .signatureInvalid)
        #expect(try await fixture.deliver(WebhookFixture.event("evt_4"), by: .second) == nil)
    }

    @Test("keys are read anew by themselves before they are old (S45)")
    func S45alone() async throws {
        let fixture = try WebhookFixture()
        let keys = Task { await fixture.webhooks.keys.run() }
        // Each wait of the fixture is over at once and moves its clock.
        try await until { fixture.keyServer.reads >= 3 }
        keys.cancel()
        await keys.value
        #expect(fixture.webhooks.status.keysAgeSeconds.map { $0 < 631 } == true)
    }

    @Test("an emptied key set takes all keys back; one that cannot be read takes none (I13, I14)")
    func emptied() async throws {
        let fixture = try WebhookFixture()
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1")) == nil)
        fixture.keyServer.keys = nil
        fixture.clock.advance(by: 600)
        await fixture.webhooks.keys.refresh()
        #expect(try await fixture.deliver(WebhookFixture.event("evt_2")) == nil)
        fixture.keyServer.keys = []
        fixture.clock.advance(by: 600)
        await fixture.webhooks.keys.refresh()
        #expect(try await fixture.deliver(WebhookFixture.event("evt_3")) == .signatureInvalid)
        #expect(fixture.webhooks.status.lastRefusal == "unknown_key")
    }

    // MARK: - Late

    @Test("what is late is taken when Flatpeak's API confirms it, or when it was acknowledged before (S43)")
    func S43() async throws {
        let fixture = try WebhookFixture()
        let event = WebhookFixture.event("evt_1")
        #expect(try await fixture.deliver(event, age: 3600) == .deliveryUncheckable, "Flatpeak cannot be called")
        fixture.upstream.on("event", .json(#"{"message":"Not Found"}"#, status: 404))
        #expect(try await fixture.deliver(event, age: 3600) == .signatureInvalid)
        #expect(fixture.webhooks.status.lastRefusal == "unconfirmed")
        #expect(try await fixture.store.hasReceived(#require(EventID("evt_1"))) == false)
        fixture.upstream.on("event", .json(WebhookFixture.event("evt_other")))
        #expect(try await fixture.deliver(event, age: 3600) == .signatureInvalid)

        fixture.upstream.on("event", .json(event))
        #expect(try await fixture.deliver(event, age: 47 * 3600) == nil)
        let asked = fixture.upstream.requests("event").count
        #expect(fixture.upstream.requests("event").last?.url == "https://api.test/events/evt_1")
        #expect(try await fixture.deliver(event, age: 47 * 3600) == nil)
        #expect(fixture.upstream.requests("event").count == asked, "it is known now")
        #expect(try await fixture.deliver(event, age: 49 * 3600) == .signatureInvalid)
        #expect(try await fixture.deliver(event, age: -301) == .signatureInvalid)
        #expect(
            try await fixture.deliver(WebhookFixture.event(nil), age: 3600) == .signatureInvalid, "nothing to ask by")
        #expect(try await fixture.deliver(event, by: .second, age: 3600) == .signatureInvalid)
        #expect(fixture.upstream.requests("event").count == asked)
    }

    // MARK: - Once

    @Test("the same event twice is one event; the id inside the signed body decides (S44)")
    func S44() async throws {
        let fixture = try WebhookFixture()
        let event = WebhookFixture.event("evt_1", "customer.update", #"{"id":"cus_1"}"#)
        for seconds in [0.0, 30, 200] { #expect(try await fixture.deliver(event, age: seconds) == nil) }
        #expect(try await fixture.store.waiting().count == 1)
        #expect(fixture.webhooks.status.received == 3)
        #expect(fixture.webhooks.status.repeated == 2)
        await fixture.work()
        #expect(try await fixture.store.waiting().count == 0)
        #expect(try await fixture.deliver(event) == nil)
        #expect(try await fixture.store.waiting().count == 0, "it is processed once")
    }

    @Test("the same id with other content is an alert, and changes nothing (S44)")
    func S44altered() async throws {
        let fixture = try WebhookFixture()
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1", "customer.update", #"{"id":"cus_1"}"#)) == nil)
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1", "tariff.expired", #"{"id":"cus_2"}"#)) == nil)
        #expect(fixture.webhooks.status.altered == 1)
        #expect(fixture.webhooks.status.repeated == 0)
        let kept = try await fixture.store.takeReceived(
            dueAt: fixture.clock.wall, leasedUntil: fixture.clock.wall, limit: 9)
        #expect(kept.map(\.event.type) == ["customer.update"])
    }

    @Test("an event without an id is known by the bytes that were signed (S44)")
    func S44nameless() async throws {
        let fixture = try WebhookFixture()
        let event = WebhookFixture.event(nil)
        let delivery = try FlatpeakKey.first.delivery(event, at: fixture.clock.wall)
        #expect(await fixture.take(delivery) == nil)
        #expect(await fixture.take(delivery) == nil)
        #expect(try await fixture.store.waiting().count == 1)
        #expect(try await fixture.deliver(event, age: 10) == nil)
        #expect(try await fixture.store.waiting().count == 2)
        for odd in [#"{"id":7,"type":"a"}"#, #"{"id":"evt 1","type":"a"}"#, #"{"id":"","data":[]}"#, "{}"] {
            #expect(try await fixture.deliver(odd) == nil, "\(odd)")
        }
        #expect(try await fixture.store.waiting().count == 6)
    }

    // MARK: - Kept first

    @Test("acknowledged is what is kept; a store that is away makes the sender come again (R20)")
    func R20() async throws {
        let fixture = try WebhookFixture()
        fixture.store.isAway = true
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1")) == .storeUnavailable)
        fixture.store.isAway = false
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1")) == nil)
        #expect(try await fixture.store.waiting().count == 1)
        #expect(fixture.webhooks.status.received == 1)
    }

    @Test("a burst is kept in a few writes, and every one of it (R20)")
    func R20burst() async throws {
        let fixture = try WebhookFixture()
        let deliveries = try (0..<200).map {
            try FlatpeakKey.first.delivery(WebhookFixture.event("evt_\($0)"), at: fixture.clock.wall)
        }
        #expect(await fixture.take(deliveries[0]) == nil)
        await withTaskGroup(of: BFFError?.self) { group in
            for delivery in deliveries { group.addTask { await fixture.take(delivery) } }
            for await failure in group { #expect(failure == nil) }
        }
        #expect(try await fixture.store.waiting().count == 200)
        #expect(fixture.store.receipts < 200, "\(fixture.store.receipts) writes")
    }

    @Test("what is not JSON is refused after its signature was found good; ids are remembered for 100 days (R20)")
    func R20memory() async throws {
        let fixture = try WebhookFixture()
        for text in ["", "null", "[]", "{", #"{"id":"evt_1"}x"#, #"{"a":NaN}"#] {
            #expect(try await fixture.deliver(text) == .malformedJSON, "\(text)")
        }
        #expect(EventProcessor.memory > 90 * 86400)
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1", "a.b", "{}")) == nil)
        await fixture.work()
        try await fixture.store.removeReceived(before: fixture.clock.wall + 1)
        #expect(try await fixture.store.hasReceived(#require(EventID("evt_1"))) == false)
    }

    @Test("nothing in the message chooses the way of signing (S46)")
    func S46() async throws {
        let fixture = try WebhookFixture()
        let event = #"{"id":"evt_1","alg":"none","signature":"none","scheme":"v0"}"#
        let good = try FlatpeakKey.first.delivery(event, at: fixture.clock.wall)
        #expect(await fixture.take(good) == nil)
        // The delivery has no place for a scheme; what it does carry cannot stand for another one.
        for signature in ["hmac=AAAA", "v0=AAAA", "sha256=AAAA", "v1=AAAA", "none"] {
            let forged = SignedDelivery(
                signatures: [signature], timestamps: good.timestamps, keyIDs: good.keyIDs, body: good.body)
            #expect(await fixture.take(forged) == .signatureInvalid)
        }
    }

    @Test(
        "an event of any time is acknowledged, and its lag is a number (I1)",
        arguments: [
            "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "99999-01-01T00:00:00Z", "0000-00-00T00:00:00Z",
            "-9999-01-01T00:00:00Z", "9223372036854775807-01-01T00:00:00Z", "2026-13-45T99:99:99Z", "NaN", "",
        ]) func anyTime(time: String) async throws
    {
        let fixture = try WebhookFixture()
        await fixture.webhooks.keys.refresh()
        let body = #"{"id":"evt_1","type":"customer.update","time_created":"\#(time)"}"#
        #expect(try await fixture.deliver(body) == nil)
        let lag = try #require(fixture.webhooks.status.lagSeconds)
        #expect(lag.isFinite)
        #expect(throws: Never.self) { try JSONEncoder().encode(fixture.webhooks.status) }
    }
}
