import Core
import FoundationEssentials
import GRDB
import Keys
import Sessions

/// An event as a row of the outbox.
enum EventRow {
    /// Puts an event unless its id is there already; one of a session gets the next number of its sequence.
    ///
    /// To be called inside of the transaction that makes it true.
    static func put(_ event: NewEvent, _ keys: SealingKeys, _ db: Database) throws {
        let exists = try db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM event WHERE id = ?)")
        guard try Bool.fetchOne(exists, arguments: [event.id.text]) != true else { return }
        let next = try db.cachedStatement(
            sql: "UPDATE session SET sequence = sequence + 1 WHERE id = ? RETURNING sequence")
        let sequence = try event.session.flatMap { try Int.fetchOne(next, arguments: [$0.text]) }
        try insert(event, sequence: sequence, keys, db)
    }

    /// Inserts an event that was numbered already.
    static func insert(_ event: NewEvent, sequence: Int?, _ keys: SealingKeys, _ db: Database) throws {
        let columns = EventColumns(event, sequence: sequence, keys)
        try db.cachedStatement(
            sql: """
                INSERT OR IGNORE INTO event (id, type, session, sequence, subject, born_at, data, due_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            columns.id, columns.type, columns.session, columns.sequence, columns.subject, columns.bornAt,
            Data(columns.data), columns.bornAt,
        ])
    }

    static func isAnyDue(_ db: Database, at instant: Date) throws -> Bool {
        try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM event WHERE due_at <= ?)",
            arguments: [instant.timeIntervalSince1970]) ?? false
    }

    /// - Parameters:
    ///   - inFlight: See ``Outbox/take(dueAt:leasedUntil:limit:besides:)``.
    ///   - quarantine: Takes the events that cannot be read, which are dead from here on.
    static func take(
        dueAt instant: Date, leasedUntil lease: Date, limit: Int, besides inFlight: [Subject], _ keys: SealingKeys,
        _ quarantine: Quarantine, _ db: Database
    ) throws -> [OutgoingEvent] {
        let numbers = try due(at: instant, limit: limit, besides: inFlight, db)
        let select = try db.cachedStatement(sql: "SELECT * FROM event WHERE number = ?")
        let update = try db.cachedStatement(sql: "UPDATE event SET due_at = ? WHERE number = ?")
        return try numbers.compactMap { number in
            guard let row = try Row.fetchOne(select, arguments: [number]) else { return nil }
            let columns = columns(row)
            guard let event = try? columns.event(leasedUntil: lease, keys) else {
                quarantine.add("event", columns.id)
                if keys.isForeign(columns.data) {
                    // The later ones of its session need not wait for it.
                    try db.execute(
                        sql: "UPDATE event SET due_at = ?, attempts = max(attempts, ?) WHERE number = ?",
                        arguments: [
                            (lease + Quarantine.foreignKeyPause).timeIntervalSince1970, OutgoingEvent.headStart, number,
                        ])
                    return nil
                }
                try db.execute(
                    sql: "UPDATE event SET due_at = NULL, delivered_at = NULL, answer = ? WHERE number = ?",
                    arguments: [Quarantine.answer, number])
                return nil
            }
            try update.execute(arguments: [lease.timeIntervalSince1970, number])
            return event
        }
    }

    /// The events that may be taken, the longest due first.
    private static func due(
        at instant: Date, limit: Int, besides inFlight: [Subject], _ db: Database
    ) throws -> [Int64] {
        var held = Dictionary(inFlight.map { ($0.text, 1) }, uniquingKeysWith: +)
        // A backlog of a subject that has its share is not even looked at: the one writer is held meanwhile.
        let full = held.filter { $0.value >= OutgoingEvent.share }.map(\.key)
        let marks = databaseQuestionMarks(count: full.count)
        let others = full.isEmpty ? "" : "AND (subject IS NULL OR subject NOT IN (\(marks)))"
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT number, subject FROM event WHERE due_at <= ? \(others) AND NOT EXISTS (
                    SELECT 1 FROM event AS earlier
                    WHERE earlier.session = event.session AND earlier.sequence < event.sequence
                        AND earlier.due_at IS NOT NULL AND earlier.attempts < ?)
                ORDER BY due_at, number LIMIT ?
                """,
            arguments: StatementArguments([instant.timeIntervalSince1970]) + StatementArguments(full)
                + StatementArguments([OutgoingEvent.headStart, 4 * limit]))
        var numbers: [Int64] = []
        while numbers.count < limit, let row = try rows.next() {
            if let subject: String = row["subject"] {
                guard held[subject, default: 0] < OutgoingEvent.share else { continue }
                held[subject, default: 0] += 1
            }
            numbers.append(row["number"])
        }
        return numbers
    }

    static func settle(_ delivery: Delivery, _ db: Database) throws {
        let id = delivery.id.text, answer = delivery.answer
        switch delivery.result {
        case .delivered(let instant):
            try db.cachedStatement(
                sql: "UPDATE event SET due_at = NULL, delivered_at = ?, answer = ? WHERE id = ?"
            ).execute(arguments: [instant.timeIntervalSince1970, answer, id])
        case .failed(let instant): try fail(delivery, nextAt: instant, db)
        case .dead: try fail(delivery, nextAt: nil, db)
        }
    }

    private static func fail(_ delivery: Delivery, nextAt instant: Date?, _ db: Database) throws {
        try db.cachedStatement(
            sql: "UPDATE event SET due_at = ?, attempts = attempts + 1, answer = ? WHERE id = ? AND due_at = ?"
        ).execute(arguments: [
            instant?.timeIntervalSince1970, delivery.answer, delivery.id.text, delivery.lease.timeIntervalSince1970,
        ])
    }

    static func replay(since instant: Date, at now: Date, _ db: Database) throws -> Int {
        try db.execute(
            sql: "UPDATE event SET due_at = ?, attempts = 0, delivered_at = NULL WHERE born_at >= ?",
            arguments: [now.timeIntervalSince1970, instant.timeIntervalSince1970])
        return db.changesCount
    }

    static func youngest(
        _ limit: Int, _ keys: SealingKeys, _ quarantine: Quarantine, _ db: Database
    ) throws -> [KeptEvent] {
        let select = try db.cachedStatement(sql: "SELECT * FROM event ORDER BY number DESC LIMIT ?")
        return try Row.fetchAll(select, arguments: [limit]).compactMap { row in
            let columns = columns(row)
            let kept = try? columns.kept(
                dueAt: row["due_at"], deliveredAt: row["delivered_at"], answer: row["answer"], keys)
            if kept == nil { quarantine.add("event", columns.id) }
            return kept
        }
    }

    static func counts(_ db: Database) throws -> EventCounts {
        EventCounts(
            pending: try Int.fetchOne(db, sql: "SELECT count(*) FROM event WHERE due_at IS NOT NULL") ?? 0,
            dead: try Int.fetchOne(
                db, sql: "SELECT count(*) FROM event WHERE due_at IS NULL AND delivered_at IS NULL") ?? 0)
    }

    static func remove(before instant: Date, at now: Date, _ db: Database) throws {
        try db.execute(
            sql: "DELETE FROM event WHERE born_at < ? AND (due_at IS NULL OR born_at < ?)",
            arguments: [
                instant.timeIntervalSince1970, (now - OutgoingEvent.leastLife).timeIntervalSince1970,
            ])
    }

    private static func columns(_ row: Row) -> EventColumns {
        EventColumns(
            id: row["id"], type: row["type"], session: row["session"], sequence: row["sequence"],
            subject: row["subject"], bornAt: row["born_at"], data: Array(row["data"] as Data), attempts: row["attempts"]
        )
    }
}
