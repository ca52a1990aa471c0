import Core
import Foundation
import Sessions
import TestSupport
import Testing

@testable import Store

/// Devices, batches of meter records and the ledger of writes, in every store.
extension SessionStoreContract {
    private static let location = LocationID("loc_1")!
    private static let otherLocation = LocationID("loc_2")!

    /// A store in which both locations are alice's, and the first one is bob's, too.
    private func ownedStore(_ engine: Engine) async throws -> any ServiceStore {
        let store = try await store(engine)
        let owners = [(alice, Self.location), (alice, Self.otherLocation), (bob, Self.location)]
        for (number, (subject, location)) in owners.enumerated() {
            var session = try session(UInt8(number + 1), of: subject)
            session.facts.merge(try located(location.text, since: start))
            _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
        }
        return store
    }

    private func device(
        _ number: Int, of subject: Subject? = nil, at location: LocationID = Self.location
    ) throws -> StoredDevice {
        StoredDevice(
            id: try #require(DeviceID("dev_\(number)")), location: location, subject: subject ?? alice,
            reference: ClientReference("ref-\(number)"), type: "EV_CHARGER", createdAt: start + Double(number))
    }

    private func batch(
        _ number: Int, of subject: Subject? = nil, at location: LocationID = Self.location, isProcessed: Bool = false
    ) throws -> StoredBatch {
        StoredBatch(
            id: try #require(BatchID("bat_\(number)")), location: location, subject: subject ?? alice,
            isProcessed: isProcessed, sentAt: start + Double(number))
    }

    private func entry(
        _ owner: String, at instant: Date? = nil, location: LocationID = Self.location, body: [UInt8] = [1]
    ) -> LedgerEntry {
        LedgerEntry(
            route: "PUT /v1/locations/{id}/meters/interval", location: location, body: body, owner: owner,
            startedAt: instant ?? start)
    }

    // MARK: - Devices

    @Test(arguments: Engine.allCases)
    func `a device is its subject's at its location, and nobody else's`(engine: Engine) async throws {
        let store = try await ownedStore(engine)
        let devices = [try device(2), try device(1), try device(3, at: Self.otherLocation), try device(4, of: bob)]
        for device in devices { #expect(try await store.add(device)) }
        #expect(try await store.devices(at: Self.location, of: alice) == [devices[1], devices[0]])
        #expect(try await store.devices(at: Self.otherLocation, of: alice) == [devices[2]])
        #expect(try await store.devices(at: Self.location, of: bob) == [devices[3]])

        #expect(try await !store.removeDevice(devices[3].id, at: Self.location, of: alice))
        #expect(try await !store.removeDevice(devices[0].id, at: Self.otherLocation, of: alice))
        #expect(try await store.removeDevice(devices[0].id, at: Self.location, of: alice))
        #expect(try await !store.removeDevice(devices[0].id, at: Self.location, of: alice))
        #expect(try await store.devices(at: Self.location, of: alice) == [devices[1]])
        #expect(try await store.devices(at: Self.location, of: bob) == [devices[3]])
    }

    @Test(arguments: Engine.allCases)
    func `a device without name or type is kept, and added twice it is one`(engine: Engine) async throws {
        let store = try await ownedStore(engine)
        let plain = StoredDevice(
            id: try #require(DeviceID("dev_1")), location: Self.location, subject: alice, createdAt: start)
        #expect(try await store.add(plain))
        #expect(try await store.add(try device(1)))
        #expect(try await store.devices(at: Self.location, of: alice) == [plain])
    }

    @Test(arguments: Engine.allCases)
    func `nothing is stored for a location that is not the subject's`(engine: Engine) async throws {
        let store = try await ownedStore(engine)
        #expect(try await !store.add(try device(1, of: bob, at: Self.otherLocation)))
        #expect(try await !store.keep(try batch(1, of: bob, at: Self.otherLocation)))
        #expect(try await store.devices(at: Self.otherLocation, of: bob).isEmpty)
        let id = try #require(BatchID("bat_1"))
        #expect(try await store.batch(id, at: Self.otherLocation, of: bob) == nil)
        #expect(try await !store.hasUnprocessedBatch(at: Self.otherLocation, after: start))
    }

    // MARK: - Batches

    @Test(arguments: Engine.allCases)
    func `a batch is its subject's at its location, and is processed once and for all`(engine: Engine) async throws {
        let store = try await ownedStore(engine)
        let batch = try batch(1)
        #expect(try await store.keep(batch))
        #expect(try await store.batch(batch.id, at: Self.location, of: alice) == batch)
        #expect(try await store.batch(batch.id, at: Self.location, of: bob) == nil)
        #expect(try await store.batch(batch.id, at: Self.otherLocation, of: alice) == nil)
        for isProcessed in [true, false] {
            #expect(try await store.keep(try self.batch(1, isProcessed: isProcessed)))
            #expect(try await store.batch(batch.id, at: Self.location, of: alice)?.isProcessed == true)
        }
    }

    @Test(arguments: Engine.allCases)
    func `an unprocessed batch of any owner counts for its location, for as long as asked`(
        engine: Engine
    ) async throws {
        let store = try await ownedStore(engine)
        #expect(try await store.keep(try batch(1, isProcessed: true)))
        #expect(try await !store.hasUnprocessedBatch(at: Self.location, after: start))
        #expect(try await store.keep(try batch(2, of: bob)))
        #expect(try await store.hasUnprocessedBatch(at: Self.location, after: start))
        #expect(try await !store.hasUnprocessedBatch(at: Self.location, after: start + 2))
        #expect(try await !store.hasUnprocessedBatch(at: Self.otherLocation, after: start))
        #expect(try await store.keep(try batch(2, of: bob, isProcessed: true)))
        #expect(try await !store.hasUnprocessedBatch(at: Self.location, after: start))
    }

    // MARK: - Ledger

    static let outcomes: [LedgerEntry.Outcome] = [
        .begun, .unknown, .answered(status: 200, body: Array(#"{"id":"bat_1"}"#.utf8)),
        .answered(status: 201, body: []),
    ]

    @Test(arguments: Engine.allCases, outcomes)
    func `a key is held by one write until it ends, with its outcome`(
        engine: Engine, outcome: LedgerEntry.Outcome
    ) async throws {
        let store = try await ownedStore(engine), key = try #require(IdempotencyKey("k"))
        var first = entry("a")
        #expect(try await store.begin(first, as: key, of: alice, at: start) == nil)
        #expect(try await store.begin(entry("b", body: [2]), as: key, of: alice, at: start) == first)
        // Neither another write nor another subject has a say in it.
        try await store.end(key, of: alice, heldBy: "b", as: .unknown)
        try await store.removeEntry(key, of: alice, heldBy: "b")
        try await store.removeEntry(key, of: bob, heldBy: "a")
        #expect(try await store.begin(entry("b"), as: key, of: alice, at: start) == first)

        first.outcome = outcome
        try await store.end(key, of: alice, heldBy: "a", as: outcome)
        let end = first.endsAt
        #expect(try await store.begin(entry("b"), as: key, of: alice, at: end - 1) == first)
        #expect(try await store.begin(entry("b", at: end), as: key, of: alice, at: end) == nil)
    }

    @Test(arguments: Engine.allCases)
    func `the key of a write that was not sent is free again`(engine: Engine) async throws {
        let store = try await ownedStore(engine), key = try #require(IdempotencyKey("k"))
        #expect(try await store.begin(entry("a"), as: key, of: alice, at: start) == nil)
        #expect(try await store.begin(entry("b"), as: key, of: bob, at: start) == nil)
        try await store.removeEntry(key, of: alice, heldBy: "a")
        #expect(try await store.begin(entry("c"), as: key, of: alice, at: start) == nil)
        #expect(try await store.begin(entry("c"), as: key, of: bob, at: start) == entry("b"))
    }

    @Test(arguments: Engine.allCases)
    func `of many writes at once with one key one is sent`(engine: Engine) async throws {
        let store = try await ownedStore(engine), key = try #require(IdempotencyKey("k"))
        let begun = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<16 {
                group.addTask { [self] in
                    try await store.begin(entry("\(number)"), as: key, of: alice, at: start) == nil
                }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(begun == 1)
    }

    @Test(arguments: Engine.allCases)
    func `a subject with too many keys loses its own oldest ones (I18)`(engine: Engine) async throws {
        let store = try await ownedStore(engine)
        let keys = try (0...LedgerEntry.share).map { try #require(IdempotencyKey("k\($0)")) }
        #expect(try await store.begin(entry("x"), as: keys[0], of: bob, at: start) == nil)
        for (number, key) in keys.enumerated() {
            let entry = entry("\(number)", at: start + Double(number))
            #expect(try await store.begin(entry, as: key, of: alice, at: start) == nil)
        }
        let now = start + 5000
        #expect(try await store.begin(entry("x"), as: keys[1], of: alice, at: now)?.owner == "1")
        #expect(try await store.begin(entry("x"), as: keys[0], of: bob, at: now)?.owner == "x")
        #expect(try await store.begin(entry("y", at: now), as: keys[0], of: alice, at: now) == nil)
    }

    // MARK: - Removal

    enum Removal: CaseIterable { case unbind, forget }

    @Test(arguments: Engine.allCases, Removal.allCases)
    func `what was made for a location goes with it, and that of others stays`(
        engine: Engine, removal: Removal
    ) async throws {
        let store = try await ownedStore(engine)
        let keys = try (0..<3).map { try #require(IdempotencyKey("k\($0)")) }
        let owners = [(alice, Self.location), (alice, Self.otherLocation), (bob, Self.location)]
        for (number, (subject, location)) in owners.enumerated() {
            #expect(try await store.add(try device(number, of: subject, at: location)))
            #expect(try await store.keep(try batch(number, of: subject, at: location)))
            let entry = entry("a", location: location)
            #expect(try await store.begin(entry, as: keys[number], of: subject, at: start) == nil)
        }
        switch removal {
        case .unbind: #expect(try await store.unbind(Self.location, from: alice))
        case .forget: #expect(try await store.forget(alice).locations == 2)
        }
        for (number, (subject, location)) in owners.enumerated() {
            let isKept = subject == bob || (removal == .unbind && location == Self.otherLocation)
            let id = try batch(number).id
            #expect(try await !store.devices(at: location, of: subject).isEmpty == isKept, "\(number)")
            #expect((try await store.batch(id, at: location, of: subject) != nil) == isKept, "\(number)")
            let taken = try await store.begin(entry("b", location: location), as: keys[number], of: subject, at: start)
            #expect((taken != nil) == isKept, "\(number)")
        }
    }

    @Test(arguments: Engine.allCases)
    func `batches go with the sessions of their age, and entries of the ledger when they are over`(
        engine: Engine
    ) async throws {
        let store = try await ownedStore(engine)
        let old = try batch(1), young = try batch(3)
        for batch in [old, young] { #expect(try await store.keep(batch)) }
        #expect(try await store.add(try device(1)))
        let keys = try (0..<2).map { try #require(IdempotencyKey("k\($0)")) }
        let entries = [entry("a"), entry("b", at: start + 2)]
        for (key, entry) in zip(keys, entries) {
            #expect(try await store.begin(entry, as: key, of: alice, at: start) == nil)
        }
        _ = try await store.removeSessions(before: start + 2, at: start + LedgerEntry.life)
        #expect(try await store.batch(old.id, at: Self.location, of: alice) == nil)
        #expect(try await store.batch(young.id, at: Self.location, of: alice) == young)
        #expect(try await store.devices(at: Self.location, of: alice).count == 1)
        // Whoever looks with an old clock finds what is there.
        #expect(try await store.begin(entry("c"), as: keys[0], of: alice, at: start) == nil)
        #expect(try await store.begin(entry("c"), as: keys[1], of: alice, at: start) == entries[1])
    }
}
