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
        let station = try Station()
        let session = try await station.session("cot_a")
        station.upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":false}"#))
        station.statusIs("CONNECTED")
        // The event's own word on prices and place is not taken.
        let data = #"{"id":"cot_a","object":"connect_token","location_id":"loc_9","price_available":true}"#
        #expect(try await station.deliver(Station.event("evt_1", type, data)) == nil)
        await station.work()
        #expect(try await station.store.waiting().count == 0)
        let kept = try #require(try await station.store.session(session.id))
        #expect(kept.facts.located?.location == station.location && kept.facts.located?.pricesAvailable == false)
        #expect(kept.outcome(at: station.clock.wall).state == .connected)
        #expect(try await station.store.owns(station.alice, station.location))
        // On the summary page the customer may still go back, close or disconnect.
        #expect(kept.outcome(at: station.clock.wall + 14 * 60).endedAt == nil)
        #expect(kept.outcome(at: station.clock.wall + 15 * 60).isFinal)
    }

    @Test func `an event is not believed before its session is at its end, and is had when Flatpeak is back`()
        async throws
    {
        let station = try Station()
        let session = try await station.session("cot_a")
        let event = Station.event("evt_1", "connect_session.complete", #"{"id":"cot_a","location_id":"loc_1"}"#)
        #expect(try await station.deliver(event) == nil)
        #expect(await station.webhooks.processor.work() == 1)
        #expect(try await station.store.waiting().count == 1, "Flatpeak cannot be reached")
        #expect(station.webhooks.status.failures == 1 && station.webhooks.status.waiting == 1)
        #expect(await station.webhooks.processor.work() == 0, "not at once again")
        station.upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
        station.statusIs("CONNECTED")
        station.clock.advance(by: 60)
        #expect(await station.webhooks.processor.work() == 1)
        #expect(try await station.store.waiting().count == 0)
        #expect(try await station.store.session(session.id)?.facts.located?.location == station.location)
    }

    @Test func `an event is tried again when the store did not take what came of it`() async throws {
        let station = try Station()
        _ = try await station.session("cot_a")
        station.upstream.on(
            "claim",
            [
                { [store = station.store] _ in
                    store.isAway = true
                    return .success(.json(#"{"location_id":"loc_1","price_available":true}"#))
                }
            ])
        station.statusIs("CONNECTED")
        let event = Station.event("evt_1", "connect_session.complete", #"{"id":"cot_a","location_id":"loc_1"}"#)
        #expect(try await station.deliver(event) == nil)
        #expect(await station.webhooks.processor.work() == 1)
        station.store.isAway = false
        #expect(try await station.store.waiting().count == 1)
        station.upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
        station.clock.advance(by: 200)
        #expect(await station.webhooks.processor.work() == 1)
        #expect(try await station.store.waiting().count == 0)
        #expect(try await station.store.owns(station.alice, station.location))
    }

    // MARK: - Locations

    @Test(
        "a tariff that broke is the user's to reconnect, until Flatpeak says that it is connected",
        arguments: ["tariff.expired", "tariff.fetch.failed"])
    func reconnect(type: String) async throws {
        let station = try Station()
        station.store.bind(station.location, to: station.alice)
        station.statusIs("ERROR")
        let data = #"{"location_id":"loc_1","tariff_id":"trf_1","live_mode":false,"account_id":"acc_1"}"#
        #expect(try await station.deliver(Station.event("evt_1", type, data)) == nil)
        await station.work()
        #expect(try await station.action == .reconnect)
        #expect(try await station.reads.status(of: station.location, for: station.alice).action == .reconnect)

        // Somebody reads the status once the tariff is there again.
        station.clock.advance(by: 60)
        station.statusIs("CONNECTED", tariff: "trf_2")
        #expect(try await station.reads.status(of: station.location, for: station.alice).action == nil)
        #expect(try await station.action == nil)
    }

    @Test(
        "a location that was updated is asked about again when something was to be done there, in either spelling",
        arguments: ["location.update", "locaiton.update"])
    func update(type: String) async throws {
        let station = try Station()
        station.store.bind(station.location, to: station.alice)
        station.statusIs("ERROR")
        #expect(try await station.deliver(Station.event("evt_1", "tariff.expired", #"{"location_id":"loc_1"}"#)) == nil)
        await station.work()
        #expect(try await station.action == .reconnect)
        station.clock.advance(by: 60)
        station.statusIs("CONNECTED")
        #expect(try await station.deliver(Station.event("evt_2", type, #"{"id":"loc_1","object":"location"}"#)) == nil)
        await station.work()
        #expect(try await station.action == nil)
        let asked = station.upstream.requests("status").count
        #expect(try await station.deliver(Station.event("evt_3", type, #"{"id":"loc_1"}"#)) == nil)
        await station.work()
        #expect(station.upstream.requests("status").count == asked, "nothing was to be done there")
    }

    @Test(
        "what was read of a location is dropped by every event about it",
        arguments: [
            ("location.update", "id"), ("tariff.expiring", "location_id"), ("tariff.connection.upgrade", "location_id"),
            ("tariff.expired", "location_id"),
        ])
    func dropped(type: String, field: String) async throws {
        let station = try Station()
        station.store.bind(station.location, to: station.alice)
        station.upstream.on("tariffs", .json("{}"))
        station.statusIs("CONNECTED")
        let query = TariffQuery(location: station.location)
        for _ in 0..<3 { _ = try await station.reads.tariffs(query, for: station.alice) }
        #expect(station.upstream.requests("tariffs").count == 1)
        #expect(try await station.deliver(Station.event("evt_1", type, #"{"\#(field)":"loc_1"}"#)) == nil)
        await station.work()
        for _ in 0..<3 { _ = try await station.reads.tariffs(query, for: station.alice) }
        #expect(station.upstream.requests("tariffs").count == 2)
        #expect(try await station.action == nil, "Flatpeak says CONNECTED")
    }

    @Test(
        "what events make us ask about a location counts as its owner's, so that the two are one caller (I2)",
        arguments: ["tariff.expired", "location.update"])
    func ownersCalls(type: String) async throws {
        let station = try Station()
        station.store.bind(station.location, to: station.alice)
        station.statusIs("ERROR")
        // Something is to be done there, so that each further event is a reason to ask.
        #expect(try await station.deliver(Station.event("evt_1", "tariff.expired", #"{"location_id":"loc_1"}"#)) == nil)
        await station.work()
        let event = Station.event("evt_2", type, #"{"id":"loc_1","location_id":"loc_1"}"#)
        #expect(try await station.deliver(event) == nil)
        await station.work()
        _ = try await station.reads.status(of: station.location, for: station.alice)
        let callers = station.upstream.requests("status").map(\.caller)
        #expect(callers.count == 3)
        #expect(Set(callers) == [CallerKey(station.alice)])
    }

    @Test("the tariff that the event names decides, not its neighbours")
    func neighbours() async throws {
        let station = try Station()
        station.store.bind(station.location, to: station.alice)
        let slots =
            #""commodity_import":{"status":"CONNECTED","tariff":{"id":"trf_1"}},"commodity_export":{"status":"ERROR","tariff":{"id":"trf_2"}},"local":{"status":"NOT_SUPPORTED"}"#
        station.upstream.on("status", .json(#"{"tariff_status":{\#(slots)}}"#))
        for (number, tariff, expected) in [(1, "trf_1", nil), (2, "trf_2", .reconnect)]
            as [(Int, String, RequiredAction?)]
        {
            let data = #"{"location_id":"loc_1","tariff_id":"\#(tariff)"}"#
            #expect(try await station.deliver(Station.event("evt_\(number)", "tariff.expired", data)) == nil)
            await station.work()
            #expect(try await station.action == expected, "\(tariff)")
        }
    }

    @Test("an event about a location or a token that is not known here is acknowledged, counted, and asks nobody (S48)")
    func S48() async throws {
        let station = try Station()
        let events = [
            ("tariff.expired", #"{"location_id":"loc_9"}"#), ("location.update", #"{"id":"loc_9"}"#),
            ("connect_session.complete", #"{"id":"cot_9","location_id":"loc_9"}"#), ("tariff.expired", "{}"),
            ("connect_session.complete", "[]"),
        ]
        for (number, event) in events.enumerated() {
            #expect(try await station.deliver(Station.event("evt_\(number)", event.0, event.1)) == nil)
        }
        await station.work()
        #expect(station.webhooks.status.unknown == events.count)
        #expect(try await station.store.waiting().count == 0)
        #expect(station.upstream.requests().isEmpty)
    }

    @Test
    func
        `an event that Flatpeak has no good answer to is given up after a while; one that cannot be asked about, never`()
        async throws
    {
        let station = try Station()
        station.store.bind(station.location, to: station.alice)
        #expect(try await station.deliver(Station.event("evt_1", "tariff.expired", #"{"location_id":"loc_1"}"#)) == nil)
        station.upstream.on("status", .json("{}", status: 503))
        for _ in 0..<40 {
            #expect(await station.webhooks.processor.work() == 1)
            station.clock.advance(by: 3700)
        }
        #expect(try await station.store.waiting().count == 1)
        station.upstream.on("status", .json("{}", status: 404))
        _ = await station.webhooks.processor.work()
        #expect(try await station.store.waiting().count == 0)
    }

    // MARK: - Passed on

    /// What the integrator's backend is to hear, but of sessions, by its id.
    private func told(_ station: Station) async throws -> [NewEvent] {
        try await station.store.events(limit: 99).reversed().map(\.event.event).filter {
            !$0.type.hasPrefix("session.")
        }.sorted { $0.id.text < $1.id.text }
    }

    @Test("what Flatpeak tells is passed on as it came, once, under its own id, whatever it is")
    func passedOn() async throws {
        let station = try Station()
        let bodies = [
            Station.event("evt_1", "a.kind.nobody.knows", #"{ "x": [1.50, null] }"#),
            Station.event("evt_2", "tariff.expired", #"{"location_id":"loc_9"}"#), #"{"id":"evt_3"}"#,
        ]
        for body in bodies + bodies { #expect(try await station.deliver(body) == nil) }
        await station.work()
        let told = try await told(station)
        #expect(told.map(\.id.text) == ["evt_1", "evt_2", "evt_3"])
        #expect(told.map(\.type) == ["flatpeak.a.kind.nobody.knows", "flatpeak.tariff.expired", "flatpeak.unknown"])
        #expect(told.map { String(decoding: $0.data, as: UTF8.self) } == bodies)
        #expect(told.allSatisfy { $0.subject == nil && $0.session == nil })
    }

    @Test("that a user has to do something is told once, and to whom it belongs")
    func actionTold() async throws {
        let station = try Station()
        station.store.bind(station.location, to: station.alice)
        station.statusIs("ERROR")
        let event = Station.event("evt_1", "tariff.expired", #"{"location_id":"loc_1","tariff_id":"trf_1"}"#)
        for _ in 0..<2 {
            #expect(try await station.deliver(event) == nil)
            await station.work()
        }
        let told = try await told(station)
        #expect(told.map(\.id.text) == ["evt_1", "evt_1_action"])
        #expect(told.map(\.type) == ["flatpeak.tariff.expired", "tariff.action_required"])
        #expect(told.allSatisfy { $0.subject == station.alice })
        let expected =
            #"{"action_required":"reconnect","location_id":"loc_1","subject":"alice","tariff_id":"trf_1"}"#
        #expect(told.last.map { String(decoding: $0.data, as: UTF8.self) } == expected)
        // Forgotten with the only one it is about.
        _ = try await station.store.forget(station.alice)
        #expect(try await self.told(station).isEmpty)
    }

    // MARK: - Order

    @Test("events reversed and doubled end in the state of those that came in order (R21)", arguments: 0..<12)
    func R21(seed: Int) async throws {
        // The tariff broke and was connected again before any of this arrives; and the other way round.
        for (statuses, expected) in [("CONNECTED", nil), ("ERROR", .reconnect)] as [(String, RequiredAction?)] {
            let station = try Station()
            let session = try await station.session("cot_a")
            station.upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
            station.statusIs(statuses)
            let broken = #"{"location_id":"loc_1","tariff_id":"trf_1"}"#
            let story = [
                Station.event("evt_1", "connect_session.complete", #"{"id":"cot_a","location_id":"loc_1"}"#),
                Station.event("evt_2", "tariff.fetch.failed", broken),
                Station.event("evt_3", "location.update", #"{"id":"loc_1"}"#),
                Station.event("evt_4", "tariff.expired", broken),
            ]
            var generator = Chance(state: UInt64(seed))
            // The location is known from the start, as after an earlier session.
            station.store.bind(station.location, to: station.alice)
            let told = seed == 0 ? story : seed == 1 ? story.reversed() : (story + story).shuffled(using: &generator)
            for event in told {
                #expect(try await station.deliver(event) == nil)
                if Bool.random(using: &generator) { await station.work() }
                station.clock.advance(by: 1)
            }
            await station.work()
            #expect(try await station.action == expected, "\(told)")
            let kept = try #require(try await station.store.session(session.id))
            #expect(kept.outcome(at: station.clock.wall).state == (statuses == "ERROR" ? .failed : .connected))
            #expect(try await station.store.waiting().count == 0)
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
