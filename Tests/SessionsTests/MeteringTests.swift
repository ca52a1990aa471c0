import Core
import Flatpeak
import Foundation
import Networking
import TestSupport
import Testing

@testable import Sessions

/// Writes of meter records and devices: each is sent at most once.
@Suite struct MeteringTests {
    let upstream = ScriptedUpstream()
    let store = InMemoryStore()
    let clock = TestClock()
    let alice = Subject("alice")!
    let bob = Subject("bob")!
    let location = LocationID("loc_1")!

    private static let record =
        #"{"units":"WH","value":1,"start_time":"2026-01-01T00:00:00Z","end_time":"2026-01-01T00:15:00Z"}"#
    private static let batch =
        #"{"id":"bat_1","object":"meter_batch","records_submitted":1,"records_accepted":1,"records_processed":0,"#
        + #""failed_records":[],"account_id":"acc_1"}"#

    init() {
        store.bind(location, to: alice)
        store.bind(location, to: bob)
        upstream.on("meters_interval", .json(Self.batch))
        upstream.on("device_create", .json(#"{"id":"dev_1","object":"device"}"#, status: 201))
        upstream.on("device_delete", .json("{}", status: 202))
    }

    /// A process on the store; the next one finds what the last one left.
    private func service() -> ServiceFixture {
        ServiceFixture(
            flatpeak: .scripted(upstream, clock: clock), store: store, now: { [clock] in clock.wall },
            time: clock.time)
    }

    private func sessions() -> Sessions { service().sessions }

    private func submit(
        _ sessions: Sessions, _ body: String = "[\(record)]", as key: String? = "k", for subject: Subject? = nil
    ) async throws -> WriteAnswer {
        try await sessions.metering.submit(
            Array(body.utf8), .interval, as: key.flatMap { IdempotencyKey($0) }, at: location, for: subject ?? alice)
    }

    private func create(
        _ sessions: Sessions, _ body: String = #"{"reference_id":"garage"}"#, as key: String? = "k"
    ) async throws -> WriteAnswer {
        try await sessions.devices.create(
            Array(body.utf8), as: key.flatMap { IdempotencyKey($0) }, at: location, for: alice)
    }

    // MARK: - Once

    @Test func `a write with a key is sent once, and answered alike over restarts`() async throws {
        let first = try await submit(sessions())
        #expect(first.status == 200)
        #expect(!String(decoding: first.body, as: UTF8.self).contains("acc_1"))
        for _ in 0..<3 {
            let again = try await submit(sessions())
            #expect(again.body == first.body)
            #expect(again.status == first.status)
        }
        #expect(upstream.requests("meters_interval").count == 1)
        clock.advance(by: LedgerEntry.life)
        _ = try await submit(sessions())
        #expect(upstream.requests("meters_interval").count == 2)
    }

    @Test func `a device is created once, and answered alike over restarts`() async throws {
        let first = try await create(sessions())
        #expect(first.status == 201)
        #expect(try await create(sessions()).body == first.body)
        #expect(upstream.requests("device_create").count == 1)
        #expect(upstream.requests("device_create").first?.text.contains(#""loc_1.2bd806c97f0e00af.garage""#) == true)
        let list = String(decoding: try await sessions().devices.list(at: location, for: alice), as: UTF8.self)
        #expect(list.contains(#""id":"dev_1""#))
        #expect(list.contains(#""reference_id":"garage""#))
        #expect(
            !String(decoding: try await sessions().devices.list(at: location, for: bob), as: UTF8.self).contains(
                "dev_1"))
    }

    @Test func `a key belongs to one request of one subject`() async throws {
        _ = try await submit(sessions())
        await #expect(throws: BFFError.idempotencyKeyReused) { try await create(sessions()) }
        await #expect(throws: BFFError.idempotencyKeyReused) {
            try await submit(sessions(), "[\(Self.record), \(Self.record)]")
        }
        let other = try #require(LocationID("loc_2"))
        store.bind(other, to: alice)
        await #expect(throws: BFFError.idempotencyKeyReused) {
            try await sessions().metering.submit(
                Array("[\(Self.record)]".utf8), .interval, as: IdempotencyKey("k"), at: other, for: alice)
        }
        _ = try await submit(sessions(), for: bob)
        #expect(upstream.requests("meters_interval").count == 2)
    }

    @Test func `a write without a key is sent each time`() async throws {
        for _ in 0..<2 { _ = try await submit(sessions(), as: nil) }
        #expect(upstream.requests("meters_interval").count == 2)
    }

    @Test func `a write in progress holds its key`() async throws {
        let gate = Gate()
        upstream.on(
            "meters_interval",
            [
                { _ in
                    await gate.wait()
                    return .success(.json(Self.batch))
                }
            ])
        let sessions = sessions()
        let first = Task { try await submit(sessions) }
        try await until { !upstream.requests("meters_interval").isEmpty }
        await #expect(throws: BFFError.idempotencyInProgress) { try await submit(sessions) }
        await gate.open()
        let answer = try await first.value
        #expect(try await submit(sessions).body == answer.body)
        #expect(upstream.requests("meters_interval").count == 1)
    }

    // MARK: - Unknown outcomes

    static let unclear: [Result<HTTPAnswer, TransportFailure>] = [
        .failure(.broken), .failure(.timedOut), .failure(.unreadable), .success(.json("{}", status: 500)),
        .success(.json("{}", status: 503)), .success(.json("<html>")), .success(.json(#"{"object":"meter_batch"}"#)),
    ]

    @Test(arguments: unclear.indices)
    func `a write whose outcome is not known is never sent again under its key`(index: Int) async throws {
        let answer = Self.unclear[index]
        upstream.on("meters_interval", [{ _ in answer }, { _ in .success(.json(Self.batch)) }])
        for _ in 0..<3 {
            await #expect(throws: BFFError.writeOutcomeUnknown) { try await submit(sessions()) }
        }
        #expect(upstream.requests("meters_interval").count == 1)
        // The client decides.
        _ = try await submit(sessions(), as: "another")
        #expect(upstream.requests("meters_interval").count == 2)
    }

    @Test(arguments: unclear.indices)
    func `costs are read anew after a write whose outcome is not known`(index: Int) async throws {
        let answer = Self.unclear[index], service = service()
        upstream.on("meters_interval", [{ _ in answer }])
        upstream.on("cost_session", .json(#"{"data":[]}"#))
        let reference = try #require(ClientReference("a"))
        let read = { () async throws in
            let access = try await service.reads.access(to: location, for: alice)
            _ = try await service.reads.costs(ofSession: reference, direction: nil, with: access)
        }
        for _ in 0..<2 { try await read() }
        #expect(upstream.requests("cost_session").count == 1)
        await #expect(throws: BFFError.writeOutcomeUnknown) { try await submit(service.sessions) }
        try await read()
        #expect(upstream.requests("cost_session").count == 2)
    }

    @Test func `a write without an answer after 30 s has an unknown outcome, until its answer comes all the same`()
        async throws
    {
        let gate = Gate()
        upstream.on(
            "meters_interval",
            [
                { _ in
                    await gate.wait()
                    return .success(.json(Self.batch))
                }
            ])
        let first = Task { try await submit(sessions()) }
        try await until { !upstream.requests("meters_interval").isEmpty }
        // As a process that was started anew sees it.
        clock.advance(by: LedgerEntry.longestWrite - 1)
        await #expect(throws: BFFError.idempotencyInProgress) { try await submit(sessions()) }
        clock.advance(by: 1)
        await #expect(throws: BFFError.writeOutcomeUnknown) { try await submit(sessions()) }
        await gate.open()
        let answer = try await first.value
        #expect(try await submit(sessions()).body == answer.body)
        #expect(upstream.requests("meters_interval").count == 1)
    }

    static let refused: [Result<HTTPAnswer, TransportFailure>] = [
        .failure(.notConnected), .success(.json(#"{"code":"account_disabled"}"#, status: 422)),
        .success(.json("{}", status: 429)), .success(.json("{}", status: 400)),
    ]

    @Test(arguments: refused.indices)
    func `a write that Flatpeak did not take frees its key`(index: Int) async throws {
        let answer = Self.refused[index]
        upstream.on("device_create", [{ _ in answer }])
        await #expect(throws: BFFError.self) { try await create(sessions()) }
        let count = upstream.requests("device_create").count
        upstream.on("device_create", .json(#"{"id":"dev_1"}"#, status: 201))
        clock.advance(by: 600)
        #expect(try await create(sessions()).status == 201)
        #expect(upstream.requests("device_create").count == count + 1)
    }

    @Test func `a body that is refused frees its key`() async throws {
        await #expect(throws: BFFError.invalidField("0.units", reason: .missing)) {
            try await submit(sessions(), "[{}]")
        }
        _ = try await submit(sessions())
        #expect(upstream.requests("meters_interval").count == 1)
    }

    // MARK: - The store

    @Test(arguments: ["k", nil])
    func `nothing is sent while the store is away (R23)`(key: String?) async throws {
        let sessions = sessions()
        store.isAway = true
        await #expect(throws: BFFError.storeUnavailable) { try await submit(sessions, as: key) }
        await #expect(throws: BFFError.storeUnavailable) { try await create(sessions, as: key) }
        #expect(upstream.requests().isEmpty)
        store.isAway = false
        _ = try await submit(sessions, as: key)
        #expect(upstream.requests("meters_interval").count == 1)
    }

    @Test func `an answer that cannot be kept is given, and the write is not sent again`() async throws {
        let store = store
        upstream.on(
            "meters_interval",
            [
                { _ in
                    store.isAway = true
                    return .success(.json(Self.batch))
                }
            ])
        let sessions = sessions()
        #expect(try await submit(sessions).status == 200)
        store.isAway = false
        clock.advance(by: LedgerEntry.longestWrite)
        await #expect(throws: BFFError.writeOutcomeUnknown) { try await submit(sessions) }
        #expect(upstream.requests("meters_interval").count == 1)
    }

    @Test func `whether a device was created that cannot be stored is not known`() async throws {
        let store = store
        upstream.on(
            "device_create",
            [
                { _ in
                    store.isAway = true
                    return .success(.json(#"{"id":"dev_1"}"#, status: 201))
                }
            ])
        let sessions = sessions()
        await #expect(throws: BFFError.writeOutcomeUnknown) { try await create(sessions) }
        store.isAway = false
        clock.advance(by: LedgerEntry.longestWrite)
        await #expect(throws: BFFError.writeOutcomeUnknown) { try await create(sessions) }
        #expect(upstream.requests("device_create").count == 1)
    }

    // MARK: - Ownership

    @Test func `a stranger's write is a 404 without a call, and so is one with another's device`() async throws {
        let stranger = try #require(Subject("carol")), sessions = sessions()
        await #expect(throws: BFFError.notFound) { try await submit(sessions, for: stranger) }
        await #expect(throws: BFFError.notFound) { try await sessions.devices.list(at: location, for: stranger) }
        _ = try await create(sessions)
        let measured = Self.record.replacing("{", with: #"{"device_id":"dev_1","#)
        _ = try await submit(sessions, "[\(measured)]", as: "a")
        let calls = upstream.requests().count
        // Another owner of the same location.
        await #expect(throws: BFFError.notFound) { try await submit(sessions, "[\(measured)]", as: "b", for: bob) }
        await #expect(throws: BFFError.notFound) {
            try await submit(sessions, "[\(measured.replacing("dev_1", with: "dev_2"))]", as: "c")
        }
        let device = try #require(DeviceID("dev_1"))
        await #expect(throws: BFFError.notFound) { try await sessions.devices.delete(device, at: location, for: bob) }
        #expect(upstream.requests().count == calls)
        try await sessions.devices.delete(device, at: location, for: alice)
        await #expect(throws: BFFError.notFound) { try await submit(sessions, "[\(measured)]", as: "d") }
    }

    @Test func `a batch is read by the subject that sent it, until it is processed`() async throws {
        let sessions = sessions(), id = try #require(BatchID("bat_1"))
        await #expect(throws: BFFError.notFound) { try await sessions.metering.batch(id, at: location, for: alice) }
        #expect(upstream.requests().isEmpty)
        _ = try await submit(sessions)
        #expect(try await store.hasUnprocessedBatch(at: location, after: clock.wall - 1))
        await #expect(throws: BFFError.notFound) { try await sessions.metering.batch(id, at: location, for: bob) }
        upstream.on(
            "meters_batch",
            .json(
                #"{"id":"bat_1","records_submitted":1,"records_accepted":1,"records_processed":1,"connect_token":"cot_1"}"#
            ))
        let body = String(decoding: try await sessions.metering.batch(id, at: location, for: alice), as: UTF8.self)
        #expect(body.contains(#""records_processed":1"#))
        #expect(!body.contains("cot_"))
        #expect(try await !store.hasUnprocessedBatch(at: location, after: clock.wall - 1))
    }

    @Test func `a location has at most 100 devices of a subject`() async throws {
        for number in 0..<LocationDevices.most {
            let id = try #require(DeviceID("dev_x\(number)"))
            #expect(
                try await store.add(StoredDevice(id: id, location: location, subject: alice, createdAt: clock.wall)))
        }
        let sessions = sessions()
        await #expect(throws: BFFError.invalidField("devices", reason: .tooMany)) { try await create(sessions) }
        #expect(upstream.requests().isEmpty)
    }
}
