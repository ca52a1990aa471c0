import Core
import FoundationEssentials
import Keys
import Sessions

/// What a batch of sessions comes to: statements that are sent together.
struct PostgresBatch {
    private var sessions: [PostgresStatement] = []
    private var locations: [(subject: String, id: String)] = []
    private var mints: [(key: MintKey, subject: Subject)] = []
    private var events: [PostgresStatement] = []
    /// Sessions that other nodes may know.
    private(set) var changed: [String] = []

    /// When the batch is written, by which a key is free.
    private let now: Date

    init(at now: Date) {
        self.now = now
    }

    /// Locations and keys in one order for all nodes, so that nobody waits in a circle.
    var statements: [PostgresStatement] {
        sessions
            + locations.sorted { ($0.subject, $0.id) < ($1.subject, $1.id) }.map { location in
                PostgresStatement(
                    "INSERT INTO location (subject, id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    .text(location.subject), .text(location.id))
            }
            + mints.sorted { ($0.subject.text, $0.key.key.text) < ($1.subject.text, $1.key.key.text) }.map { mint in
                // Unless another mint holds the key by now.
                Self.save(
                    mint.key.mint, mint.key.key, mint.subject,
                    onlyIf: "mint.expires_at <= $8 OR (mint.session = $9 AND mint.connect_url IS NULL)",
                    .double(now.timeIntervalSince1970), .text(mint.key.mint.owner))
            } + events
    }

    /// What the store has of a session.
    struct Kept {
        var facts: SessionFacts
        var told: Told
    }

    /// Inserts or merges, and puts the event of a state that is news.
    /// - Parameter kept: What the store has of the session; afterwards, what it will have.
    /// - Returns: The session as it will be kept; nil for one that was removed meanwhile.
    mutating func add(
        _ write: SessionWrite, keeping kept: inout Kept?, at now: Date, _ keys: SealingKeys
    ) throws(SessionColumns.Unreadable) -> ConnectSession? {
        var session = write.session
        if let kept { session.facts.merge(kept.facts) } else if !write.isNew { return nil }
        if kept?.facts.located == nil, let location = session.facts.located?.location {
            locations.append((session.subject.text, location.text))
        }
        var told = kept?.told ?? Told()
        let isNews = try tell(session, &told, at: now, keys)
        if let kept {
            if kept.facts != session.facts || isNews {
                sessions.append(try Self.update(session, told, since: kept.facts, at: now))
                changed.append(session.id.text)
            }
        } else {
            sessions.append(try Self.insert(session, told, at: now, keys))
        }
        kept = Kept(facts: session.facts, told: told)
        if let key = write.key { mints.append((key, session.subject)) }
        return session
    }

    /// Puts the event of a session whose state changed by time alone.
    mutating func tell(
        _ session: ConnectSession, of told: Told, at now: Date, _ keys: SealingKeys
    ) throws(SessionColumns.Unreadable) {
        var told = told
        _ = try tell(session, &told, at: now, keys)
        sessions.append(try Self.update(session, told, since: session.facts, at: now))
    }

    /// - Returns: Whether there was something to tell.
    private mutating func tell(
        _ session: ConnectSession, _ told: inout Told, at now: Date, _ keys: SealingKeys
    ) throws(SessionColumns.Unreadable) -> Bool {
        do throws(BFFError) {
            guard let event = try told.event(of: session, at: now) else { return false }
            events.append(PostgresEvent.insert(event, sequence: told.sequence, keys))
            return true
        } catch {
            throw SessionColumns.Unreadable()
        }
    }

    private static func insert(
        _ session: ConnectSession, _ told: Told, at now: Date, _ keys: SealingKeys
    ) throws(SessionColumns.Unreadable) -> PostgresStatement {
        let columns = try SessionColumns(session, keys)
        return PostgresStatement(
            """
            INSERT INTO session (\(PostgresRow.session), token_digest, next_look_at, told_state, sequence, changes_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
            """,
            .text(columns.id), .text(columns.subject), .bytes(columns.token), .text(columns.direction),
            .text(columns.type), .text(columns.mintedLocation), .text(columns.mintedAction), .text(columns.returnURL),
            .bool(columns.liveMode), .double(columns.createdAt), .double(columns.expiresAt), .text(columns.facts),
            .bytes(SessionColumns.digest(session.connectToken)), .double(session.nextLook?.timeIntervalSince1970),
            .text(told.state?.rawValue), .int(told.sequence),
            .double(session.nextChange(after: now)?.timeIntervalSince1970))
    }

    private static func update(
        _ session: ConnectSession, _ told: Told, since kept: SessionFacts, at now: Date
    ) throws(SessionColumns.Unreadable) -> PostgresStatement {
        // Whoever took it has asked.
        let free = session.facts.askedAt == kept.askedAt ? "" : ", taken_until = NULL"
        return PostgresStatement(
            """
            UPDATE session SET facts = $1, next_look_at = $2, told_state = $3, sequence = $4, changes_at = $5\(free)
            WHERE id = $6
            """, .text(try session.facts.json), .double(session.nextLook?.timeIntervalSince1970),
            .text(told.state?.rawValue), .int(told.sequence),
            .double(session.nextChange(after: now)?.timeIntervalSince1970), .text(session.id.text))
    }

    /// Keeps a mint; one that has the key is replaced, `onlyIf` something holds for it.
    ///
    /// The column `session` names the holder: the mint's owner until there is a session.
    static func save(
        _ mint: IdempotentMint, _ key: IdempotencyKey, _ subject: Subject, onlyIf condition: String,
        _ more: PostgresValue...
    ) -> PostgresStatement {
        let values: [PostgresValue] = [
            .text(subject.text), .text(key.text), .bytes(mint.body), .double(mint.startedAt.timeIntervalSince1970),
            .text(mint.holder), .text(mint.answer?.connectURL),
            .double(mint.endsAt.timeIntervalSince1970),
        ]
        return PostgresStatement(
            """
            INSERT INTO mint (subject, key, body, started_at, session, connect_url, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (subject, key) DO UPDATE SET body = EXCLUDED.body, started_at = EXCLUDED.started_at,
                session = EXCLUDED.session, connect_url = EXCLUDED.connect_url, expires_at = EXCLUDED.expires_at
            WHERE \(condition) RETURNING true
            """, values + more)
    }
}

extension PostgresRow {
    /// The columns of ``session(_:)``, by name: a `*` would change under a prepared statement when a newer node adds one.
    static let session = """
        id, subject, token, direction, type, minted_location, minted_action, return_url, live_mode, created_at,
        expires_at, facts
        """

    func session(_ keys: SealingKeys) throws(PostgresError) -> ConnectSession {
        guard let id = text(0), let subject = text(1), let token = bytes(2), let direction = text(3),
            let type = text(4), let liveMode = bool(8), let createdAt = double(9), let expiresAt = double(10),
            let facts = text(11)
        else { throw .unreadable("it was altered") }
        let columns = SessionColumns(
            id: id, subject: subject, token: token, direction: direction, type: type, mintedLocation: text(5),
            mintedAction: text(6), returnURL: text(7), liveMode: liveMode, createdAt: createdAt, expiresAt: expiresAt,
            facts: facts)
        return try readable { () throws(SessionColumns.Unreadable) in try columns.session(keys) }
    }

    /// What was told of a session, from two columns.
    func told(at column: Int) throws(PostgresError) -> Told {
        try readable { () throws(SessionColumns.Unreadable) in
            try Told(stateText: text(column), sequence: int(column + 1) ?? 0)
        }
    }

    /// What the store has of a session, from the columns id, facts, told_state and sequence.
    func kept() throws(PostgresError) -> PostgresBatch.Kept {
        guard let json = text(1) else { throw .unreadable("it was altered") }
        let facts = try readable { () throws(SessionColumns.Unreadable) in try SessionFacts(json: json) }
        return PostgresBatch.Kept(facts: facts, told: try told(at: 2))
    }

    func mint() throws(PostgresError) -> IdempotentMint {
        guard let body = bytes(0), let startedAt = double(1), let expiresAt = double(4) else {
            throw .unreadable("it was altered")
        }
        let columns = MintColumns(
            body: body, startedAt: startedAt, session: text(2), connectURL: text(3), expiresAt: expiresAt)
        return try readable { () throws(SessionColumns.Unreadable) in try columns.mint }
    }
}

/// Turns the one error of rows into the one of connections.
func readable<Value>(_ work: () throws(SessionColumns.Unreadable) -> Value) throws(PostgresError) -> Value {
    do throws(SessionColumns.Unreadable) { return try work() } catch { throw .unreadable("it was altered") }
}
