package import Core
package import FoundationEssentials
package import Keys
package import Logging
import Resilience
package import Sessions
import Synchronization

/// Sessions in PostgreSQL, 12 or later, for several nodes.
///
/// It connects when it is first asked something, and whenever a connection was lost: a server that is away is found
/// again without a restart. See docs/decisions/0007-postgres.md.
package final class PostgresStore: SessionStore, SessionHolderStore, ConfirmationStore, IdempotencyKeyStore,
    LocationStore, StateKeyStore, SubjectStore
{
    let keys: SealingKeys
    let quarantine: Quarantine
    let logger: Logger
    let pool: PostgresPool
    /// The connection that listens.
    let listener: PostgresConnection
    /// The callers of ``watch(_:)``, notified of our own changes at once.
    let watchers = StoreWatchers()
    /// Distinguishes our own notifications from those of others.
    let node: String
    /// An outage is logged once a minute.
    private let alarm = Mutex(Throttle(interval: .seconds(60)))

    static let channel = "connect_bff"
    /// Ids in one notification, of which PostgreSQL takes 8000 bytes.
    static let mostNotified = 100
    static let shortestPause = Duration.milliseconds(100)
    static let longestPause = Duration.seconds(2)
    /// For what writes many rows.
    static let longLimit = Duration.seconds(10)

    /// Why a store cannot be used from the start.
    package enum CannotOpen: Error, Equatable {
        /// There are other nodes, or were, and they seal under a key that was not given.
        case unknownKey
        /// A newer release brought its tables up to date.
        case newerSchema
        /// A connection pooler in transaction mode stands between.
        case pooled
        /// It may come back.
        case away(String)
    }

    /// What to do about ``CannotOpen/pooled``.
    package static let pooler = PostgresError.pooler

    /// Does not connect; ``open()`` does.
    package init(url: PostgresURL, keys: SealingKeys, logger: Logger, randomBytes: (Int) -> [UInt8]) {
        self.keys = keys
        self.logger = logger
        quarantine = Quarantine(logger: logger)
        node = randomBytes(8).hexadecimal
        let isPrepared = Mutex(false)
        let connect: @Sendable () throws(PostgresError) -> PostgresLink = { () throws(PostgresError) in
            let link = try PostgresLink(url)
            guard !isPrepared.withLock({ $0 }) else { return link }
            try PostgresSchema.prepare(link, keys)
            isPrepared.withLock { $0 = true }
            return link
        }
        pool = PostgresPool(connect)
        listener = PostgresConnection(connect)
    }

    /// Connects, brings the tables up to date, and checks that the other nodes have the same keys and that what they
    /// change would be heard.
    package func open() async throws(CannotOpen) {
        do throws(PostgresError) {
            try await pool.use { (link) throws(PostgresError) in _ = try link.run([PostgresStatement("SELECT 1")]) }
            try await probed { [listener] (probe) throws(PostgresError) in try await listener.check(probe) }
        } catch {
            switch error {
            case .unknownKey: throw .unknownKey
            case .newerSchema: throw .newerSchema
            case .pooled: throw .pooled
            default: throw .away(error.why)
            }
        }
    }

    /// Asks the server, and then notifies of `changes`: also after a failure, when they may be committed all the same.
    func ask<Value: Sendable>(
        changing changes: [StoreChange] = [], _ work: @Sendable (PostgresLink) throws(PostgresError) -> Value
    ) async throws(BFFError) -> Value {
        defer { watchers.notify(changes) }
        do throws(PostgresError) { return try await pool.use(work) } catch { throw failed(error) }
    }

    func failed(_ error: PostgresError) -> BFFError {
        // A caller without a slot does not know the cause.
        let isAlarm = error != .noSlot && alarm.withLock { $0.isDue(at: .now) }
        logger.log(
            level: isAlarm ? .error : .debug, "the database cannot be used", metadata: ["bff.why": "\(error.why)"])
        return .storeUnavailable
    }

    // MARK: - Sessions

    package func save(_ writes: [SessionWrite], at now: Date) async throws(BFFError) -> SavedSessions {
        defer { watchers.notify(writes.flatMap(\.session.locationChanges)) }
        do throws(PostgresError) { return try await saveEach(writes, at: now) } catch { throw failed(error) }
    }

    /// Saves writes together; when the server refuses a row among them, each half by itself, down to that row.
    private func saveEach(_ writes: [SessionWrite], at now: Date) async throws(PostgresError) -> SavedSessions {
        do throws(PostgresError) {
            return try await saveTogether(writes, at: now)
        } catch {
            guard error.isOfRow else { throw error }
            guard writes.count > 1 else {
                var saved = SavedSessions()
                for write in writes { saved.refused.insert(refuse(write)) }
                return saved
            }
            var saved = try await saveEach(Array(writes.prefix(writes.count / 2)), at: now)
            let rest = try await saveEach(Array(writes.dropFirst(writes.count / 2)), at: now)
            saved.kept += rest.kept
            saved.refused.formUnion(rest.refused)
            return saved
        }
    }

    private func refuse(_ write: SessionWrite) -> SessionID {
        quarantine.add("session", write.session.id.text)
        return write.session.id
    }

    private func saveTogether(_ writes: [SessionWrite], at now: Date) async throws(PostgresError) -> SavedSessions {
        try await pool.use { [self, keys, node] (link) throws(PostgresError) in
            // Locked in one order by all, so that there is no deadlock.
            let found = try link.run([
                PostgresStatement("BEGIN"),
                PostgresStatement(
                    """
                    SELECT id, facts, told_state, sequence FROM session WHERE id = ANY ($1::text[])
                    ORDER BY id FOR UPDATE
                    """, .identifiers(writes.map(\.session.id.text))),
            ])[1]
            var stored: [String: SessionChange.Stored] = [:]
            var unreadable: Set<String> = []
            for row in found {
                guard let id = row.text("id") else { continue }
                stored[id] = try? row.storedSession()
                if stored[id] == nil { unreadable.insert(id) }
            }
            var batch = PostgresBatch(at: now, by: node)
            var saved = SavedSessions()
            for write in writes {
                guard !unreadable.contains(write.session.id.text) else {
                    saved.refused.insert(refuse(write))
                    continue
                }
                let session = try readable { () throws(SessionColumns.Unreadable) in
                    try batch.add(write, over: &stored[write.session.id.text], at: now, keys)
                }
                if let session { saved.kept.append(session) }
            }
            _ = try link.run(
                batch.statements + notifications(of: batch.changed) + [PostgresStatement("COMMIT")],
                within: Self.longLimit)
            return saved
        }
    }

    package func session(_ id: SessionID) async throws(BFFError) -> ConnectSession? {
        try await sessions(
            PostgresStatement("SELECT \(PostgresRow.session) FROM session WHERE id = $1", .text(id.text))
        )
        .first
    }

    package func session(token: ConnectToken) async throws(BFFError) -> ConnectSession? {
        try await sessions(
            PostgresStatement(
                """
                SELECT \(PostgresRow.session) FROM session WHERE token_digest = $1
                ORDER BY created_at DESC LIMIT 1
                """, .bytes(SessionColumns.digest(token)))
        ).first
    }

    package func leaseDue(at instant: Date, limit: Int, until end: Date) async throws(BFFError) -> [ConnectSession] {
        let due = try await ask { [self] (link) throws(PostgresError) in
            let rows = try link.run([
                PostgresStatement(
                    """
                    WITH due AS MATERIALIZED (
                        SELECT id AS due_id FROM session
                        WHERE next_look_at <= $1 AND (taken_until IS NULL OR taken_until <= $1)
                        ORDER BY next_look_at LIMIT $3 FOR UPDATE SKIP LOCKED
                    )
                    UPDATE session SET taken_until = $2 FROM due WHERE id = due_id
                    RETURNING \(PostgresRow.session)
                    """, .double(instant.timeIntervalSince1970), .double(end.timeIntervalSince1970), .int(limit))
            ])[0]
            let (sessions, unreadable) = sessions(in: rows)
            if !unreadable.isEmpty { _ = try link.run(unreadable.map { Self.setAside($0, "taken_until", until: end) }) }
            return sessions
        }
        return due.sorted { ($0.nextPoll ?? .distantFuture) < ($1.nextPoll ?? .distantFuture) }
    }

    /// Takes a row out of the line for ``Quarantine/pause``.
    private static func setAside(_ id: String, _ column: String, until instant: Date) -> PostgresStatement {
        PostgresStatement(
            "UPDATE session SET \(column) = $1 WHERE id = $2",
            .double(instant.addingTimeInterval(Quarantine.pause).timeIntervalSince1970), .text(id))
    }

    package func publishTimedChanges(at now: Date, limit: Int) async throws(BFFError) -> Int {
        do throws(PostgresError) {
            return try await publishTogether(at: now, limit: limit)
        } catch {
            guard error.isOfRow else { throw failed(error) }
        }
        // The server refuses a row among them: each goes by itself.
        for count in 0..<limit {
            let published: Int
            do throws(PostgresError) {
                published = try await publishTogether(at: now, limit: 1)
            } catch {
                guard error.isOfRow else { throw failed(error) }
                try await setAsideNextChange(at: now)
                continue
            }
            if published == 0 { return count }
        }
        return limit
    }

    private func publishTogether(at now: Date, limit: Int) async throws(PostgresError) -> Int {
        try await pool.use { [self, keys, node] (link) throws(PostgresError) in
            let rows = try link.run([PostgresStatement("BEGIN"), Self.changing(by: now, limit: limit)])[1]
            var batch = PostgresBatch(at: now, by: node)
            var unreadable: [PostgresStatement] = []
            for row in rows {
                if let session = try? row.session(keys), let cursor = try? row.outboxCursor(),
                    (try? batch.publish(session, cursor, at: now, keys)) != nil
                {
                    continue
                }
                unreadable.append(Self.setAside(quarantined(row), "changes_at", until: now))
            }
            _ = try link.run(batch.statements + unreadable + [PostgresStatement("COMMIT")], within: Self.longLimit)
            return rows.count
        }
    }

    /// Sets the session aside whose change is due the longest, which the server does not take.
    private func setAsideNextChange(at now: Date) async throws(BFFError) {
        try await ask { [self] (link) throws(PostgresError) in
            let rows = try link.run([PostgresStatement("BEGIN"), Self.changing(by: now, limit: 1)])[1]
            let aside = rows.map { Self.setAside(quarantined($0), "changes_at", until: now) }
            _ = try link.run(aside + [PostgresStatement("COMMIT")])
        }
    }

    private static func changing(by now: Date, limit: Int) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT \(PostgresRow.session), told_state, sequence FROM session WHERE changes_at <= $1
            ORDER BY changes_at, id LIMIT $2 FOR UPDATE SKIP LOCKED
            """, .double(now.timeIntervalSince1970), .int(limit))
    }

    /// Counts and logs the session of a row that cannot be read.
    /// - Returns: Its id.
    func quarantined(_ row: PostgresRow) -> String {
        let id = row.text("id") ?? ""
        quarantine.add("session", id)
        return id
    }

    private func sessions(_ statement: PostgresStatement) async throws(BFFError) -> [ConnectSession] {
        try await ask { [self] (link) throws(PostgresError) in
            sessions(in: try link.run([statement])[0]).sessions
        }
    }

    /// The sessions in rows, and the ids of those that cannot be read.
    private func sessions(in rows: [PostgresRow]) -> (sessions: [ConnectSession], unreadable: [String]) {
        var sessions: [ConnectSession] = []
        var unreadable: [String] = []
        for row in rows {
            if let session = try? row.session(keys) {
                sessions.append(session)
            } else {
                unreadable.append(quarantined(row))
            }
        }
        return (sessions, unreadable)
    }

    // MARK: - Idempotency

    package func begin(
        _ mint: IdempotentMint, as key: IdempotencyKey, of subject: Subject, at now: Date
    ) async throws(BFFError) -> IdempotentMint? {
        try await ask { [quarantine] (link) throws(PostgresError) in
            // Whoever has the key may give it back between the two; then it is asked for again.
            for _ in 0..<3 {
                let answers = try link.run([
                    PostgresBatch.save(
                        mint, key, subject, onlyIf: "mint.expires_at <= $8", .double(now.timeIntervalSince1970)),
                    PostgresStatement(
                        """
                        SELECT body, started_at, session, connect_url, expires_at FROM mint
                        WHERE subject = $1 AND key = $2
                        """, .text(subject.text), .text(key.text)),
                ])
                if !answers[0].isEmpty { return nil }
                guard let taken = answers[1].first else { continue }
                if let mint = try? taken.mint() { return mint }
                // A mint that cannot be read holds nothing.
                quarantine.add("mint", key.text)
                _ = try link.run([
                    PostgresStatement(
                        "DELETE FROM mint WHERE subject = $1 AND key = $2", .text(subject.text), .text(key.text))
                ])
            }
            return nil
        }
    }

    package func release(_ key: MintKey, of subject: Subject) async throws(BFFError) {
        try await ask { (link) throws(PostgresError) in
            _ = try link.run([
                PostgresStatement(
                    "DELETE FROM mint WHERE subject = $1 AND key = $2 AND session = $3", .text(subject.text),
                    .text(key.key.text), .text(key.mint.holder))
            ])
        }
    }
}
