import Core
import FoundationEssentials
import GRDB
import Keys
import Sessions

/// A session as a row.
enum SessionRow {
    static func fetch(
        _ db: Database, _ condition: String, _ arguments: StatementArguments, _ keys: SealingKeys
    ) throws -> [ConnectSession] {
        let statement = try db.cachedStatement(sql: "SELECT * FROM session \(condition)")
        return try Row.fetchAll(statement, arguments: arguments).map { try session($0, keys) }
    }

    private static func session(_ row: Row, _ keys: SealingKeys) throws -> ConnectSession {
        let columns = SessionColumns(
            id: row["id"], subject: row["subject"], token: Array(row["token"] as Data), direction: row["direction"],
            type: row["type"], mintedLocation: row["minted_location"], mintedAction: row["minted_action"],
            returnURL: row["return_url"], liveMode: row["live_mode"], createdAt: row["created_at"],
            expiresAt: row["expires_at"], facts: row["facts"])
        return try columns.session(keys)
    }

    private static func told(_ row: Row) -> Told {
        Told(stateText: row["told_state"], sequence: row["sequence"])
    }

    /// Inserts or merges, and puts the event of a state that is news; nil for a session that was removed meanwhile.
    static func save(
        _ write: SessionWrite, at now: Date, _ keys: SealingKeys, _ db: Database
    ) throws -> ConnectSession? {
        var session = write.session
        let select = try db.cachedStatement(sql: "SELECT facts, told_state, sequence FROM session WHERE id = ?")
        let row = try Row.fetchOne(select, arguments: [session.id.text])
        let kept = try row.map { try SessionFacts(json: $0["facts"]) }
        var told = row.map(Self.told) ?? Told()
        if let kept { session.facts.merge(kept) } else if !write.isNew { return nil }
        if kept?.located == nil, let location = session.facts.located?.location {
            try db.cachedStatement(sql: "INSERT OR IGNORE INTO location (subject, id) VALUES (?, ?)")
                .execute(arguments: [session.subject.text, location.text])
        }
        let event = try told.event(of: session, at: now)
        if let kept {
            if kept != session.facts || event != nil { try update(session, told, since: kept, at: now, db) }
        } else {
            try insert(session, told, at: now, keys, db)
        }
        if let event { try EventRow.insert(event, sequence: told.sequence, keys, db) }
        if let key = write.key { try MintRow.answer(key, session.subject, at: now, db) }
        return session
    }

    static func isAnyChanging(_ db: Database, by now: Date) throws -> Bool {
        try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM session WHERE changes_at <= ?)",
            arguments: [now.timeIntervalSince1970]) ?? false
    }

    /// Puts the events of sessions whose state changed by time alone.
    static func tellChanges(at now: Date, limit: Int, _ keys: SealingKeys, _ db: Database) throws -> Int {
        let select = try db.cachedStatement(
            sql: "SELECT * FROM session WHERE changes_at <= ? ORDER BY changes_at LIMIT ?")
        let rows = try Row.fetchAll(select, arguments: [now.timeIntervalSince1970, limit])
        for row in rows {
            let session = try Self.session(row, keys)
            var told = Self.told(row)
            let event = try told.event(of: session, at: now)
            try update(session, told, since: session.facts, at: now, db)
            if let event { try EventRow.insert(event, sequence: told.sequence, keys, db) }
        }
        return rows.count
    }

    private static func insert(
        _ session: ConnectSession, _ told: Told, at now: Date, _ keys: SealingKeys, _ db: Database
    ) throws {
        let columns = try SessionColumns(session, keys)
        try db.cachedStatement(
            sql: """
                INSERT INTO session (id, subject, token_digest, token, direction, type, minted_location, minted_action,
                    return_url, live_mode, created_at, expires_at, facts, next_look_at, told_state, sequence, changes_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            columns.id, columns.subject, Data(SessionColumns.digest(session.connectToken)), Data(columns.token),
            columns.direction, columns.type, columns.mintedLocation, columns.mintedAction, columns.returnURL,
            columns.liveMode, columns.createdAt, columns.expiresAt, columns.facts,
            session.nextLook?.timeIntervalSince1970, told.state?.rawValue, told.sequence,
            session.nextChange(after: now)?.timeIntervalSince1970,
        ])
    }

    private static func update(
        _ session: ConnectSession, _ told: Told, since kept: SessionFacts, at now: Date, _ db: Database
    ) throws {
        // Whoever took it has asked.
        let free = session.facts.askedAt == kept.askedAt ? "" : ", taken_until = NULL"
        try db.cachedStatement(
            sql: """
                UPDATE session SET facts = ?, next_look_at = ?, told_state = ?, sequence = ?, changes_at = ?\(free)
                WHERE id = ?
                """
        ).execute(arguments: [
            try session.facts.json, session.nextLook?.timeIntervalSince1970, told.state?.rawValue, told.sequence,
            session.nextChange(after: now)?.timeIntervalSince1970, session.id.text,
        ])
    }
}

/// A mint under an idempotency key as a row.
enum MintRow {
    static func fetch(_ db: Database, _ key: IdempotencyKey, _ subject: Subject) throws -> IdempotentMint? {
        let statement = try db.cachedStatement(sql: "SELECT * FROM mint WHERE subject = ? AND key = ?")
        return try Row.fetchOne(statement, arguments: [subject.text, key.text]).map { row in
            let session: String? = row["session"]
            let connectURL: String? = row["connect_url"]
            return IdempotentMint(
                body: Array(row["body"] as Data), startedAt: Date(timeIntervalSince1970: row["started_at"]),
                owner: connectURL == nil ? session ?? "" : "",
                answer: session.flatMap { SessionID($0) }.flatMap { session in
                    connectURL.map {
                        .init(
                            session: session, connectURL: $0, expiresAt: Date(timeIntervalSince1970: row["expires_at"]))
                    }
                })
        }
    }

    /// Keeps the answer of a mint under its key, unless another mint holds the key by now.
    static func answer(_ key: MintKey, _ subject: Subject, at now: Date, _ db: Database) throws {
        if let taken = try fetch(db, key.key, subject), taken.holder != key.mint.owner, !taken.isOver(at: now) { return }
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
