import Core
import Flatpeak
import Foundation
import Resilience
import Sessions
import TestSupport
import Testing

@testable import Webhooks

/// What comes of events: fetched, not believed.
@Suite struct EventProcessorTests {
    // MARK: - Sessions

    @Test(
        "a completed session is claimed, in either spelling, and ends when its customer is not seen any more (R21)",
        arguments: ["connect_session.complete", "connect.session.complete"])
    func complete(type: String) async throws {
        let fixture = try WebhookFixture()
        let session = try await fixture.session("cot_a")
        fixture.upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":false}"#))
        fixture.statusIs("CONNECTED")
        // The event's own word on prices and place is not taken.
        let data = #"{"id":"cot_a","object":"connect_token","location_id":"loc_9","price_available":true}"#
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1", type, data)) == nil)
        await fixture.work()
        #expect(try await fixture.store.waiting().count == 0)
        let kept = try #require(try await fixture.store.session(session.id))
        #expect(kept.facts.located?.location == fixture.location)
        #expect(kept.facts.located?.pricesAvailable == false)
        #expect(kept.outcome(at: fixture.clock.wall).state == .connected)
        #expect(try await fixture.store.owns(fixture.alice, fixture.location))
        // On the summary page the customer may still go back, close or disconnect.
        #expect(kept.outcome(at: fixture.clock.wall + 14 * 60).endedAt == nil)
        #expect(kept.outcome(at: fixture.clock.wall + 15 * 60).isFinal)
    }

    @Test func `an event is not believed before its session is at its end, and is processed when Flatpeak is back`()
        async throws
    {
        let fixture = try WebhookFixture()
        let session = try await fixture.session("cot_a")
        let event = WebhookFixture.event("evt_1", "connect_session.complete", #"{"id":"cot_a","location_id":"loc_1"}"#)
        #expect(try await fixture.deliver(event) == nil)
        #expect(await fixture.webhooks.processor.work() == 1)
        #expect(try await fixture.store.waiting().count == 1, "Flatpeak cannot be reached")
        #expect(fixture.webhooks.status.failures == 1)
        #expect(fixture.webhooks.status.waiting == 1)
        #expect(await fixture.webhooks.processor.work() == 0, "not at once again")
        fixture.upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
        fixture.statusIs("CONNECTED")
        fixture.clock.advance(by: 60)
        #expect(await fixture.webhooks.processor.work() == 1)
        #expect(try await fixture.store.waiting().count == 0)
        #expect(try await fixture.store.session(session.id)?.facts.located?.location == fixture.location)
    }

    @Test func `an event is tried again when the store did not take what came of it`() async throws {
        let fixture = try WebhookFixture()
        _ = try await fixture.session("cot_a")
        fixture.upstream.on(
            "claim",
            [
                { [store = fixture.store] _ in
                    store.isAway = true
                    return .success(.json(#"{"location_id":"loc_1","price_available":true}"#))
                }
            ])
        fixture.statusIs("CONNECTED")
        let event = WebhookFixture.event("evt_1", "connect_session.complete", #"{"id":"cot_a","location_id":"loc_1"}"#)
        #expect(try await fixture.deliver(event) == nil)
        #expect(await fixture.webhooks.processor.work() == 1)
        fixture.store.isAway = false
        #expect(try await fixture.store.waiting().count == 1)
        fixture.upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
        fixture.clock.advance(by: 200)
        #expect(await fixture.webhooks.processor.work() == 1)
        #expect(try await fixture.store.waiting().count == 0)
        #expect(try await fixture.store.owns(fixture.alice, fixture.location))
    }

    @Test func `what is not confirmed yet is passed on to no backend (S50)`() async throws {
        let fixture = try WebhookFixture(confirmation: .required)
        let session = try await fixture.session("cot_a", app: "page")
        try #require(session.needsConfirmation)
        fixture.upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
        fixture.statusIs("CONNECTED")
        let data = #"{"id":"cot_a","object":"connect_token","location_id":"loc_1","price_available":true}"#
        for (id, type, data) in [
            ("evt_1", "connect_session.complete", data), ("evt_2", "tariff.expired", #"{"location_id":"loc_1"}"#),
            ("evt_3", "location.update", #"{"id":"loc_1"}"#),
            ("evt_4", "connect_session.complete", data.replacing("cot_a", with: "cot_unknown")),
        ] {
            #expect(try await fixture.deliver(WebhookFixture.event(id, type, data)) == nil)
        }
        await fixture.work()
        #expect(try await fixture.store.waiting().count == 0)
        #expect(try await fixture.store.session(session.id)?.facts.located != nil)
        #expect(try await fixture.store.events(limit: 9).isEmpty)

        let holder = try #require(SessionHolder(tabKey: "AAECAwQFBgcICQoLDA0ODw"))
        _ = try await fixture.store.setHolder(holder, of: session.id, replacing: nil)
        let code = try #require(try await fixture.sessions.confirmation.end(session.connectToken, in: holder).code)
        _ = try await fixture.sessions.confirmation.redeem(code, of: session.id, by: fixture.alice)
        #expect(try await fixture.deliver(WebhookFixture.event("evt_5", "location.update")) == nil)
        await fixture.work()
        #expect(
            try await Set(fixture.store.events(limit: 9).map(\.event.event.type))
                == ["session.connected", "flatpeak.location.update", "location.updated"])
    }

    // MARK: - Locations

    @Test(
        "a tariff that broke is the user's to reconnect, until Flatpeak says that it is connected",
        arguments: ["tariff.expired", "tariff.fetch.failed"])
    func reconnect(type: String) async throws {
        let fixture = try WebhookFixture()
        fixture.locationFails()
        let data = #"{"location_id":"loc_1","tariff_id":"trf_1","live_mode":false,"account_id":"acc_1"}"#
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1", type, data)) == nil)
        await fixture.work()
        #expect(try await fixture.action == .reconnect)
        #expect(try await fixture.reads.status(of: fixture.location, for: fixture.alice).action == .reconnect)

        // A client reads the status once the tariff is there again.
        fixture.clock.advance(by: 60)
        fixture.statusIs("CONNECTED", tariff: "trf_2")
        #expect(try await fixture.reads.status(of: fixture.location, for: fixture.alice).action == nil)
        #expect(try await fixture.action == nil)
    }

    @Test(
        "a location that was updated is asked about again when something was to be done there, in either spelling",
        arguments: ["location.update", "locaiton.update"])
    func update(type: String) async throws {
        let fixture = try WebhookFixture()
        fixture.locationFails()
        #expect(try await fixture.deliver(WebhookFixture.tariffExpired) == nil)
        await fixture.work()
        #expect(try await fixture.action == .reconnect)
        fixture.clock.advance(by: 60)
        fixture.statusIs("CONNECTED")
        #expect(
            try await fixture.deliver(WebhookFixture.event("evt_2", type, #"{"id":"loc_1","object":"location"}"#))
                == nil)
        await fixture.work()
        #expect(try await fixture.action == nil)
        let asked = fixture.upstream.requests("status").count
        #expect(try await fixture.deliver(WebhookFixture.event("evt_3", type, #"{"id":"loc_1"}"#)) == nil)
        await fixture.work()
        #expect(fixture.upstream.requests("status").count == asked, "nothing was to be done there")
    }

    @Test(
        "what was read of a location is dropped by every event about it",
        arguments: [
            ("location.update", "id"), ("tariff.expiring", "location_id"), ("tariff.connection.upgrade", "location_id"),
            ("tariff.expired", "location_id"),
        ])
    func dropped(type: String, field: String) async throws {
        let fixture = try WebhookFixture()
        fixture.store.bind(fixture.location, to: fixture.alice)
        fixture.upstream.on("tariffs", .json("{}"))
        fixture.statusIs("CONNECTED")
        let query = TariffQuery(location: fixture.location)
        for _ in 0..<3 { _ = try await fixture.reads.tariffs(query, for: fixture.alice) }
        #expect(fixture.upstream.requests("tariffs").count == 1)
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1", type, #"{"\#(field)":"loc_1"}"#)) == nil)
        await fixture.work()
        for _ in 0..<3 { _ = try await fixture.reads.tariffs(query, for: fixture.alice) }
        #expect(fixture.upstream.requests("tariffs").count == 2)
        #expect(try await fixture.action == nil, "Flatpeak says CONNECTED")
    }

    @Test(
        "what events make us ask about a location counts as its owner's, so that the two are one caller (I2)",
        arguments: ["tariff.expired", "location.update"])
    func ownersCalls(type: String) async throws {
        let fixture = try WebhookFixture()
        fixture.locationFails()
        // Something is to be done there, so that each further event is a reason to ask.
        #expect(try await fixture.deliver(WebhookFixture.tariffExpired) == nil)
        await fixture.work()
        let event = WebhookFixture.event("evt_2", type, #"{"id":"loc_1","location_id":"loc_1"}"#)
        #expect(try await fixture.deliver(event) == nil)
        await fixture.work()
        _ = try await fixture.reads.status(of: fixture.location, for: fixture.alice)
        let callers = fixture.upstream.requests("status").map(\.caller)
        #expect(callers.count == 3)
        #expect(Set(callers) == [CallerKey(fixture.alice)])
    }

    @Test("the tariff that the event names decides, not its neighbours")
    func neighbours() async throws {
        let fixture = try WebhookFixture()
        fixture.store.bind(fixture.location, to: fixture.alice)
        let slots =
            #""commodity_import":{"status":"CONNECTED","tariff":{"id":"trf_1"}},"commodity_export":{"status":"ERROR","tariff":{"id":"trf_2"}},"local":{"status":"NOT_SUPPORTED"}"#
        fixture.upstream.on("status", .json(#"{"tariff_status":{\#(slots)}}"#))
        for (number, tariff, expected) in [(1, "trf_1", nil), (2, "trf_2", .reconnect)]
            as [(Int, String, RequiredAction?)]
        {
            let data = #"{"location_id":"loc_1","tariff_id":"\#(tariff)"}"#
            #expect(try await fixture.deliver(WebhookFixture.event("evt_\(number)", "tariff.expired", data)) == nil)
            await fixture.work()
            #expect(try await fixture.action == expected, "\(tariff)")
        }
    }

    @Test(
        "an event about a location or a token that is not known here is acknowledged and counted, without a call to Flatpeak (S48)"
    )
    func S48() async throws {
        let fixture = try WebhookFixture()
        let events = [
            ("tariff.expired", #"{"location_id":"loc_9"}"#), ("location.update", #"{"id":"loc_9"}"#),
            ("connect_session.complete", #"{"id":"cot_9","location_id":"loc_9"}"#), ("tariff.expired", "{}"),
            ("connect_session.complete", "[]"),
        ]
        for (number, event) in events.enumerated() {
            #expect(try await fixture.deliver(WebhookFixture.event("evt_\(number)", event.0, event.1)) == nil)
        }
        await fixture.work()
        #expect(fixture.webhooks.status.unknown == events.count)
        #expect(try await fixture.store.waiting().count == 0)
        #expect(fixture.upstream.requests().isEmpty)
    }

    @Test
    func
        `an event that Flatpeak has no good answer to is given up after a while; one that cannot be asked about, never`()
        async throws
    {
        let fixture = try WebhookFixture()
        fixture.store.bind(fixture.location, to: fixture.alice)
        #expect(try await fixture.deliver(WebhookFixture.tariffExpired) == nil)
        fixture.upstream.on("status", .json("{}", status: 503))
        for _ in 0..<40 {
            #expect(await fixture.webhooks.processor.work() == 1)
            fixture.clock.advance(by: 3700)
        }
        #expect(try await fixture.store.waiting().count == 1)
        fixture.upstream.on("status", .json("{}", status: 404))
        _ = await fixture.webhooks.processor.work()
        #expect(try await fixture.store.waiting().count == 0)
    }

    @Test(arguments: [ConfirmationRule.off, .required])
    func `an event that is given up is passed on, unless it may show what is not confirmed (S50)`(
        rule: ConfirmationRule
    ) async throws {
        let fixture = try WebhookFixture(confirmation: rule)
        let session = try await fixture.session("cot_a", app: "page")
        fixture.upstream.on("claim", .json("{}", status: 400))
        let data = #"{"id":"\#(session.connectToken.exposed)","location_id":"loc_1","price_available":true}"#
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1", "connect_session.complete", data)) == nil)
        for _ in 0..<40 {
            _ = await fixture.webhooks.processor.work()
            fixture.clock.advance(by: 3700)
        }
        #expect(try await fixture.store.waiting().count == 0)
        #expect(try await published(fixture).count == (rule == .off ? 1 : 0))
    }

    // MARK: - Passed on

    /// The events in the outbox that are not of sessions, by id.
    private func published(_ fixture: WebhookFixture) async throws -> [NewEvent] {
        try await fixture.store.events(limit: 99).reversed().map(\.event.event).filter {
            !$0.type.hasPrefix("session.")
        }.sorted { $0.id.text < $1.id.text }
    }

    @Test("any event of Flatpeak is passed on unchanged, once, under its own id")
    func passedOn() async throws {
        let fixture = try WebhookFixture()
        let bodies = [
            WebhookFixture.event("evt_1", "a.kind.nobody.knows", #"{ "x": [1.50, null] }"#),
            WebhookFixture.event("evt_2", "tariff.expired", #"{"location_id":"loc_9"}"#), #"{"id":"evt_3"}"#,
        ]
        for body in bodies + bodies { #expect(try await fixture.deliver(body) == nil) }
        await fixture.work()
        let events = try await published(fixture)
        #expect(events.map(\.id.text) == ["evt_1", "evt_2", "evt_3"])
        #expect(events.map(\.type) == ["flatpeak.a.kind.nobody.knows", "flatpeak.tariff.expired", "flatpeak.unknown"])
        #expect(events.map { String(decoding: $0.data, as: UTF8.self) } == bodies)
        #expect(events.allSatisfy { $0.subject == nil })
        #expect(events.allSatisfy { $0.session == nil })
    }

    @Test("a required action is published once, with its owner")
    func actionPublished() async throws {
        let fixture = try WebhookFixture()
        fixture.locationFails()
        let event = WebhookFixture.event("evt_1", "tariff.expired", #"{"location_id":"loc_1","tariff_id":"trf_1"}"#)
        for _ in 0..<2 {
            #expect(try await fixture.deliver(event) == nil)
            await fixture.work()
        }
        let events = try await published(fixture)
        #expect(events.map(\.id.text) == ["evt_1", "evt_1_action", "evt_1_updated"])
        #expect(events.map(\.type) == ["flatpeak.tariff.expired", "tariff.action_required", "location.updated"])
        #expect(events.allSatisfy { $0.subject == fixture.alice })
        let expected = [
            #"{"action_required":"reconnect","location_id":"loc_1","subject":"alice","tariff_id":"trf_1"}"#,
            #"{"location_id":"loc_1","subject":"alice"}"#,
        ]
        #expect(events.dropFirst().map { String(decoding: $0.data, as: UTF8.self) } == expected)
        // Forgotten with the only one it is about.
        _ = try await fixture.store.forget(fixture.alice)
        #expect(try await self.published(fixture).isEmpty)
    }

    @Test("a location of several owners is updated without a subject, with whom it would be forgotten")
    func updateOfSeveral() async throws {
        let fixture = try WebhookFixture()
        fixture.store.bind(fixture.location, to: fixture.alice)
        fixture.store.bind(fixture.location, to: try #require(Subject("bob")))
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1")) == nil)
        await fixture.work()
        let events = try await published(fixture)
        #expect(events.map(\.id.text) == ["evt_1", "evt_1_updated"])
        #expect(events.last.map { String(decoding: $0.data, as: UTF8.self) } == #"{"location_id":"loc_1"}"#)
        #expect(events.allSatisfy { $0.subject == nil })
    }

    // MARK: - What clients follow

    @Test(
        "a location is updated by each event after which prices may differ, and by no other",
        arguments: [
            ("location.update", true), ("locaiton.update", true), ("tariff.expired", true),
            ("tariff.fetch.failed", true), ("tariff.some.new.kind", true), ("tariff.expiring", false),
            ("tariff.connection.upgrade", false), ("device.update", false),
        ])
    func updated(type: String, isUpdate: Bool) async throws {
        let fixture = try WebhookFixture()
        fixture.store.bind(fixture.location, to: fixture.alice)
        fixture.statusIs("CONNECTED")
        let data = #"{"id":"loc_1","location_id":"loc_1"}"#
        #expect(try await fixture.deliver(WebhookFixture.event("evt_1", type, data)) == nil)
        await fixture.work()
        let state = try await fixture.store.state(of: fixture.location)
        #expect(state.updatedAt == (isUpdate ? fixture.clock.wall : nil))
        #expect(try await published(fixture).contains { $0.type == "location.updated" } == isUpdate)
    }

    @Test(
        "a tariff that ends soon or has a better connection is the user's to renew or upgrade, until another one has its place",
        arguments: [("tariff.expiring", RequiredAction.renew), ("tariff.connection.upgrade", .upgrade)])
    func announced(type: String, action: RequiredAction) async throws {
        let fixture = try WebhookFixture()
        fixture.store.bind(fixture.location, to: fixture.alice)
        fixture.statusIs("CONNECTED")
        let event = { (id: String, tariff: String) in
            WebhookFixture.event(id, type, #"{"location_id":"loc_1","tariff_id":"\#(tariff)"}"#)
        }
        #expect(try await fixture.deliver(event("evt_1", "trf_9")) == nil)
        await fixture.work()
        #expect(try await fixture.action == nil, "Flatpeak has another tariff there")
        #expect(try await fixture.deliver(event("evt_2", "trf_1")) == nil)
        await fixture.work()
        #expect(try await fixture.action == action)
        #expect(try await published(fixture).last { $0.type == "tariff.action_required" }?.id.text == "evt_2_action")
        fixture.clock.advance(by: 60)
        #expect(try await fixture.reads.status(of: fixture.location, for: fixture.alice).action == action)
        fixture.clock.advance(by: 60)
        fixture.statusIs("CONNECTED", tariff: "trf_2")
        #expect(try await fixture.reads.status(of: fixture.location, for: fixture.alice).action == nil)
        #expect(try await fixture.action == nil)
    }

    @Test("nothing takes the place of a tariff to reconnect, in any order of events", arguments: [false, true])
    func reconnectStays(isLast: Bool) async throws {
        let fixture = try WebhookFixture()
        fixture.store.bind(fixture.location, to: fixture.alice)
        let slots =
            #""commodity_import":{"status":"ERROR","tariff":{"id":"trf_1"}},"commodity_export":{"status":"CONNECTED","tariff":{"id":"trf_2"}}"#
        fixture.upstream.on("status", .json(#"{"tariff_status":{\#(slots)}}"#))
        let events = [
            WebhookFixture.event("evt_1", "tariff.expired", #"{"location_id":"loc_1","tariff_id":"trf_1"}"#),
            WebhookFixture.event("evt_2", "tariff.expiring", #"{"location_id":"loc_1","tariff_id":"trf_2"}"#),
        ]
        for event in isLast ? events.reversed() : events {
            #expect(try await fixture.deliver(event) == nil)
            await fixture.work()
        }
        #expect(try await fixture.action == .reconnect)
        let published = try await published(fixture).filter { $0.type == "tariff.action_required" }.map(\.id.text)
        #expect(published == (isLast ? ["evt_1_action", "evt_2_action"] : ["evt_1_action"]))
    }

    // MARK: - Order

    @Test("events reversed and doubled end in the state of those that came in order (R21)", arguments: 0..<12)
    func R21(seed: Int) async throws {
        // The tariff broke and was connected again before any of this arrives; and the other way round.
        for (statuses, expected) in [("CONNECTED", nil), ("ERROR", .reconnect)] as [(String, RequiredAction?)] {
            let fixture = try WebhookFixture()
            let session = try await fixture.session("cot_a")
            fixture.upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
            fixture.statusIs(statuses)
            let broken = #"{"location_id":"loc_1","tariff_id":"trf_1"}"#
            let story = [
                WebhookFixture.event("evt_1", "connect_session.complete", #"{"id":"cot_a","location_id":"loc_1"}"#),
                WebhookFixture.event("evt_2", "tariff.fetch.failed", broken),
                WebhookFixture.event("evt_3", "location.update", #"{"id":"loc_1"}"#),
                WebhookFixture.event("evt_4", "tariff.expired", broken),
            ]
            var generator = Chance(state: UInt64(seed))
            // The location is known from the start, as after an earlier session.
            fixture.store.bind(fixture.location, to: fixture.alice)
            let sequence =
                seed == 0 ? story : seed == 1 ? story.reversed() : (story + story).shuffled(using: &generator)
            for event in sequence {
                #expect(try await fixture.deliver(event) == nil)
                if Bool.random(using: &generator) { await fixture.work() }
                fixture.clock.advance(by: 1)
            }
            await fixture.work()
            #expect(try await fixture.action == expected, "\(sequence)")
            let kept = try #require(try await fixture.store.session(session.id))
            #expect(kept.outcome(at: fixture.clock.wall).state == (statuses == "ERROR" ? .failed : .connected))
            #expect(try await fixture.store.waiting().count == 0)
        }
    }

    /// SplitMix64.
    private struct Chance: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return mixed ^ (mixed >> 31)
        }
    }
}
