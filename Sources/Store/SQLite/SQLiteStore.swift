package import Core
import Flatpeak
package import FoundationEssentials
import GRDB
import Glibc
package import Keys
package import Logging
import Resilience
package import Sessions
import Synchronization

/// Sessions in one SQLite file: written ahead (WAL) by one writer, and on the disk before a write is over
/// (`synchronous=FULL`), so that neither `kill -9` nor a power cut takes what was acknowledged.
package final class SQLiteStore: SessionStore, SessionHolderStore, ConfirmationStore, IdempotencyKeyStore,
    LocationStore,
    StateKeyStore, SubjectStore
{
    private let path: String
    let keys: SealingKeys
    private let logger: Logger
    let quarantine: Quarantine
    private let pool: DatabasePool
    /// The file that was opened.
    private let identity: FileIdentity
    let watchers = StoreWatchers()
    let monitor: CommitMonitor
    /// An outage is logged once a minute.
    private let alarm = Mutex(Throttle(interval: .seconds(60)))

    /// Why a store cannot be opened.
    package enum CannotOpen: Error, Equatable {
        /// The file or its folder cannot be made, read or written, or it is no database of ours.
        case file(String)
        /// Tokens in it are sealed under a key that was not given.
        case unknownKey
        /// A newer release brought its tables up to date.
        case newerSchema
    }

    /// Opens or makes the file, in a folder that is there, brings its tables up to date, and seals what is sealed under an older key anew.
    package init(path: String, keys: SealingKeys, logger: Logger) throws(CannotOpen) {
        self.path = path
        self.keys = keys
        self.logger = logger
        quarantine = Quarantine(logger: logger)
        try Self.makeFile(path)
        pool = try Self.open(path, keys, quarantine)
        guard let identity = FileIdentity(path) else { throw .file("it was removed") }
        self.identity = identity
        monitor = CommitMonitor(path: path) { [watchers] in watchers.notify(.anyLocationChanged) }
    }

    /// An empty file that only we may read, if there is none yet; SQLite gives its side files the same mode.
    private static func makeFile(_ path: String) throws(CannotOpen) {
        let file = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .file(unsafe String(cString: strerror(errno))) }
        close(file)
    }

    private static func open(
        _ path: String, _ keys: SealingKeys, _ quarantine: Quarantine
    ) throws(CannotOpen) -> DatabasePool {
        var configuration = Configuration()
        configuration.label = "connect-bff"
        // Another process may hold the file for a moment: a backup, or `connect-bff forget`.
        configuration.busyMode = .timeout(0.2)
        do {
            let pool = try DatabasePool(path: path, configuration: configuration)
            // Here and not in the configuration: the pool sets NORMAL for its one writer when it turns WAL on.
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            let migrator = Schema.migrator
            guard SchemaSteps.areUsable(try pool.read(migrator.appliedIdentifiers), known: migrator.migrations) else {
                throw CannotOpen.newerSchema
            }
            try migrator.migrate(pool)
            let used = try pool.read { db in
                try Schema.sealed.reduce(into: [[UInt8]: Int]()) { used, sealed in
                    let (table, column) = sealed
                    let ids = "SELECT substr(\(column), 1, 8) AS id, count(*) AS n FROM \(table) GROUP BY 1"
                    for row in try Row.fetchAll(db, sql: ids) {
                        // Of an empty seal SQLite says NULL.
                        used[Array(row["id"] as Data? ?? Data()), default: 0] += row["n"]
                    }
                }
            }
            guard keys.match(used) else { throw CannotOpen.unknownKey }
            for (table, column) in Schema.sealed { try reseal(column, of: table, in: pool, keys, quarantine) }
            return pool
        } catch let error as CannotOpen {
            throw error
        } catch let error as DatabaseError {
            throw .file("SQLite says \(error.extendedResultCode)")
        } catch {
            throw .file("\(type(of: error))")
        }
    }

    /// Seals under the first key what is sealed under another one, so that the other one can be taken away.
    private static func reseal(
        _ column: String, of table: String, in pool: DatabasePool, _ keys: SealingKeys, _ quarantine: Quarantine
    ) throws {
        var damaged: Set<Data> = []
        while try pool.write({ try resealSome(column, of: table, in: $0, keys, &damaged) }) {}
        for id in damaged { quarantine.add(table, String(decoding: id, as: UTF8.self)) }
    }

    /// - Parameter damaged: The ids of rows that do not open; they are left as they are.
    /// - Returns: Whether there was anything left to do; a few at a time, since others wait to write.
    private static func resealSome(
        _ column: String, of table: String, in db: Database, _ keys: SealingKeys, _ damaged: inout Set<Data>
    ) throws -> Bool {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT CAST(id AS BLOB) AS id, \(column) FROM \(table)
                WHERE substr(\(column), 1, 8) <> ? LIMIT 500 OFFSET ?
                """, arguments: [Data(keys.currentID), damaged.count])
        for row in rows {
            let id: Data = row["id"]
            guard let opened = keys.open(Array(row[column] as Data), context: id) else {
                damaged.insert(id)
                continue
            }
            try db.execute(
                sql: "UPDATE \(table) SET \(column) = ? WHERE id = \(SessionRow.RowID.sql)",
                arguments: [Data(keys.seal(opened, context: id)), id])
        }
        return !rows.isEmpty
    }

    package func adopt(stateKeys: [[UInt8]]) async throws(BFFError) {
        keys.adopt(stateKeys)
        for (table, column) in Schema.sealed {
            var damaged: Set<Data> = []
            while true {
                let (isMore, found) = try await write { [keys, damaged] db in
                    var found = damaged
                    return (try Self.resealSome(column, of: table, in: db, keys, &found), found)
                }
                damaged = found
                guard isMore else { break }
            }
            for id in damaged { quarantine.add(table, String(decoding: id, as: UTF8.self)) }
        }
    }

    // MARK: - The file

    /// The database, as long as its file is in its place.
    ///
    /// One that was moved away or replaced would take writes that are lost. Another one in its place is not
    /// opened: the side files of the first would be played into it.
    func database() throws -> DatabasePool {
        guard FileIdentity(path) == identity else {
            throw CannotOpen.file("another file is in its place; stop the service before you change the database")
        }
        return pool
    }

    /// Runs `body` in a transaction, and then notifies of `changes`.
    func write<Value: Sendable>(
        changing changes: [StoreChange] = [], _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(BFFError) -> Value {
        do {
            return try await database().writeWithoutTransaction { [watchers, monitor] db in
                try monitor.write(db) {
                    defer { watchers.notify(changes) }
                    return try Self.transaction(db, body)
                }
            }
        } catch {
            throw failed(error)
        }
    }

    private static func transaction<Value>(_ db: Database, _ body: (Database) throws -> Value) throws -> Value {
        var value: Value?
        try db.inTransaction {
            value = try body(db)
            return .commit
        }
        guard let value else { throw DatabaseError(resultCode: .SQLITE_INTERNAL) }
        return value
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(BFFError) -> Value {
        do { return try await database().read(body) } catch { throw failed(error) }
    }

    /// SQLite's own words stop here: they may hold values.
    private func failed(_ error: any Error) -> BFFError {
        let why =
            switch error {
            case let error as DatabaseError: "SQLite says \(error.extendedResultCode)"
            case CannotOpen.file(let why): why
            default: "\(type(of: error))"
            }
        logger.log(
            level: alarm.withLock { $0.isDue(at: .now) } ? .error : .debug, "the database cannot be used",
            metadata: ["bff.why": "\(why)"])
        return .storeUnavailable
    }

    // MARK: - Sessions

    package func save(_ writes: [SessionWrite], at now: Date) async throws(BFFError) -> SavedSessions {
        try await write(changing: writes.flatMap(\.session.locationChanges)) { [keys, quarantine] db in
            var saved = SavedSessions()
            for write in writes {
                let session = try SessionRow.ifPossible(db) {
                    try SessionRow.save(write, at: now, keys, quarantine, db)
                }
                if let session {
                    if let session { saved.kept.append(session) }
                } else {
                    quarantine.add("session", write.session.id.text)
                    saved.refused.insert(write.session.id)
                }
            }
            return saved
        }
    }

    package func publishTimedChanges(at now: Date, limit: Int) async throws(BFFError) -> Int {
        // Most of the time there is none, and then the writer is left alone.
        guard try await read({ try SessionRow.isAnyChanging($0, by: now) }) else { return 0 }
        return try await write { [keys, quarantine] db in
            try SessionRow.publishTimedChanges(at: now, limit: limit, keys, quarantine, db)
        }
    }

    package func session(_ id: SessionID) async throws(BFFError) -> ConnectSession? {
        try await read { [keys, quarantine] db in
            try SessionRow.fetch(db, "WHERE id = ?", [id.text], keys, quarantine).first?.session
        }
    }

    package func session(token: ConnectToken) async throws(BFFError) -> ConnectSession? {
        let digest = Data(SessionColumns.digest(token))
        return try await read { [keys, quarantine] db in
            try SessionRow.fetch(
                db, "WHERE token_digest = ? ORDER BY created_at DESC LIMIT 1", [digest], keys, quarantine
            ).first?.session
        }
    }

    package func leaseDue(at instant: Date, limit: Int, until end: Date) async throws(BFFError) -> [ConnectSession] {
        let isDue = "WHERE next_look_at <= ?1 AND (taken_until IS NULL OR taken_until <= ?1)"
        let now = instant.timeIntervalSince1970
        // Nearly always none is due, and a read waits for no writer.
        let isNeeded = try await read { db in
            try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM session \(isDue))", arguments: [now]) ?? false
        }
        guard isNeeded else { return [] }
        return try await write { [keys, quarantine] db in
            let due = try SessionRow.fetch(
                db, "\(isDue) ORDER BY next_look_at LIMIT ?2", [now, limit], keys, quarantine)
            let take = try db.cachedStatement(
                sql: "UPDATE session SET taken_until = ? WHERE id = \(SessionRow.RowID.sql)")
            for row in due where row.session != nil {
                try take.execute(arguments: [end.timeIntervalSince1970, row.id.bytes])
            }
            for row in due where row.session == nil { try SessionRow.setAside(row.id, "taken_until", until: end, db) }
            return due.compactMap(\.session)
        }
    }

    // MARK: - Idempotency

    package func begin(
        _ mint: IdempotentMint, as key: IdempotencyKey, of subject: Subject, at now: Date
    ) async throws(BFFError) -> IdempotentMint? {
        try await write { [quarantine] db in
            if let taken = try MintRow.fetch(db, key, subject, quarantine), !taken.isOver(at: now) { return taken }
            try MintRow.save(mint, key, subject, db)
            return nil
        }
    }

    package func release(_ key: MintKey, of subject: Subject) async throws(BFFError) {
        try await write { db in
            try db.execute(
                sql: "DELETE FROM mint WHERE subject = ? AND key = ? AND session = ?",
                arguments: [subject.text, key.key.text, key.mint.holder])
        }
    }

    // MARK: - Removal

    package func forget(_ subject: Subject) async throws(BFFError) -> Forgotten {
        try await write(changing: [.ownershipChanged(SubjectDigest(subject))]) { db in
            try db.execute(sql: "DELETE FROM mint WHERE subject = ?", arguments: [subject.text])
            try db.execute(sql: "DELETE FROM event WHERE subject = ?", arguments: [subject.text])
            try LocationRow.forgetHolds(of: subject, db)
            try db.execute(sql: "DELETE FROM session WHERE subject = ?", arguments: [subject.text])
            let sessions = db.changesCount
            try db.execute(sql: "DELETE FROM location WHERE subject = ?", arguments: [subject.text])
            let locations = db.changesCount
            for table in Schema.ofLocations {
                try db.execute(sql: "DELETE FROM \(table) WHERE subject = ?", arguments: [subject.text])
            }
            try ReceivedRow.deleteOrphanedActions(db)
            return Forgotten(sessions: sessions, locations: locations)
        }
    }

    package func removeSessions(before instant: Date, at now: Date) async throws(BFFError) -> Int {
        try await write { db in
            try db.execute(
                sql: "DELETE FROM mint WHERE expires_at <= ?", arguments: [now.timeIntervalSince1970])
            try db.execute(
                sql: "DELETE FROM ledger WHERE expires_at <= ?", arguments: [now.timeIntervalSince1970])
            try db.execute(
                sql: "DELETE FROM meter_batch WHERE sent_at < ?", arguments: [instant.timeIntervalSince1970])
            try EventRow.remove(before: instant, at: now, db)
            try LocationRow.removeHolds(before: instant, db)
            try db.execute(
                sql: "DELETE FROM session WHERE created_at < ?", arguments: [instant.timeIntervalSince1970])
            return db.changesCount
        }
    }
}

/// Which file a path leads to.
private struct FileIdentity: Equatable {
    private let device: UInt
    private let node: UInt

    init?(_ path: String) {
        var found = stat()
        guard unsafe stat(path, &found) == 0 else { return nil }
        device = UInt(found.st_dev)
        node = UInt(found.st_ino)
    }
}
