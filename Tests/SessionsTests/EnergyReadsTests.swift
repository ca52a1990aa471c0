import Core
import Flatpeak
import Foundation
import TestSupport
import Testing

@testable import Sessions

/// What is cached of schedules, costs and the location, for how long, and what ends it.
@Suite struct EnergyReadsTests {
    let upstream = ScriptedUpstream()
    let clock = TestClock()
    let store = InMemoryStore()
    let reads: LocationReads
    let location: LocationID
    let device: DeviceID
    let alice: Subject
    let bob: Subject

    init() async throws {
        location = try #require(LocationID("loc_1"))
        device = try #require(DeviceID("dev_1"))
        alice = try #require(Subject("alice"))
        bob = try #require(Subject("bob"))
        let clock = clock
        reads = LocationReads(
            flatpeak: .scripted(upstream, clock: clock),
            cache: SessionCache(store: store, clock: ContinuousClock(), timeout: .seconds(60), logger: .silent),
            time: clock.time, now: { clock.wall })
        store.bind(location, to: alice)
        for operation in ["schedule_duration", "schedule_limit", "schedule_amount", "cost_interval", "cost_session"] {
            upstream.on(operation, .json(#"{"data":[]}"#))
        }
        upstream.on("cost_instant", .json(#"{"data":{"start_time":"a","end_time":"b"}}"#))
    }

    private func access(_ subject: Subject? = nil) async throws -> LocationAccess {
        try await reads.access(to: location, for: subject ?? alice)
    }

    private func instant(_ seconds: Double) throws -> RFC3339Timestamp {
        try #require(RFC3339Timestamp((clock.wall + seconds).formatted(.iso8601)))
    }

    /// The cheapest hour of a window that begins now.
    private func cheapest(
        from start: Double = 0, to end: Double = 36_000, _ subject: Subject? = nil
    ) async throws -> LocationReads.Response {
        let window = try ScheduleWindow(
            from: try instant(start), to: try instant(end), holding: 60, longestDays: reads.longestScheduleDays)
        return try await reads.schedule(
            .low, .duration(minutes: 60), in: window, direction: nil, with: try await access(subject))
    }

    private func costs(of device: DeviceID? = nil, _ subject: Subject? = nil) async throws -> LocationReads.Response {
        let query = CostQuery(
            location: location,
            scope: .interval(
                from: try #require(RFC3339Timestamp("2023-11-01T00:00:00Z")),
                to: try #require(RFC3339Timestamp("2023-11-02T00:00:00Z")), .day, of: device))
        return try await reads.costs(query, with: try await access(subject))
    }

    private func amount(_ start: String = "") async throws -> LocationReads.Response {
        let end = (clock.wall + 36_000).formatted(.iso8601)
        let body =
            #"{"max_power":{"units":"KW","value":7},"data":[{"device_id":"dev_1",\#(start)"end_time":"\#(end)","#
            + #""energy":{"units":"KWH","value":5.3}}]}"#
        return try await reads.schedule(try AmountRequest.read(Array(body.utf8)), with: try await access())
    }

    private func own(_ device: DeviceID, by subject: Subject? = nil) async throws {
        let stored = StoredDevice(
            id: device, location: location, subject: subject ?? alice, createdAt: clock.wall)
        #expect(try await store.add(stored))
    }

    // MARK: - Schedules

    @Test("100 requests for the same hour at once are one call to Flatpeak")
    func sameHour() async throws {
        let (gate, open) = AsyncStream<Void>.makeStream()
        upstream.on(
            "schedule_duration",
            [
                { _ in
                    for await _ in gate {}; return .success(.json(#"{"data":[]}"#))
                }
            ])
        let readers = (0..<100).map { _ in Task { try await cheapest() } }
        try await until { !upstream.requests("schedule_duration").isEmpty }
        open.finish()
        for reader in readers { _ = try await reader.value }
        #expect(upstream.requests("schedule_duration").count == 1)
    }

    @Test("a read after a change does not get the answer of one from before it")
    func readAfterChange() async throws {
        let (gate, open) = AsyncStream<Void>.makeStream()
        upstream.on(
            "cost_interval",
            [
                { _ in
                    for await _ in gate {}; return .success(.json(#"{"energy_units":"old","data":[]}"#))
                },
                { _ in .success(.json(#"{"energy_units":"new","data":[]}"#)) },
            ])
        let early = Task { try await costs() }
        try await until { upstream.requests("cost_interval").count == 1 }
        reads.invalidate(location)
        let late = Task { try await costs() }
        // The later call is made, and does not wait for the earlier one.
        try await until { upstream.requests("cost_interval").count == 2 }
        let found = String(decoding: try await late.value.body, as: UTF8.self)
        open.finish()
        #expect(found.contains("new"))
        #expect(String(decoding: try await early.value.body, as: UTF8.self).contains("old"))
        // Nor does the earlier answer replace the later one.
        #expect(String(decoding: try await costs().body, as: UTF8.self).contains("new"))
    }

    @Test("a schedule is asked for again after Flatpeak's next update, and has its age until then")
    func untilNextUpdate() async throws {
        let next = clock.wall.addingTimeInterval(600).formatted(.iso8601)
        upstream.on("schedule_duration", .json(#"{"next_update":"\#(next)","data":[]}"#))
        let (start, end) = (clock.wall, 36_000.0)
        #expect(try await cheapest().age == nil)
        clock.advance(by: 599)
        let elapsed = clock.wall.timeIntervalSince(start)
        let cached = try await cheapest(from: -elapsed, to: end - elapsed)
        #expect((599...601).contains(try #require(cached.age).components.seconds))
        #expect(upstream.requests("schedule_duration").count == 1)
        clock.advance(by: 1)
        let later = clock.wall.timeIntervalSince(start)
        #expect(try await cheapest(from: -later, to: end - later).age == nil)
        #expect(upstream.requests("schedule_duration").count == 2)
    }

    @Test(
        "a schedule is cached for 15 minutes at most, and for one where Flatpeak names no update",
        arguments: [
            (#""next_update":"2099-01-01T00:00:00Z","#, 900.0), ("", 60),
            (#""next_update":"2001-01-01T00:00:00Z","#, 0),
        ])
    func life(update: String, seconds: Double) async throws {
        upstream.on("schedule_duration", .json(#"{\#(update)"data":[]}"#))
        let start = clock.wall
        _ = try await cheapest()
        if seconds > 0 {
            clock.advance(by: seconds - 1)
            let elapsed = clock.wall.timeIntervalSince(start)
            _ = try await cheapest(from: -elapsed, to: 36_000 - elapsed)
            #expect(upstream.requests("schedule_duration").count == 1)
            clock.advance(by: 1)
        }
        let elapsed = clock.wall.timeIntervalSince(start)
        _ = try await cheapest(from: -elapsed, to: 36_000 - elapsed)
        #expect(upstream.requests("schedule_duration").count == 2)
    }

    @Test("windows that begin in the same five minutes share an answer")
    func sharedWindows() async throws {
        // 22:13:20: all of these are rounded to 22:15.
        for second in [0.0, 1, 60, 99] { _ = try await cheapest(from: second) }
        #expect(upstream.requests("schedule_duration").count == 1)
        #expect(
            upstream.requests("schedule_duration").first?.text.contains(#""start_time":"2023-11-14T22:15:00Z""#) == true
        )
        _ = try await cheapest(from: 101)
        #expect(upstream.requests("schedule_duration").count == 2)
    }

    @Test("the direction that is meant where none is given shares its answer")
    func defaultDirection() async throws {
        let window = try ScheduleWindow(from: try instant(0), to: try instant(36_000), longestDays: 3)
        for direction in [nil, TariffDirection.importing, .exporting] {
            _ = try await reads.schedule(
                .high, .relative(0.75), in: window, direction: direction, with: try await access())
        }
        #expect(upstream.requests("schedule_limit").count == 2)
        _ = try await costs()
        #expect(upstream.requests("cost_interval").first?.url.hasSuffix("&tariff_direction=IMPORT") == true)
    }

    @Test(
        "a request that had no prices is not repeated within 15 minutes",
        arguments: [(BFFError.PriceGap.pendingConnect, 1), (.noPriceData, 1), (.noTariffConnected, 2)])
    func noPrices(gap: BFFError.PriceGap, calls: Int) async throws {
        for operation in ["schedule_duration", "cost_interval"] {
            upstream.on(operation, .json(#"{"code":"\#(gap.rawValue)"}"#, status: 422))
        }
        let start = clock.wall
        for _ in 0..<2 {
            let elapsed = clock.wall.timeIntervalSince(start)
            await #expect(throws: BFFError.noPrices(gap)) { try await cheapest(from: -elapsed, to: 36_000 - elapsed) }
            await #expect(throws: BFFError.noPrices(gap)) { try await costs() }
            clock.advance(by: 899)
        }
        #expect(upstream.requests("schedule_duration").count == calls)
        #expect(upstream.requests("cost_interval").count == calls)
    }

    @Test("a schedule is served with its age during an outage, for ten minutes")
    func stale() async throws {
        let start = clock.wall
        _ = try await cheapest()
        upstream.on("schedule_duration", .json("{}", status: 500))
        clock.advance(by: 600)
        let elapsed = clock.wall.timeIntervalSince(start)
        let found = try await cheapest(from: -elapsed, to: 36_000 - elapsed)
        #expect(try #require(found.age) >= .seconds(600))
    }

    @Test("an answer is one user's alone, and a change at the location ends it")
    func isolation() async throws {
        await #expect(throws: BFFError.notFound) { try await cheapest(bob) }
        #expect(upstream.requests().isEmpty)
        store.bind(location, to: bob)
        _ = try await cheapest()
        _ = try await cheapest(bob)
        #expect(upstream.requests("schedule_duration").count == 2)
        reads.invalidate(location)
        _ = try await cheapest()
        _ = try await cheapest(bob)
        #expect(upstream.requests("schedule_duration").count == 4)
    }

    // MARK: - Schedules by amount

    @Test("a schedule by amount is for the subject's own devices at the location (S12)")
    func ownDevices() async throws {
        await #expect(throws: BFFError.notFound) { try await amount() }
        store.bind(location, to: bob)
        try await own(device, by: bob)
        await #expect(throws: BFFError.notFound) { try await amount() }
        #expect(upstream.requests().isEmpty)
        try await own(device)
        _ = try await amount()
        #expect(upstream.requests("schedule_amount").count == 1)
    }

    @Test("a schedule by amount is cached as long as its window is fixed, and a minute where it begins now")
    func amountLife() async throws {
        upstream.on("schedule_amount", .json(#"{"next_update":"2099-01-01T00:00:00Z","data":[]}"#))
        try await own(device)
        let end = (clock.wall + 36_000).formatted(.iso8601), start = clock.wall.formatted(.iso8601)
        let ask = { (start: String) async throws in
            let body =
                #"{"max_power":{"units":"KW","value":7},"data":[{"device_id":"dev_1",\#(start)"end_time":"\#(end)","#
                + #""energy":{"units":"KWH","value":5.3}}]}"#
            _ = try await reads.schedule(try AmountRequest.read(Array(body.utf8)), with: try await access())
        }
        let fixed = #""start_time":"\#(start)","#
        for _ in 0..<2 {
            try await ask(fixed)
            try await ask("")
        }
        #expect(upstream.requests("schedule_amount").count == 2)
        clock.advance(by: 61)
        try await ask(fixed)
        #expect(upstream.requests("schedule_amount").count == 2)
        try await ask("")
        #expect(upstream.requests("schedule_amount").count == 3)
    }

    // MARK: - Costs

    @Test("costs are cached for a minute, with their age")
    func costsLife() async throws {
        #expect(try await costs().age == nil)
        clock.advance(by: 59)
        #expect((59...60).contains(try #require(try await costs().age).components.seconds))
        clock.advance(by: 1)
        #expect(try await costs().age == nil)
        #expect(upstream.requests("cost_interval").count == 2)
    }

    @Test("costs are not cached while a batch of the location is unprocessed")
    func unsettledCosts() async throws {
        _ = try await costs()
        let batch = StoredBatch(
            id: try #require(BatchID("bat_1")), location: location, subject: alice, isProcessed: false,
            sentAt: clock.wall)
        #expect(try await store.keep(batch))
        for _ in 0..<2 { #expect(try await costs().age == nil) }
        #expect(upstream.requests("cost_interval").count == 3)
        var processed = batch
        processed.isProcessed = true
        #expect(try await store.keep(processed))
        for _ in 0..<2 { _ = try await costs() }
        #expect(upstream.requests("cost_interval").count == 4)
    }

    @Test("that there are no prices is not asked again within 15 minutes, not even while a batch is unprocessed")
    func unsettledWithoutPrices() async throws {
        upstream.on("cost_interval", .json(#"{"code":"no_price_data"}"#, status: 422))
        let batch = StoredBatch(
            id: try #require(BatchID("bat_1")), location: location, subject: alice, isProcessed: false,
            sentAt: clock.wall)
        #expect(try await store.keep(batch))
        for _ in 0..<2 { await #expect(throws: BFFError.noPrices(.noPriceData)) { try await costs() } }
        #expect(upstream.requests("cost_interval").count == 1)
    }

    @Test("a batch that is never processed stops costs from being cached for an hour alone")
    func lostBatch() async throws {
        let batch = StoredBatch(
            id: try #require(BatchID("bat_1")), location: location, subject: alice, isProcessed: false,
            sentAt: clock.wall)
        #expect(try await store.keep(batch))
        clock.advance(by: 3601)
        for _ in 0..<2 { _ = try await costs() }
        #expect(upstream.requests("cost_interval").count == 1)
    }

    @Test("costs of a device are the subject's own alone (S12)")
    func costsOfDevice() async throws {
        store.bind(location, to: bob)
        try await own(device, by: bob)
        await #expect(throws: BFFError.notFound) { try await costs(of: device) }
        #expect(upstream.requests().isEmpty)
        _ = try await costs(of: device, bob)
        #expect(upstream.requests("cost_interval").count == 1)
        try await own(device)
        _ = try await costs(of: device)
        #expect(upstream.requests("cost_interval").count == 2)
    }

    @Test("a session's reference leaves with its location and owner, and rows of others do not come in")
    func session() async throws {
        let rows = ["loc_1.2bd806c97f0e00af.a", "loc_1.81b637d8fcd2c6da.a", "loc_2.2bd806c97f0e00af.a", "loc_1.a", "a"]
            .map {
                #"{"start_time":"s","end_time":"e","session_reference_id":"\#($0)"}"#
            }
        upstream.on("cost_session", .json(#"{"data":[\#(rows.joined(separator: ","))]}"#))
        let found = try await reads.costs(
            ofSession: try #require(ClientReference("a")), direction: .local, with: try await access())
        #expect(
            String(decoding: found.body, as: UTF8.self)
                == #"{"object":"energy_cost","location_id":"loc_1","tariff_direction":"LOCAL","#
                + #""data":[{"start_time":"s","end_time":"e","session_reference_id":"a"}]}"#)
        #expect(
            upstream.requests("cost_session").map(\.url)
                == ["https://api.test/costs/session/loc_1.2bd806c97f0e00af.a?tariff_direction=LOCAL"])
    }

    @Test("two owners of a location do not see each other's references")
    func twoOwners() async throws {
        store.bind(location, to: bob)
        // Flatpeak has the references of both, as the calls of each sent them.
        var scoped: [Subject: String] = [:]
        for owner in [alice, bob] {
            _ = try await reads.costs(
                ofSession: try #require(ClientReference("charge")), direction: nil, with: try await access(owner))
            let url = try #require(upstream.requests("cost_session").last?.url)
            scoped[owner] = String(try #require(url.split(separator: "/").last?.split(separator: "?").first))
        }
        let alices = try #require(scoped[alice]), bobs = try #require(scoped[bob])
        #expect(alices != bobs)
        let rows = [alices, bobs].enumerated().map {
            #"{"start_time":"s\#($0)","end_time":"e","session_reference_id":"\#($1)","record_reference_id":"log-\#($0)"}"#
        }
        // What no session has is of the location; who sent it is not known.
        let loose = #"{"start_time":"s2","end_time":"e","record_reference_id":"log-2"}"#
        let none = #"{"start_time":"s3","end_time":"e","session_reference_id":null,"record_reference_id":"log-3"}"#
        let all = (rows + [loose, none]).joined(separator: ",")
        upstream.on("cost_interval", .json(#"{"data":[\#(all)]}"#))
        upstream.on("cost_session", .json(#"{"data":[\#(all)]}"#))
        for (number, owner) in [alice, bob].enumerated() {
            let expected =
                #"{"start_time":"s\#(number)","end_time":"e","session_reference_id":"charge","#
                + #""record_reference_id":"log-\#(number)"}"#
            let found = String(decoding: try await costs(of: nil, owner).body, as: UTF8.self)
            #expect(
                found.contains(
                    #""data":[\#(expected),{"start_time":"s2","end_time":"e"},{"start_time":"s3","end_time":"e"}]"#))
            // Its own device's records are the owner's, with or without a session.
            try await own(device, by: owner)
            let measured = String(decoding: try await costs(of: device, owner).body, as: UTF8.self)
            #expect(measured.contains(expected))
            #expect(measured.contains("log-2"))
            #expect(!measured.contains("log-\(1 - number)"))
        }
        clock.advance(by: 61)
        for (number, owner) in [alice, bob].enumerated() {
            let found = try await reads.costs(
                ofSession: try #require(ClientReference("charge")), direction: nil, with: try await access(owner))
            #expect(!String(decoding: found.body, as: UTF8.self).contains("log-\(1 - number)"))
        }
    }

    @Test("the cost of a record is asked for once, and stored nowhere")
    func record() async throws {
        let ask = { (device: String) async throws in
            let body =
                #"{"units":"WH","value":1,"start_time":"2023-11-01T00:00:00Z","end_time":"2023-11-02T00:00:00Z"\#(device)}"#
            return try await reads.cost(of: try MeterRecordRequest.read(Array(body.utf8)), with: try await access())
        }
        for _ in 0..<2 { _ = try await ask("") }
        #expect(upstream.requests("cost_instant").count == 1)
        #expect(upstream.requests("cost_instant").first?.url.contains("non_persistent=true") == true)
        await #expect(throws: BFFError.notFound) { _ = try await ask(#","device_id":"dev_1""#) }
        try await own(device)
        _ = try await ask(#","device_id":"dev_1""#)
        #expect(upstream.requests("cost_instant").count == 2)
    }

    // MARK: - The location

    @Test func `a location is cached briefly, and comes with the action that is required there`() async throws {
        upstream.on("location", .json(#"{"id":"loc_1","tariff_status":{}}"#))
        for _ in 0..<2 { _ = try await reads.location(with: try await access()) }
        #expect(upstream.requests("location").count == 1)
        clock.advance(by: 5)
        #expect(try await reads.location(with: try await access()).action == nil)
        #expect(upstream.requests("location").count == 2)
        await #expect(throws: BFFError.notFound) { try await reads.access(to: location, for: bob) }
    }
}
