import Core
import Flatpeak
import Foundation
import GRDB
import Keys
import Logging
import Sessions
import Synchronization
import TestSupport
import Testing

@testable import Store

/// One row that cannot be read or written, among others that can (I12).
@Suite struct QuarantineTests {
    enum Engine: CaseIterable { case sqlite, postgres }

    /// One way in which a row is damaged, as the assignment that does it.
    struct Damage: Sendable, CustomTestStringConvertible {
        let name: String
        let sqlite: String
        var postgres: String?
        var testDescription: String { name }

        init(_ name: String, _ both: String) {
            self.name = name
            sqlite = both
            postgres = both
        }

        init(_ name: String, onlySQLite sqlite: String) {
            self.name = name
            self.sqlite = sqlite
        }

        /// A sealed column that does not open.
        init(_ name: String, _ column: String, hex: String) {
            self.name = name
            sqlite = "\(column) = x'\(hex)'"
            postgres = "\(column) = '\\x\(hex)'"
        }

        /// - Parameter column: The sealed one.
        static func seals(of column: String) -> [Damage] {
            let key = SealingKeys([SQLiteStore.key]) { Array(repeating: 0, count: $0) }.currentID.hexadecimal
            return [
                Damage("a damaged seal", column, hex: key + String(repeating: "00", count: 60)),
                Damage("a damaged key id", column, hex: String(repeating: "ff", count: 60)),
                Damage("an empty seal", column, hex: ""),
            ]
        }
    }

    static let sessionDamages =
        Damage.seals(of: "token") + [
            Damage("an unknown value of an enumeration", "direction = 'sideways'"),
            Damage("facts that are no JSON", "facts = '{'"),
            Damage("facts with an absurd moment", #"facts = '{"relayed":true,"stayedAt":1e300}'"#),
            Damage("an absurd moment", "expires_at = 1e300"),
            Damage("an absurd sequence", "sequence = 9223372036854775807"),
            Damage("no subject", "subject = ''"),
            Damage("an id that is none", "id = 'c s'"),
            Damage("an id that is no UTF-8", onlySQLite: "id = CAST(x'63735fff' AS TEXT)"),
        ]
    static let inboxDamages =
        Damage.seals(of: "body") + [
            Damage("an absurd moment", "received_at = 1e300"),
            Damage("an absurd count", "attempts = 9223372036854775807"),
            Damage("a negative count", "attempts = -7"),
            Damage("an id that is none", "id = 'e v t'"),
            Damage("an id that is no UTF-8", onlySQLite: "id = CAST(x'6576ff' AS TEXT)"),
        ]
    static let eventDamages =
        Damage.seals(of: "data") + [
            Damage("an absurd moment", "born_at = 1e300"),
            Damage("an absurd count", "attempts = 9223372036854775807"),
            Damage("a negative count", "attempts = -7"),
            Damage("an absurd sequence", "sequence = 9223372036854775807"),
            Damage("an id that is none", "id = 'e v t'"),
            Damage("an id that is no UTF-8", onlySQLite: "id = CAST(x'6576ff' AS TEXT)"),
        ]

    /// A store, and a way around it.
    struct Database {
        let store: any ServiceStore
        let run: (String) async throws -> String
    }

    let folder = TemporaryFolder()
    let alice = Subject("alice")!
    let start = Date(timeIntervalSince1970: 1_700_000_000)

    private func database(_ engine: Engine) async throws -> Database {
        switch engine {
        case .sqlite:
            let store = try SQLiteStore.temporary(in: folder)
            let queue = try DatabaseQueue(path: "\(folder.path)/store.sqlite")
            return Database(store: store) { sql in
                try await queue.write { db in
                    if sql.hasPrefix("SELECT") { return try Double.fetchOne(db, sql: sql).map { "\($0)" } ?? "" }
                    try db.execute(sql: sql)
                    return ""
                }
            }
        case .postgres:
            let url = try await PostgresServer.shared.newDatabase()
            let store = try PostgresStore.connected(to: url)
            try await store.open()
            return Database(store: store) { try await PostgresServer.shared.query($0, of: url) }
        }
    }

    /// Damages a row.
    /// - Returns: False when the engine does not know this damage.
    private func inflict(_ damage: Damage, on table: String, _ id: String, _ engine: Engine, _ database: Database)
        async throws -> Bool
    {
        guard let assignment = engine == .sqlite ? damage.sqlite : damage.postgres else { return false }
        _ = try await database.run("UPDATE \(table) SET \(assignment) WHERE id = '\(id)'")
        return true
    }

    /// Three sessions that are due at `start + 60`; the second one is to be damaged.
    private func sessions() throws -> [ConnectSession] {
        try (1...3).map { number in
            var session = try ConnectSession.sample(UInt8(number), of: alice, createdAt: start)
            session.facts.relayed = true
            session.facts.stayedAt = start
            return session
        }
    }

    // MARK: - Sessions

    @Test(arguments: Engine.allCases, sessionDamages)
    func `a session that cannot be read keeps no other from being polled, written or published`(
        engine: Engine, damage: Damage
    ) async throws {
        let database = try await database(engine), store = database.store
        let all = try sessions(), good = Set([all[0].id, all[2].id])
        _ = try await store.save(all.map { SessionWrite($0, isNew: true) }, at: start)
        guard try await inflict(damage, on: "session", all[1].id.text, engine, database) else { return }

        let due = try await store.leaseDue(at: start + 60, limit: 9, until: start + 180)
        #expect(Set(due.map(\.id)).isSuperset(of: good))
        #expect(try await store.leaseDue(at: start + 170, limit: 9, until: start + 290).isEmpty)
        let again = try await store.leaseDue(at: start + 180, limit: 9, until: start + 300)
        #expect(Set(again.map(\.id)).isSuperset(of: good))
        #expect(again.count == due.count)

        let writes = all.map { session in
            var session = session
            session.facts.leftAt = start + 10
            session.facts.queriedAt = start + 86390
            return SessionWrite(session, isNew: false)
        }
        let saved = try await store.save(writes, at: start + 200)
        #expect(Set(saved.kept.map(\.id)).isSuperset(of: good))
        #expect(saved.refused.isDisjoint(with: good))
        for session in all where good.contains(session.id) {
            #expect(try await store.session(session.id)?.facts.leftAt == start + 10)
            #expect(try await store.session(token: session.connectToken) != nil)
        }
        if damage.name != "an absurd sequence" {
            #expect(try await store.session(all[1].id) == nil)
            #expect(try await store.session(token: all[1].connectToken) == nil)
        }
        // The states change with time; the damaged one is not looked at again and again.
        let end = start + 86400
        #expect(try await store.publishTimedChanges(at: end, limit: 9) >= 2)
        #expect(try await store.publishTimedChanges(at: end, limit: 9) == 0)
        let published = try await store.events(limit: 9).compactMap(\.event.event.session)
        #expect(Set(published).isSuperset(of: good))
        _ = try await store.forget(alice)
    }

    static let holderDamages =
        sessionDamages.filter { $0.name != "an absurd sequence" } + [
            Damage("a holder that is too short", "holder", hex: "00"),
            Damage("an empty holder", "holder", hex: ""),
            Damage("a holder that is too long", "holder", hex: String(repeating: "ab", count: 33)),
        ]

    @Test(arguments: Engine.allCases, holderDamages)
    func `a session that cannot be read has no holder and takes none, and others do`(
        engine: Engine, damage: Damage
    ) async throws {
        let database = try await database(engine), store = database.store
        let all = try sessions(), holder = try #require(SessionHolder(tabKey: "AAECAwQFBgcICQoLDA0ODw"))
        _ = try await store.save(all.map { SessionWrite($0, isNew: true) }, at: start)
        for session in all { #expect(try await store.setHolder(holder, of: session.id, replacing: nil)) }
        guard try await inflict(damage, on: "session", all[1].id.text, engine, database) else { return }
        #expect(try await store.held(all[1].id) == nil)
        for session in [all[0], all[2]] {
            let held = try #require(try await store.held(session.id))
            #expect(held.holder == holder)
            #expect(held.session.connectToken == session.connectToken)
        }
        if damage.name.contains("holder") {
            // No document takes the session over, and it goes on for the document that has its token.
            #expect(try await !store.setHolder(holder, of: all[1].id, replacing: nil))
            #expect(try await store.session(token: all[1].connectToken) != nil)
            #expect(try await store.save([SessionWrite(all[1], isNew: false)], at: start).refused.isEmpty)
        }
    }

    @Test(arguments: Engine.allCases)
    func `a session that the engine does not take is refused alone, the others of the batch are kept`(
        engine: Engine
    ) async throws {
        let database = try await database(engine), store = database.store
        let all = try (1...40).map { try ConnectSession.sample(UInt8($0), of: alice, createdAt: start) }
        let bad = all[17].id
        switch engine {
        case .sqlite:
            _ = try await database.run(
                """
                CREATE TRIGGER bad BEFORE INSERT ON session WHEN NEW.id = '\(bad)'
                BEGIN SELECT RAISE(ABORT, 'bad'); END
                """)
        case .postgres: _ = try await database.run("ALTER TABLE session ADD CHECK (id <> '\(bad)')")
        }
        for _ in 1...2 {
            let saved = try await store.save(all.map { SessionWrite($0, isNew: true) }, at: start)
            #expect(saved.refused == [bad])
            #expect(Set(saved.kept.map(\.id)) == Set(all.map(\.id)).subtracting([bad]))
        }
        for session in all where session.id != bad { #expect(try await store.session(session.id) != nil) }
    }

    @Test(arguments: Engine.allCases)
    func `a text with NUL costs its own row alone`(engine: Engine) async throws {
        let store = try await database(engine).store
        let odd = ConnectSession(
            id: SessionID(prefix: "cs", random: Array(repeating: 2, count: 12)), subject: alice,
            connectToken: try #require(ConnectToken("cot_odd")),
            slot: TariffSlot(direction: .importing, type: .commodity), mintedLocation: nil, mintedAction: nil,
            returnURL: "https://a\0b", liveMode: false, createdAt: start, expiresAt: start + 60)
        let good = try sessions()[0]
        let saved = try await store.save([odd, good].map { SessionWrite($0, isNew: true) }, at: start)
        #expect(saved.kept.map(\.id).contains(good.id))
        #expect(try await store.session(good.id) != nil)
        // What Flatpeak calls an event may hold anything.
        let event = ReceivedEvent(
            id: try #require(EventID("evt_1")), type: "a\0b", body: Array("{}".utf8), digest: nil, receivedAt: start)
        #expect(try await store.receive([event]) == [.new])
        let taken = try await store.takeReceived(dueAt: start, leasedUntil: start + 9, limit: 9)
        #expect(taken.map(\.event.id) == [event.id])
        let published = NewEvent(id: event.id, type: "flatpeak.a\0b", at: start, data: Array("{}".utf8))
        #expect(try await store.settle(event.id, EventEffect(events: [published])))
        #expect(try await store.take(dueAt: start, leasedUntil: start + 9, limit: 9).count == 1)
    }

    @Test(arguments: Engine.allCases)
    func `a mint or an action that cannot be read holds nothing up`(engine: Engine) async throws {
        let database = try await database(engine), store = database.store
        let key = try #require(IdempotencyKey("k"))
        let mint = IdempotentMint(body: [1], startedAt: start, owner: "a")
        #expect(try await store.begin(mint, as: key, of: alice, at: start) == nil)
        _ = try await database.run("UPDATE mint SET started_at = 1e300, expires_at = 1e300")
        #expect(try await store.begin(mint, as: key, of: alice, at: start) == nil)
        #expect(try await store.begin(mint, as: key, of: alice, at: start) == mint)

        let locations = try ["loc_1", "loc_2"].map { try #require(LocationID($0)) }
        for location in locations {
            let action = LocationAction(location: location, required: .reconnect, tariff: nil, since: start)
            let event = ReceivedEvent(
                id: try #require(EventID("evt_\(location)")), type: "a", body: [], digest: nil, receivedAt: start)
            _ = try await store.receive([event])
            #expect(try await store.settle(event.id, EventEffect(action: action)))
        }
        _ = try await database.run("UPDATE location_action SET required = 'dance' WHERE location = 'loc_1'")
        #expect(Array(try await store.actions(at: locations).keys) == [locations[1]])
        _ = try await database.run("INSERT INTO location (subject, id) VALUES ('alice', 'loc_1'), ('alice', 'loc_2')")
        #expect(try await store.ownedLocations(of: alice).map(\.action) == [nil, .reconnect])
    }

    // MARK: - Events

    @Test(arguments: Engine.allCases, inboxDamages)
    func `a received event that cannot be read keeps no other from its effect`(
        engine: Engine, damage: Damage
    ) async throws {
        let database = try await database(engine), store = database.store
        let events = try (1...3).map { number in
            ReceivedEvent(
                id: try #require(EventID("evt_\(number)")), type: "a", body: Array("{}".utf8), digest: nil,
                receivedAt: start + Double(number))
        }
        _ = try await store.receive(events)
        guard try await inflict(damage, on: "inbox", "evt_2", engine, database) else { return }
        let taken = try await store.takeReceived(dueAt: start + 9, leasedUntil: start + 20, limit: 9)
        #expect(taken.map(\.event.id.text) == ["evt_1", "evt_3"])
        let again = try await store.takeReceived(dueAt: start + 20, leasedUntil: start + 40, limit: 9)
        #expect(Set(again.map(\.event.id.text)) == ["evt_1", "evt_3"])
        for event in again { #expect(try await store.settle(event.event.id, EventEffect())) }
        #expect(try await store.takeReceived(dueAt: start + 3000, leasedUntil: start + 3020, limit: 9).isEmpty)
        #expect(try await store.waiting().count == 1, "it is seen to wait, until an operator removes it")
    }

    @Test(arguments: Engine.allCases, eventDamages)
    func `an event that cannot be read is dead, shown where it can be, and holds up no other one`(
        engine: Engine, damage: Damage
    ) async throws {
        let database = try await database(engine), store = database.store
        let session = try sessions()[0]
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
        let events = try (1...4).map { number in
            NewEvent(
                id: try #require(EventID("evt_\(number)")), type: "flatpeak.a",
                session: number < 4 ? session.id : nil, at: start, data: Array("{}".utf8))
        }
        try await store.put(events)
        let first = try await store.take(dueAt: start, leasedUntil: start + 30, limit: 9)
        #expect(first.map(\.event.id.text) == ["evt_1", "evt_4"])
        try await store.settle(first.map { Delivery(of: $0, .delivered(at: start), answer: "204") })
        guard try await inflict(damage, on: "event", "evt_2", engine, database) else { return }
        // The later one of its session waits for it until it is dead.
        let rest = try await deliverAll(store, from: start + 1)
        #expect(rest == ["evt_3"])
        // Another node may have the key that a damaged key id names.
        let isForeign = damage.name == "a damaged key id"
        #expect(try await store.eventCounts() == EventCounts(pending: isForeign ? 1 : 0, dead: isForeign ? 0 : 1))
        let listed = try await store.events(limit: 9)
        #expect(Set(listed.map(\.event.event.id.text)).isSuperset(of: ["evt_1", "evt_3", "evt_4"]))
        if damage.name.contains("seal") {
            let dead = try #require(listed.first { $0.event.event.id.text == "evt_2" })
            #expect(dead.state == .dead)
            #expect(dead.answer == "unreadable")
        }
        // A replay does not bring a loop about.
        _ = try await store.replay(since: start - 1, at: start + 60)
        let replayed = try await deliverAll(store, from: start + 60)
        #expect(Set(replayed).isSuperset(of: ["evt_1", "evt_3", "evt_4"]))
        #expect(try await store.eventCounts().pending == (isForeign ? 1 : 0))
    }

    @Test(arguments: Engine.allCases, Damage.seals(of: "data"))
    func `two rows with the same damage stop no delivery`(engine: Engine, damage: Damage) async throws {
        let database = try await database(engine), store = database.store
        try await store.put(
            try (1...4).map { number in
                NewEvent(
                    id: try #require(EventID("evt_\(number)")), type: "flatpeak.a", at: start, data: Array("{}".utf8))
            })
        for id in ["evt_1", "evt_2"] { _ = try await inflict(damage, on: "event", id, engine, database) }
        #expect(try await deliverAll(store, from: start) == ["evt_3", "evt_4"])
    }

    /// Takes and delivers what is due, six times over.
    private func deliverAll(_ store: any Outbox, from instant: Date) async throws -> [String] {
        var ids: [String] = []
        for round in 0..<6 {
            let now = instant + Double(round)
            let taken = try await store.take(dueAt: now, leasedUntil: now + 30, limit: 9)
            try await store.settle(taken.map { Delivery(of: $0, .delivered(at: now), answer: "204") })
            ids += taken.map(\.event.id.text)
        }
        return ids
    }

    // MARK: - Keys

    @Test(arguments: Engine.allCases, Damage.seals(of: "token"))
    func `a damaged seal keeps neither the start nor a new key from the other rows`(
        engine: Engine, damage: Damage
    ) async throws {
        let other = [UInt8](repeating: 8, count: 32)
        let all = try sessions()
        let url = engine == .postgres ? try await PostgresServer.shared.newDatabase() : ""
        let open = { (keys: [[UInt8]]) async throws -> any ServiceStore in
            guard engine == .postgres else { return try SQLiteStore.temporary(in: folder, keys: keys) }
            let store = try PostgresStore.connected(to: url, keys: keys)
            try await store.open()
            try await store.seal()
            return store
        }
        _ = try await open([SQLiteStore.key]).save(all.map { SessionWrite($0, isNew: true) }, at: start)
        let assignment = try #require(engine == .sqlite ? damage.sqlite : damage.postgres)
        let sql = "UPDATE session SET \(assignment) WHERE id = '\(all[1].id)'"
        if engine == .postgres {
            _ = try await PostgresServer.shared.query(sql, of: url)
        } else {
            try await DatabaseQueue(path: "\(folder.path)/store.sqlite").write { try $0.execute(sql: sql) }
        }
        let store = try await open([SQLiteStore.key])
        try await store.adopt(stateKeys: [other])
        for keys in [[other, SQLiteStore.key], [other]] {
            // The key that the damaged row names may be needed still, by the row alone.
            let store = try await open(keys)
            for session in [all[0], all[2]] { #expect(try await store.session(session.id) != nil) }
            #expect(try await store.session(all[1].id) == nil)
        }
        // A wrong key fits no row, and is no damage.
        await #expect(throws: (any Error).self) { try await open([Array(repeating: 9, count: 32)]) }
    }

    @Test func `a row is logged and counted once, by its table and id`() {
        let log = Lines()
        let quarantine = Quarantine(logger: Logger(label: "test") { _ in log })
        for _ in 1...3 { quarantine.add("session", "cs_1") }
        quarantine.add("event", "cs_1")
        #expect(log.lines.withLock { $0 } == ["session cs_1", "event cs_1"])
        for number in 1...5000 { quarantine.add("inbox", "evt_\(number)") }
        #expect(log.lines.withLock(\.count) <= 1000)
    }

    /// The rows in a log.
    private final class Lines: LogHandler, Sendable {
        let lines = Mutex<[String]>([])
        var logLevel: Logger.Level {
            get { .trace }
            set {}
        }
        var metadata: Logger.Metadata {
            get { [:] }
            set {}
        }
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { nil }
            set {}
        }

        func log(event: LogEvent) {
            let metadata = event.metadata ?? [:]
            lines.withLock { $0.append("\(metadata["bff.table"] ?? "") \(metadata["bff.row"] ?? "")") }
        }
    }

    // MARK: - Writes

    static let ledgerDamages = [
        Damage("an unknown outcome", "outcome = 'later'"), Damage("an absurd moment", "started_at = 1e300"),
        Damage("an answer without a status", "status = NULL"), Damage("an absurd status", "status = 1000000"),
        Damage("no location", "location = ''"),
    ]

    @Test(arguments: Engine.allCases, ledgerDamages)
    func `a write whose entry cannot be read is not sent again, and the others are as they were`(
        engine: Engine, damage: Damage
    ) async throws {
        let database = try await database(engine), store = database.store
        let keys = try (0..<2).map { try #require(IdempotencyKey("k\($0)")) }
        let location = try #require(LocationID("loc_1"))
        let entry = LedgerEntry(route: "PUT /", location: location, body: [1], owner: "o", startedAt: start)
        for key in keys {
            #expect(try await store.begin(entry, as: key, of: alice, at: start) == nil)
            try await store.end(key, of: alice, heldBy: "o", as: .answered(status: 200, body: [2]))
        }
        let assignment = try #require(engine == .sqlite ? damage.sqlite : damage.postgres)
        _ = try await database.run("UPDATE ledger SET \(assignment) WHERE key = 'k0'")
        let again = LedgerEntry(route: "PUT /", location: location, body: [1], owner: "p", startedAt: start + 1)
        let damaged = try #require(try await store.begin(again, as: keys[0], of: alice, at: start + 1))
        #expect(throws: BFFError.writeOutcomeUnknown) { try damaged.answer(to: again) }
        let good = try #require(try await store.begin(again, as: keys[1], of: alice, at: start + 1))
        #expect(try good.answer(to: again).body == [2])
    }

    @Test(arguments: Engine.allCases)
    func `a device that cannot be read hides no other`(engine: Engine) async throws {
        let database = try await database(engine), store = database.store
        var session = try ConnectSession.sample(1, of: alice, createdAt: start)
        let location = try #require(LocationID("loc_1"))
        session.facts.located = .init(location: location, pricesAvailable: true, since: start)
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
        let devices = try (0..<4).map { number in
            StoredDevice(
                id: try #require(DeviceID("dev_\(number)")), location: location, subject: alice, createdAt: start)
        }
        for device in devices { #expect(try await store.add(device)) }
        _ = try await database.run("UPDATE device SET reference = 'a b' WHERE id = 'dev_0'")
        _ = try await database.run("UPDATE device SET created_at = 1e300 WHERE id = 'dev_1'")
        _ = try await database.run("UPDATE device SET id = 'd e v' WHERE id = 'dev_2'")
        #expect(try await store.devices(at: location, of: alice) == [devices[3]])
        #expect(try await store.removeDevice(devices[0].id, at: location, of: alice))
    }
}
