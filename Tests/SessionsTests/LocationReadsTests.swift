import Core
import Flatpeak
import Foundation
import TestSupport
import Testing

@testable import Sessions

@Suite struct LocationReadsTests {
    let upstream = ScriptedUpstream()
    let clock = TestClock()
    let store = InMemoryStore()
    let reads: LocationReads
    let location: LocationID
    let alice: Subject
    let bob: Subject

    init() async throws {
        location = try #require(LocationID("loc_1"))
        alice = try #require(Subject("alice"))
        bob = try #require(Subject("bob"))
        let clock = clock
        reads = LocationReads(
            flatpeak: .scripted(upstream, clock: clock),
            cache: SessionCache(store: store, clock: ContinuousClock(), timeout: .seconds(60), logger: .silent),
            time: clock.time, now: { clock.wall })
        store.bind(location, to: alice)
        upstream.on("status", .json(#"{"tariff_status":{},"n":1}"#), .json(#"{"tariff_status":{},"n":2}"#))
    }

    private func status(_ subject: Subject) async throws -> String {
        String(decoding: try await reads.status(of: location, for: subject).body, as: UTF8.self)
    }

    @Test("100 concurrent reads are one call to Flatpeak (R25)")
    func R25() async throws {
        let (gate, open) = AsyncStream<Void>.makeStream()
        upstream.on(
            "status",
            [
                { _ in
                    for await _ in gate {}; return .success(.json(#"{"tariff_status":{}}"#))
                }
            ])
        let readers = (0..<100).map { _ in Task { try await reads.status(of: location, for: alice) } }
        try await until { !upstream.requests("status").isEmpty }
        open.finish()
        for reader in readers { _ = try await reader.value }
        #expect(upstream.requests("status").count == 1)
    }

    @Test func `a read that was under way when an unconfirmed session changed the tariff is refused (S52)`()
        async throws
    {
        let (gate, open) = AsyncStream<Void>.makeStream()
        upstream.on(
            "status",
            [
                { _ in
                    for await _ in gate {}; return .success(.json(#"{"tariff_status":{}}"#))
                }
            ])
        let reader = Task { try await reads.status(of: location, for: alice) }
        try await until { !upstream.requests("status").isEmpty }
        var facts = SessionFacts()
        (facts.answeredAt, facts.settledAt) = (clock.wall, clock.wall)
        let edit = try ConfirmationTests.session(location: "loc_1", action: .edit, facts)
        _ = try await store.save([SessionWrite(edit, isNew: true)], at: clock.wall)
        open.finish()
        await #expect(throws: BFFError.confirmationRequired) { try await reader.value }
    }

    @Test("an answer is cached for one user alone (R25)")
    func R25isolation() async throws {
        _ = try await status(alice)
        await #expect(throws: BFFError.notFound) { try await status(bob) }
        store.bind(location, to: bob)
        #expect(try await status(bob).contains(#""n":2"#))
        #expect(upstream.requests("status").count == 2)
    }

    @Test func `a status that is cached is read again without the store, with the action that is required`()
        async throws
    {
        let clock = clock
        let cache = SessionCache(
            store: store, time: clock.time, clock: ContinuousClock(), timeout: .seconds(60), logger: .silent)
        let reads = LocationReads(
            flatpeak: .scripted(upstream, clock: clock), cache: cache, time: clock.time, now: { clock.wall })
        for _ in 0..<3 { _ = try await reads.status(of: location, for: alice) }
        #expect(store.locationReads == 7, "the owner, also after the call, and the action, as changes are not notified")
        cache.ownership.apply(.subscribed)
        for _ in 0..<3 { #expect(try await reads.status(of: location, for: alice).action == nil) }
        #expect(store.locationReads == 8)
        #expect(upstream.requests("status").count == 1)
        store.unbindSilently(alice)
        cache.ownership.apply(.ownershipChanged(SubjectDigest(alice)))
        await #expect(throws: BFFError.notFound) { try await reads.status(of: location, for: alice) }
    }

    @Test("an answer is cached briefly, and not beyond a change at the location (R25)")
    func R25life() async throws {
        #expect(try await status(alice).contains(#""n":1"#))
        clock.advance(by: 4.9)
        #expect(try await status(alice).contains(#""n":1"#))
        clock.advance(by: 0.1)
        #expect(try await status(alice).contains(#""n":2"#))
        upstream.on("status", .json(#"{"tariff_status":{},"n":3}"#))
        reads.invalidate(location)
        #expect(try await status(alice).contains(#""n":3"#))
    }

    @Test("the last answer is served with its age during an outage, for ten minutes (R25)")
    func R25stale() async throws {
        #expect(try await reads.status(of: location, for: alice).age == nil)
        upstream.on("status", .json("{}", status: 500))
        clock.advance(by: 300)
        let found = try await reads.status(of: location, for: alice)
        #expect(String(decoding: found.body, as: UTF8.self).contains(#""n":1"#))
        #expect((300...302).contains(try #require(found.age).components.seconds))
        clock.advance(by: 306)
        await #expect(throws: BFFError.self) { try await reads.status(of: location, for: alice) }
    }

    @Test("an answer that the location does not exist is no outage (R25)")
    func R25gone() async throws {
        _ = try await status(alice)
        upstream.on("status", .json("{}", status: 404))
        clock.advance(by: 6)
        await #expect(throws: BFFError.notFound) { try await status(alice) }
    }

    @Test("prices are cached until Flatpeak announces new ones (R25)")
    func R25prices() async throws {
        let next = clock.wall.addingTimeInterval(600).formatted(.iso8601)
        upstream.on("prices", .json(#"{"next_update":"\#(next)"}"#))
        let end = clock.wall.addingTimeInterval(3600)
        for _ in 0..<2 { _ = try await reads.prices(of: location, from: nil, to: end, direction: nil, for: alice) }
        clock.advance(by: 599)
        _ = try await reads.prices(of: location, from: nil, to: end, direction: nil, for: alice)
        #expect(upstream.requests("prices").count == 1)
        _ = try await reads.prices(of: location, from: nil, to: end, direction: .exporting, for: alice)
        #expect(upstream.requests("prices").count == 2)
        clock.advance(by: 1)
        _ = try await reads.prices(of: location, from: nil, to: end, direction: nil, for: alice)
        #expect(upstream.requests("prices").count == 3)
    }

    @Test(
        "upstream.md §6.3: a request that had no prices is not repeated within 15 minutes",
        arguments: [(BFFError.PriceGap.pendingConnect, 1), (.noPriceData, 1), (.noTariffConnected, 2)])
    func noPrices(gap: BFFError.PriceGap, calls: Int) async throws {
        upstream.on("prices", .json(#"{"code":"\#(gap.rawValue)"}"#, status: 422))
        let end = clock.wall.addingTimeInterval(3600)
        for _ in 0..<2 {
            await #expect(throws: BFFError.noPrices(gap)) {
                try await reads.prices(of: location, from: nil, to: end, direction: nil, for: alice)
            }
            clock.advance(by: 899)
        }
        #expect(upstream.requests("prices").count == calls)
        clock.advance(by: 1)
        await #expect(throws: BFFError.noPrices(gap)) {
            try await reads.prices(of: location, from: nil, to: end, direction: nil, for: alice)
        }
        #expect(upstream.requests("prices").count == calls + 1)
    }

    @Test(
        "periods are rounded to whole minutes, at least one, at most 90 days",
        arguments: [
            (0.0, 3600.0, 0.0, 3600.0), (30, 3630, 0, 3660), (0.2, 0.8, 0, 60), (61, 119, 60, 120),
            (30, 90 * 86400 + 30, 60, 90 * 86400 + 60),
            // One of the days has 25 hours.
            (0, 90 * 86400 + 3600, 0, 90 * 86400 + 3600), (30, 90 * 86400 + 3630, 60, 90 * 86400 + 3660),
        ] as [(Double, Double, Double, Double)])
    func minutes(start: Double, end: Double, first: Double, last: Double) {
        let date = { (seconds: Double) in Date(timeIntervalSince1970: seconds) }
        let (from, to) = LocationReads.minutes(from: date(start), to: date(end))
        #expect(from == date(first))
        #expect(to == date(last))
        #expect(LocationReads.minutes(from: nil, to: date(end)).start == nil)
    }
}
