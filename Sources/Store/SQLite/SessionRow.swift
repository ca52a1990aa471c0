import Core
import FoundationEssentials
import GRDB
import Keys
import Sessions

/// A session as a row.
enum SessionRow {
    /// A row, and the session in it unless it cannot be read.
    struct Found {
        let id: RowID
        let session: ConnectSession?
        let cursor: OutboxCursor?
    }

    /// - Parameter quarantine: Takes the sessions that cannot be read.
    static func fetch(
        _ db: Database, _ condition: String, _ arguments: StatementArguments, _ keys: SealingKeys,
        _ quarantine: Quarantine
    ) throws -> [Found] {
        let statement = try db.cachedStatement(sql: "SELECT *, CAST(id AS BLOB) AS raw_id FROM session \(condition)")
        return try Row.fetchAll(statement, arguments: arguments).map { row in
            let found = try? (session(row, keys), cursor(row))
            if found == nil { quarantine.add("session", row["id"]) }
            return Found(id: RowID(bytes: row["raw_id"]), session: found?.0, cursor: found?.1)
        }
    }

    /// An id to the byte: what is no UTF-8 is repaired when it is read as text, and finds no row then.
    struct RowID {
        let bytes: Data

        /// What stands for it in SQL.
        static let sql = "CAST(? AS TEXT)"
    }

    static func session(
        _ row: Row, _ keys: SealingKeys
    ) throws(SessionColumns.Unreadable) -> ConnectSession {
        let columns = SessionColumns(
            id: row["id"], subject: row["subject"], token: Array(row["token"] as Data), direction: row["direction"],
            type: row["type"], mintedLocation: row["minted_location"], mintedAction: row["minted_action"],
            returnURL: row["return_url"], liveMode: row["live_mode"], needsConfirmation: row["needs_confirmation"],
            createdAt: row["created_at"],
            expiresAt: row["expires_at"], facts: row["facts"])
        return try columns.session(keys)
    }

    static func cursor(_ row: Row) throws(SessionColumns.Unreadable) -> OutboxCursor {
        try OutboxCursor(stateText: row["told_state"], sequence: row["sequence"])
    }

    /// Inserts or merges; nil for a session that was removed meanwhile.
    static func save(
        _ write: SessionWrite, at now: Date, _ keys: SealingKeys, _ quarantine: Quarantine, _ db: Database
    ) throws -> ConnectSession? {
        let select = try db.cachedStatement(sql: "SELECT facts, told_state, sequence FROM session WHERE id = ?")
        let stored = try Row.fetchOne(select, arguments: [write.session.id.text]).map { row in
            SessionChange.Stored(facts: try SessionFacts(json: row["facts"]), cursor: try cursor(row))
        }
        guard let change = try SessionChange.merging(write, into: stored, at: now) else { return nil }
        try keep(change, at: now, keys, db)
        if let key = write.key { try MintRow.answer(key, change.session.subject, at: now, quarantine, db) }
        return change.session
    }

    /// Persists a change, with what it means for locations and the outbox.
    static func keep(_ change: SessionChange, at now: Date, _ keys: SealingKeys, _ db: Database) throws {
        try LocationRow.keep(change, at: now, db)
        switch change.write {
        case .insert: try insert(change, keys, db)
        case .update: try update(change, db)
        case .none: break
        }
        if let event = change.event { try EventRow.insert(event, sequence: change.cursor.sequence, keys, db) }
    }

    static func isAnyChanging(_ db: Database, by now: Date) throws -> Bool {
        try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM session WHERE changes_at <= ?)",
            arguments: [now.timeIntervalSince1970]) ?? false
    }

    /// Publishes the events of sessions whose state changed by time alone; those that cannot be read or written are set aside.
    static func publishTimedChanges(
        at now: Date, limit: Int, _ keys: SealingKeys, _ quarantine: Quarantine, _ db: Database
    ) throws -> Int {
        let found = try fetch(
            db, "WHERE changes_at <= ? ORDER BY changes_at LIMIT ?", [now.timeIntervalSince1970, limit], keys,
            quarantine)
        for row in found {
            let isDone = try ifPossible(db) {
                guard let session = row.session, let cursor = row.cursor else { throw SessionColumns.Unreadable() }
                try keep(try SessionChange.timed(session, cursor, at: now), at: now, keys, db)
                return true
            }
            guard isDone == nil else { continue }
            quarantine.add("session", String(decoding: row.id.bytes, as: UTF8.self))
            try setAside(row.id, "changes_at", until: now, db)
        }
        return found.count
    }

    /// Takes a row out of the line for ``Quarantine/pause``.
    static func setAside(_ id: RowID, _ column: String, until instant: Date, _ db: Database) throws {
        try db.execute(
            sql: "UPDATE session SET \(column) = ? WHERE id = \(RowID.sql)",
            arguments: [instant.addingTimeInterval(Quarantine.pause).timeIntervalSince1970, id.bytes])
    }

    /// Does what concerns one row, all of it or nothing.
    /// - Returns: Nil when this row cannot be read or written.
    /// - Throws: What concerns the whole store.
    static func ifPossible<Value>(_ db: Database, _ work: () throws -> Value) throws -> Value? {
        var value: Value?
        do {
            try db.inSavepoint {
                value = try work()
                return .commit
            }
            return value
        } catch let error as DatabaseError {
            guard [.SQLITE_CONSTRAINT, .SQLITE_MISMATCH, .SQLITE_TOOBIG].contains(error.resultCode) else { throw error }
            return nil
        } catch is SessionColumns.Unreadable {
            return nil
        } catch is BFFError {
            return nil
        }
    }

    private static func insert(_ change: SessionChange, _ keys: SealingKeys, _ db: Database) throws {
        let columns = try SessionColumns(change.session, keys)
        try db.cachedStatement(
            sql: """
                INSERT INTO session (id, subject, token_digest, token, direction, type, minted_location, minted_action,
                    return_url, live_mode, needs_confirmation, created_at, expires_at, facts, next_look_at, told_state,
                    sequence, changes_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            columns.id, columns.subject, Data(SessionColumns.digest(change.session.connectToken)),
            Data(columns.token), columns.direction, columns.type, columns.mintedLocation, columns.mintedAction,
            columns.returnURL, columns.liveMode, columns.needsConfirmation, columns.createdAt, columns.expiresAt,
            columns.facts,
            change.session.nextPoll?.timeIntervalSince1970, change.cursor.state?.rawValue, change.cursor.sequence,
            change.changesAt?.timeIntervalSince1970,
        ])
    }

    private static func update(_ change: SessionChange, _ db: Database) throws {
        let lease = change.endsLease ? ", taken_until = NULL" : ""
        try db.cachedStatement(
            sql: """
                UPDATE session SET facts = ?, next_look_at = ?, told_state = ?, sequence = ?, changes_at = ?\(lease)
                WHERE id = ?
                """
        ).execute(arguments: [
            try change.session.facts.json, change.session.nextPoll?.timeIntervalSince1970,
            change.cursor.state?.rawValue, change.cursor.sequence, change.changesAt?.timeIntervalSince1970,
            change.session.id.text,
        ])
    }
}

/// A mint under an idempotency key as a row.
enum MintRow {
    /// The mint that has a key; nil when there is none, or one that cannot be read.
    static func fetch(
        _ db: Database, _ key: IdempotencyKey, _ subject: Subject, _ quarantine: Quarantine
    ) throws -> IdempotentMint? {
        let statement = try db.cachedStatement(sql: "SELECT * FROM mint WHERE subject = ? AND key = ?")
        return try Row.fetchOne(statement, arguments: [subject.text, key.text]).flatMap { row in
            let mint = try? MintColumns(
                body: Array(row["body"] as Data), startedAt: row["started_at"], session: row["session"],
                connectURL: row["connect_url"], expiresAt: row["expires_at"]
            ).mint
            if mint == nil { quarantine.add("mint", key.text) }
            return mint
        }
    }

    /// Keeps the answer of a mint under its key, unless another mint holds the key by now.
    static func answer(
        _ key: MintKey, _ subject: Subject, at now: Date, _ quarantine: Quarantine, _ db: Database
    ) throws {
        if let taken = try fetch(db, key.key, subject, quarantine), !taken.yields(to: key.mint, at: now) { return }
        try save(key.mint, key.key, subject, db)
    }

    /// The column `session` names the holder: the mint's owner until there is a session.
    static func save(_ mint: IdempotentMint, _ key: IdempotencyKey, _ subject: Subject, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                INSERT OR REPLACE INTO mint (subject, key, body, started_at, session, connect_url, expires_at)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            subject.text, key.text, Data(mint.body), mint.startedAt.timeIntervalSince1970, mint.holder,
            mint.answer?.connectURL, mint.endsAt.timeIntervalSince1970,
        ])
    }
}

/// A mint as both engines keep it.
struct MintColumns {
    let body: [UInt8]
    let startedAt: Double
    /// The holder: the mint's owner until there is a session.
    let session: String?
    let connectURL: String?
    let expiresAt: Double

    var mint: IdempotentMint {
        get throws(SessionColumns.Unreadable) {
            let startedAt = try Date(row: startedAt), expiresAt = try Date(row: expiresAt)
            guard let connectURL else {
                return IdempotentMint(body: body, startedAt: startedAt, owner: session ?? "")
            }
            guard let session = session.flatMap({ SessionID($0) }) else { throw SessionColumns.Unreadable() }
            return IdempotentMint(
                body: body, startedAt: startedAt,
                answer: .init(session: session, connectURL: connectURL, expiresAt: expiresAt))
        }
    }
}
