import Core
import Flatpeak
import Foundation
import GRDB
import Keys
import Logging
import Sessions
import TestSupport
import Testing

@testable import Store

/// Databases as each earlier step of the schema left them, opened by the store of today.
@Suite struct SchemaFixtureTests {
    let folder = TemporaryFolder()
    let alice = Subject("alice")!
    let start = Date(timeIntervalSince1970: 1_700_000_000)
    static let sqliteSteps = [
        "1 sessions, mints, locations", "2 follow-ups are taken", "3 events", "4 inbox, actions, bookmark", "5 holders",
        "6 confirmations", "7 devices, batches, writes", "8 location updates",
    ]
    static let postgresSteps = [
        "1 sessions, mints, locations", "2 events", "3 inbox, actions, bookmark", "4 integer attempts",
        "5 holders", "6 confirmations", "7 devices, batches, writes", "8 location updates",
    ]

    private static func fixture(_ name: String) throws -> String {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Schemas")
        return try String(contentsOf: folder.appending(path: "\(name).sql"), encoding: .utf8)
    }

    @Test func `each step of the schema has a fixture, and none was renamed`() throws {
        #expect(Schema.migrator.migrations == Self.sqliteSteps, "add the fixture of a new step to Schemas/")
        #expect(PostgresSchema.steps.map(\.name) == Self.postgresSteps, "add the fixture of a new step to Schemas/")
        for (engine, steps) in [("sqlite", Self.sqliteSteps), ("postgres", Self.postgresSteps)] {
            for number in 1...steps.count {
                let text = try Self.fixture("\(engine)-\(number)")
                #expect(text.contains(#"after the step "\#(steps[number - 1])""#))
            }
        }
    }

    @Test(arguments: 1...8) func `SQLite after each step is brought up to date and read`(step: Int) async throws {
        let sql = try Self.fixture("sqlite-\(step)")
        do {
            let queue = try DatabaseQueue(path: "\(folder.path)/store.sqlite")
            try await queue.write { try $0.execute(sql: sql) }
            try queue.close()
        }
        try await reads(try SQLiteStore.temporary(in: folder), Array(Self.sqliteSteps.prefix(step)))
    }

    @Test(arguments: 1...8) func `PostgreSQL after each step is brought up to date and read`(step: Int) async throws {
        let url = try await PostgresServer.shared.newDatabase()
        _ = try await PostgresServer.shared.query(try Self.fixture("postgres-\(step)"), of: url)
        let store = try PostgresStore.connected(to: url)
        try await store.open()
        try await reads(store, Array(Self.postgresSteps.prefix(step)))
    }

    @Test(arguments: [
        ("6 invoices", false), ("6 invoices, usable from 6", false), ("6 invoices, usable from", false),
        ("6 invoices, usable from five", false), ("6 invoices, usable from 5", true), ("7 more, usable from 1", true),
    ]) func `a step of a newer release keeps a program out, unless it says otherwise`(step: String, isUsable: Bool) {
        let known = ["1 sessions", "2 follow-ups", "3 events", "4 inbox", "5 holders"]
        #expect(SchemaSteps.areUsable(known + [step], known: known) == isUsable)
    }

    @Test func `SQLite that a newer release migrated is refused, or used where that release says so`() async throws {
        _ = try SQLiteStore.temporary(in: folder)
        let queue = try DatabaseQueue(path: "\(folder.path)/store.sqlite")
        try await queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('999 invoices')") }
        #expect(throws: SQLiteStore.CannotOpen.newerSchema) { try SQLiteStore.temporary(in: folder) }
        try await queue.write {
            try $0.execute(
                sql: "UPDATE grdb_migrations SET identifier = '9 a, usable from 1' WHERE identifier LIKE '999%'")
        }
        #expect(throws: Never.self) { try SQLiteStore.temporary(in: folder) }
    }

    @Test func `PostgreSQL that a newer release migrated is refused, or used where that release says so`() async throws
    {
        let url = try await PostgresServer.shared.newDatabase()
        let running = try PostgresStore.connected(to: url)
        try await running.open()
        _ = try await PostgresServer.shared.query("INSERT INTO schema_step VALUES ('999 invoices')", of: url)
        await #expect(throws: PostgresStore.CannotOpen.newerSchema) {
            try await PostgresStore.connected(to: url).open()
        }
        // A node that runs goes on.
        #expect(try await running.locations(of: alice).isEmpty)
        _ = try await PostgresServer.shared.query(
            "UPDATE schema_step SET name = '9 a, usable from 1' WHERE name LIKE '999%'", of: url)
        await #expect(throws: Never.self) { try await PostgresStore.connected(to: url).open() }
    }

    /// Reads back all that a fixture has, and writes on.
    private func reads(_ store: any ServiceStore, _ steps: [String]) async throws {
        let ids = try (1...2).map { try #require(SessionID("cs_\(String(repeating: "0", count: 23))\($0)")) }
        let active = try #require(try await store.session(ids[0]))
        #expect(active.subject == alice)
        #expect(active.connectToken.exposed == "cot_fixture1")
        #expect(active.facts.stayedAt == start + 10)
        #expect(active.returnURL == "https://app.example")
        let token = try #require(ConnectToken("cot_fixture2"))
        let connected = try #require(try await store.session(token: token))
        #expect(connected.id == ids[1])
        #expect(connected.outcome(at: start + 60).state == .connected)
        let location = try #require(LocationID("loc_1"))
        #expect(connected.facts.located?.location == location)
        #expect(try await store.locations(of: alice) == [location])
        let key = try #require(IdempotencyKey("k"))
        let held = try await store.begin(
            IdempotentMint(body: [2], startedAt: start, owner: "x"), as: key, of: alice, at: start)
        #expect(held?.body == [1])
        #expect(held?.answer?.session == ids[0])
        #expect(try await store.leaseDue(at: start + 70, limit: 9, until: start + 90).map(\.id) == [ids[0]])

        if steps.contains(where: { $0.contains("events") }) {
            let event = try #require(try await store.take(dueAt: start + 60, leasedUntil: start + 90, limit: 9).first)
            #expect(event.event.session == ids[1])
            #expect(event.event.data == Array(#"{"id":"cs_2"}"#.utf8))
            try await store.settle([Delivery(of: event, .delivered(at: start + 61), answer: "204")])
            #expect(try await store.events(limit: 9).map(\.state) == [.delivered])
        }
        if steps.contains(where: { $0.contains("inbox") }) {
            let taken = try await store.takeReceived(dueAt: start, leasedUntil: start + 9, limit: 9)
            #expect(taken.map(\.event.body) == [Array(#"{"id":"evt_in"}"#.utf8)])
            #expect(try await store.actions(at: [location])[location]?.tariff == "trf_1")
            #expect(try await store.bookmark() == "{}")
        }
        let isUpdated = steps.contains { $0.contains("location updates") }
        #expect(try await store.state(of: location).updatedAt == (isUpdated ? start + 30 : nil))
        let holder = SessionHolder(tabKey: "AAECAwQFBgcICQoLDA0ODw")
        #expect(try await store.held(ids[0])?.holder == nil)
        #expect(try await store.held(ids[1])?.holder == (steps.contains { $0.contains("holders") } ? holder : nil))
        #expect(try await store.setHolder(try #require(holder), of: ids[0], replacing: nil))
        let isConfirming = steps.contains { $0.contains("confirmations") }
        #expect(connected.needsConfirmation == isConfirming)
        #expect(connected.isConfirmed)
        let code = try #require(ConfirmationCode("AAECAwQFBgcICQoLDA0ODw"))
        let again = try await store.take(.redeem(code, by: alice), of: ids[1], at: start + 60)
        #expect(again?.verdict == (isConfirming ? .redeemedBefore : .unknown))
        #expect(try await store.ownedLocation(location, of: alice)?.isHeld == isConfirming)
        if steps.contains(where: { $0.contains("devices") }) {
            let devices = try await store.devices(at: location, of: alice)
            #expect(devices.map(\.id.text) == ["dev_1"])
            #expect(devices.first?.reference == ClientReference("garage"))
            #expect(devices.first?.type == "EV_CHARGER")
            let batch = try #require(BatchID("bat_1"))
            #expect(try await store.batch(batch, at: location, of: alice)?.isProcessed == false)
            #expect(try await store.hasUnprocessedBatch(at: location, after: start))
            let entry = LedgerEntry(
                route: "PUT /v1/locations/{id}/meters/interval", location: location, body: [1], owner: "x",
                startedAt: start + 60)
            let taken = try #require(try await store.begin(entry, as: key, of: alice, at: start + 60))
            let answer = try taken.answer(to: entry)
            #expect(answer.status == 200)
            #expect(answer.body == Array("{}".utf8))
        }
        // It goes on: a session of then becomes one of now, with its event.
        var left = active
        left.facts.leftAt = start + 100
        left.facts.queriedAt = start + 101
        left.facts.notFinishedAt = start + 101
        #expect(try await store.save([SessionWrite(left, isNew: false)], at: start + 102).kept.count == 1)
        #expect(try await store.events(limit: 1).first?.event.event.type == "session.abandoned")
    }
}
