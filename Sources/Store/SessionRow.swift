import Core
import Flatpeak
import FoundationEssentials
import GRDB
import Keys
import Sessions

/// A session as a row.
enum SessionRow {
    /// A row that cannot be read: its token was sealed for another session, or somebody changed it by hand.
    struct Unreadable: Error {}

    static func fetch(
        _ db: Database, _ condition: String, _ arguments: StatementArguments, _ keys: SealingKeys
    ) throws -> [ConnectSession] {
        let statement = try db.cachedStatement(sql: "SELECT * FROM session \(condition)")
        return try Row.fetchAll(statement, arguments: arguments).map { try session($0, keys) }
    }

    private static func session(_ row: Row, _ keys: SealingKeys) throws -> ConnectSession {
        let id: String = row["id"]
        guard let token = keys.open(Array(row["token"] as Data), context: id.utf8),
            let connectToken = ConnectToken(String(decoding: token, as: UTF8.self)), let sessionID = SessionID(id),
            let subject = Subject(row["subject"]), let direction = TariffDirection(rawValue: row["direction"]),
            let type = TariffType(rawValue: row["type"])
        else { throw Unreadable() }
        let location: String? = row["minted_location"]
        let action: String? = row["minted_action"]
        var session = ConnectSession(
            id: sessionID, subject: subject, connectToken: connectToken,
            slot: TariffSlot(direction: direction, type: type), mintedLocation: location.flatMap { LocationID($0) },
            mintedAction: action.flatMap { TariffAction(rawValue: $0) }, returnURL: row["return_url"],
            liveMode: row["live_mode"], createdAt: Date(timeIntervalSince1970: row["created_at"]),
            expiresAt: Date(timeIntervalSince1970: row["expires_at"]))
        session.facts = try facts(row["facts"])
        return session
    }

    private static func facts(_ text: String) throws -> SessionFacts {
        try JSONDecoder().decode(SessionFacts.self, from: Data(text.utf8))
    }

    /// Inserts or merges; nil for a session that was removed meanwhile.
    static func save(
        _ write: SessionWrite, at now: Date, _ keys: SealingKeys, _ db: Database
    ) throws -> ConnectSession? {
        var session = write.session
        let select = try db.cachedStatement(sql: "SELECT facts, told_state, sequence FROM session WHERE id = ?")
        let row = try Row.fetchOne(select, arguments: [session.id.text])
        let kept = try row.map { try facts($0["facts"]) }
        var told = row.map(Self.told) ?? Told()
        if let kept { session.facts.merge(kept) } else if !write.isNew { return nil }
        if kept?.located == nil, let location = session.facts.located?.location {
            try db.cachedStatement(sql: "INSERT OR IGNORE INTO location (subject, id) VALUES (?, ?)")
                .execute(arguments: [session.subject.text, location.text])
        }
        let event = try told.event(of: session, at: now)
        if kept == nil {
            try insert(session, told, at: now, keys, db)
        } else if kept != session.facts || event != nil {
            try update(session, told, at: now, db)
        }
        if let event { try EventRow.insert(event, sequence: told.sequence, keys, db) }
        if let key = write.key { try MintRow.save(key.mint, key.key, session.subject, db) }
        return session
    }

    private static func told(_ row: Row) -> Told {
        let state: String? = row["told_state"]
        return Told(state: state.flatMap { SessionState(rawValue: $0) }, sequence: row["sequence"])
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
            try update(session, told, at: now, db)
            if let event { try EventRow.insert(event, sequence: told.sequence, keys, db) }
        }
        return rows.count
    }

    private static func insert(
        _ session: ConnectSession, _ told: Told, at now: Date, _ keys: SealingKeys, _ db: Database
    ) throws {
        let token = session.connectToken.exposed.utf8
        try db.cachedStatement(
            sql: """
                INSERT INTO session (id, subject, token_digest, token, direction, type, minted_location, minted_action,
                    return_url, live_mode, created_at, expires_at, facts, next_look_at, told_state, sequence, changes_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            session.id.text, session.subject.text, Data(Digest.sha256(token)),
            Data(keys.seal(token, context: session.id.text.utf8)), session.slot.direction.rawValue,
            session.slot.type.rawValue, session.mintedLocation?.text, session.mintedAction?.rawValue, session.returnURL,
            session.liveMode, session.createdAt.timeIntervalSince1970, session.expiresAt.timeIntervalSince1970,
            try text(session.facts), session.nextLook?.timeIntervalSince1970, told.state?.rawValue, told.sequence,
            session.nextChange(after: now)?.timeIntervalSince1970,
        ])
    }

    private static func update(_ session: ConnectSession, _ told: Told, at now: Date, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                UPDATE session SET facts = ?, next_look_at = ?, told_state = ?, sequence = ?, changes_at = ? WHERE id = ?
                """
        ).execute(arguments: [
            try text(session.facts), session.nextLook?.timeIntervalSince1970, told.state?.rawValue, told.sequence,
            session.nextChange(after: now)?.timeIntervalSince1970, session.id.text,
        ])
    }

    private static func text(_ facts: SessionFacts) throws -> String {
        String(decoding: try JSONEncoder().encode(facts), as: UTF8.self)
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
                answer: session.flatMap { SessionID($0) }.flatMap { session in
                    connectURL.map {
                        .init(
                            session: session, connectURL: $0, expiresAt: Date(timeIntervalSince1970: row["expires_at"]))
                    }
                })
        }
    }

    static func save(_ mint: IdempotentMint, _ key: IdempotencyKey, _ subject: Subject, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                INSERT OR REPLACE INTO mint (subject, key, body, started_at, session, connect_url, expires_at)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            subject.text, key.text, Data(mint.body), mint.startedAt.timeIntervalSince1970, mint.answer?.session.text,
            mint.answer?.connectURL, mint.endsAt.timeIntervalSince1970,
        ])
    }
}
