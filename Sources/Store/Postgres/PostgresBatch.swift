import Core
import FoundationEssentials
import Keys
import Sessions

/// What a batch of sessions comes to: statements that are sent together.
struct PostgresBatch {
    private var sessions: [PostgresStatement] = []
    /// Changes of sessions that mean something for locations.
    private var locations: [SessionChange] = []
    private var mints: [(key: MintKey, subject: Subject)] = []
    private var events: [PostgresStatement] = []
    /// Sessions that other nodes may know.
    private(set) var changed: [String] = []

    /// When the batch is written, by which a key is free.
    private let now: Date
    private let node: String

    init(at now: Date, by node: String) {
        self.now = now
        self.node = node
    }

    /// Locations and keys in one order for all nodes, so that there is no deadlock.
    var statements: [PostgresStatement] {
        sessions
            + PostgresLocation.statements(for: locations, at: now, by: node)
            + mints.sorted { ($0.subject.text, $0.key.key.text) < ($1.subject.text, $1.key.key.text) }.map { mint in
                // Unless another mint holds the key by now.
                Self.save(
                    mint.key.mint, mint.key.key, mint.subject,
                    onlyIf: "mint.expires_at <= $8 OR (mint.session = $9 AND mint.connect_url IS NULL)",
                    .double(now.timeIntervalSince1970), .text(mint.key.mint.owner))
            } + events
    }

    /// Inserts or merges.
    /// - Parameter stored: What the store has of the session; afterwards, what it will have.
    /// - Returns: The session as it will be kept; nil for one that was removed meanwhile.
    mutating func add(
        _ write: SessionWrite, over stored: inout SessionChange.Stored?, at now: Date, _ keys: SealingKeys
    ) throws(SessionColumns.Unreadable) -> ConnectSession? {
        guard
            let change = try Self.change({ () throws(BFFError) in
                try SessionChange.merging(write, into: stored, at: now)
            })
        else { return nil }
        try keep(change, keys)
        if change.write == .update { changed.append(change.session.id.text) }
        stored = change.stored
        if let key = write.key { mints.append((key, change.session.subject)) }
        return change.session
    }

    /// Publishes the event of a session whose state changed by time alone.
    mutating func publish(
        _ session: ConnectSession, _ cursor: OutboxCursor, at now: Date, _ keys: SealingKeys
    ) throws(SessionColumns.Unreadable) {
        try keep(try Self.change { () throws(BFFError) in try SessionChange.timed(session, cursor, at: now) }, keys)
    }

    /// Takes a step of a session's confirmation.
    mutating func take(
        _ step: ConfirmationStep, of stored: ConfirmableSession, at now: Date, _ keys: SealingKeys
    ) throws(SessionColumns.Unreadable) -> ConfirmationChange {
        let taken = try Self.change { () throws(BFFError) in try ConfirmationChange(step, of: stored, at: now) }
        let id = taken.session.id.text
        if let change = taken.change {
            try keep(change, keys)
            changed.append(id)
        }
        if let confirmation = taken.confirmation {
            sessions.append(
                PostgresStatement(
                    "UPDATE session SET codes = $1 WHERE id = $2", .text(try confirmation.json), .text(id)))
        }
        return taken
    }

    private static func change<Change>(
        _ work: () throws(BFFError) -> Change
    ) throws(SessionColumns.Unreadable) -> Change {
        do throws(BFFError) { return try work() } catch { throw SessionColumns.Unreadable() }
    }

    /// Persists a change, with what it means for locations and the outbox.
    private mutating func keep(
        _ change: SessionChange, _ keys: SealingKeys
    ) throws(SessionColumns.Unreadable) {
        switch change.write {
        case .insert: sessions.append(try Self.insert(change, keys))
        case .update: sessions.append(try Self.update(change))
        case .none: break
        }
        locations.append(change)
        if let event = change.event {
            events.append(PostgresEvent.insert(event, sequence: change.cursor.sequence, keys))
        }
    }

    private static func insert(
        _ change: SessionChange, _ keys: SealingKeys
    ) throws(SessionColumns.Unreadable) -> PostgresStatement {
        let columns = try SessionColumns(change.session, keys)
        return PostgresStatement(
            """
            INSERT INTO session (\(PostgresRow.session), token_digest, next_look_at, told_state, sequence, changes_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
            """,
            .text(columns.id), .text(columns.subject), .bytes(columns.token), .text(columns.direction),
            .text(columns.type), .text(columns.mintedLocation), .text(columns.mintedAction), .text(columns.returnURL),
            .bool(columns.liveMode), .double(columns.createdAt), .double(columns.expiresAt), .text(columns.facts),
            .bool(columns.needsConfirmation),
            .bytes(SessionColumns.digest(change.session.connectToken)),
            .double(change.session.nextPoll?.timeIntervalSince1970), .text(change.cursor.state?.rawValue),
            .int(change.cursor.sequence), .double(change.changesAt?.timeIntervalSince1970))
    }

    private static func update(_ change: SessionChange) throws(SessionColumns.Unreadable) -> PostgresStatement {
        let lease = change.endsLease ? ", taken_until = NULL" : ""
        return PostgresStatement(
            """
            UPDATE session SET facts = $1, next_look_at = $2, told_state = $3, sequence = $4, changes_at = $5\(lease)
            WHERE id = $6
            """, .text(try change.session.facts.json), .double(change.session.nextPoll?.timeIntervalSince1970),
            .text(change.cursor.state?.rawValue), .int(change.cursor.sequence),
            .double(change.changesAt?.timeIntervalSince1970), .text(change.session.id.text))
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
        expires_at, facts, needs_confirmation
        """

    func session(_ keys: SealingKeys) throws(PostgresError) -> ConnectSession {
        guard let id = text("id"), let subject = text("subject"), let token = bytes("token"),
            let direction = text("direction"), let type = text("type"), let liveMode = bool("live_mode"),
            let needsConfirmation = bool("needs_confirmation"),
            let createdAt = double("created_at"), let expiresAt = double("expires_at"), let facts = text("facts")
        else { throw .unreadable("it was altered") }
        let columns = SessionColumns(
            id: id, subject: subject, token: token, direction: direction, type: type,
            mintedLocation: text("minted_location"), mintedAction: text("minted_action"),
            returnURL: text("return_url"), liveMode: liveMode, needsConfirmation: needsConfirmation,
            createdAt: createdAt,
            expiresAt: expiresAt,
            facts: facts)
        return try readable { () throws(SessionColumns.Unreadable) in try columns.session(keys) }
    }

    /// How far the events of a session are published.
    func outboxCursor() throws(PostgresError) -> OutboxCursor {
        try readable { () throws(SessionColumns.Unreadable) in
            try OutboxCursor(stateText: text("told_state"), sequence: int("sequence") ?? 0)
        }
    }

    func storedSession() throws(PostgresError) -> SessionChange.Stored {
        guard let json = text("facts") else { throw .unreadable("it was altered") }
        let facts = try readable { () throws(SessionColumns.Unreadable) in try SessionFacts(json: json) }
        return SessionChange.Stored(facts: facts, cursor: try outboxCursor())
    }

    func mint() throws(PostgresError) -> IdempotentMint {
        guard let body = bytes("body"), let startedAt = double("started_at"), let expiresAt = double("expires_at")
        else { throw .unreadable("it was altered") }
        let columns = MintColumns(
            body: body, startedAt: startedAt, session: text("session"), connectURL: text("connect_url"),
            expiresAt: expiresAt)
        return try readable { () throws(SessionColumns.Unreadable) in try columns.mint }
    }
}

/// Turns the one error of rows into the one of connections.
func readable<Value>(_ work: () throws(SessionColumns.Unreadable) -> Value) throws(PostgresError) -> Value {
    do throws(SessionColumns.Unreadable) { return try work() } catch { throw .unreadable("it was altered") }
}
