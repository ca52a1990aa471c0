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
        try db.cachedStatement(
            sql: """
                INSERT OR IGNORE INTO event (id, type, session, sequence, subject, born_at, data, due_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            event.id.text, event.type, event.session?.text, sequence, event.subject?.text,
            event.at.timeIntervalSince1970, Data(keys.seal(event.data, context: event.id.text.utf8)),
            event.at.timeIntervalSince1970,
        ])
    }

    static func isAnyDue(_ db: Database, at moment: Date) throws -> Bool {
        try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM event WHERE due_at <= ?)",
            arguments: [moment.timeIntervalSince1970]) ?? false
    }

    static func take(
        dueAt moment: Date, leasedUntil lease: Date, limit: Int, _ keys: SealingKeys, _ db: Database
    ) throws -> [OutgoingEvent] {
        let select = try db.cachedStatement(
            sql: """
                SELECT * FROM event WHERE due_at <= ? AND NOT EXISTS (
                    SELECT 1 FROM event AS earlier
                    WHERE earlier.session = event.session AND earlier.sequence < event.sequence
                        AND earlier.due_at IS NOT NULL AND earlier.attempts < ?)
                ORDER BY due_at, number LIMIT ?
                """)
        let rows = try Row.fetchAll(
            select, arguments: [moment.timeIntervalSince1970, OutgoingEvent.headStart, limit])
        let update = try db.cachedStatement(sql: "UPDATE event SET due_at = ? WHERE number = ?")
        return try rows.map { row in
            let number: Int64 = row["number"]
            try update.execute(arguments: [lease.timeIntervalSince1970, number])
            return try event(row, leasedUntil: lease, keys)
        }
    }

    static func settle(_ delivery: Delivery, _ db: Database) throws {
        let id = delivery.id.text, answer = delivery.answer
        switch delivery.result {
        case .delivered(let moment):
            try db.cachedStatement(
                sql: "UPDATE event SET due_at = NULL, delivered_at = ?, answer = ? WHERE id = ?"
            ).execute(arguments: [moment.timeIntervalSince1970, answer, id])
        case .failed(let moment): try fail(delivery, nextAt: moment, db)
        case .dead: try fail(delivery, nextAt: nil, db)
        }
    }

    private static func fail(_ delivery: Delivery, nextAt moment: Date?, _ db: Database) throws {
        try db.cachedStatement(
            sql: "UPDATE event SET due_at = ?, attempts = attempts + 1, answer = ? WHERE id = ? AND due_at = ?"
        ).execute(arguments: [
            moment?.timeIntervalSince1970, delivery.answer, delivery.id.text, delivery.lease.timeIntervalSince1970,
        ])
    }

    static func replay(since moment: Date, at now: Date, _ db: Database) throws -> Int {
        try db.execute(
            sql: "UPDATE event SET due_at = ?, attempts = 0, delivered_at = NULL WHERE born_at >= ?",
            arguments: [now.timeIntervalSince1970, moment.timeIntervalSince1970])
        return db.changesCount
    }

    static func youngest(_ limit: Int, _ keys: SealingKeys, _ db: Database) throws -> [KeptEvent] {
        let select = try db.cachedStatement(sql: "SELECT * FROM event ORDER BY number DESC LIMIT ?")
        return try Row.fetchAll(select, arguments: [limit]).map { row in
            let dueAt: Double? = row["due_at"]
            let deliveredAt: Double? = row["delivered_at"]
            let state: KeptEvent.State = dueAt != nil ? .pending : deliveredAt != nil ? .delivered : .dead
            return KeptEvent(
                try event(row, leasedUntil: Date(timeIntervalSince1970: dueAt ?? 0), keys), state: state,
                answer: row["answer"])
        }
    }

    static func counts(_ db: Database) throws -> EventCounts {
        EventCounts(
            pending: try Int.fetchOne(db, sql: "SELECT count(*) FROM event WHERE due_at IS NOT NULL") ?? 0,
            dead: try Int.fetchOne(
                db, sql: "SELECT count(*) FROM event WHERE due_at IS NULL AND delivered_at IS NULL") ?? 0)
    }

    static func remove(before moment: Date, at now: Date, _ db: Database) throws {
        try db.execute(
            sql: "DELETE FROM event WHERE born_at < ? AND (due_at IS NULL OR born_at < ?)",
            arguments: [
                moment.timeIntervalSince1970, (now - OutgoingEvent.leastLife).timeIntervalSince1970,
            ])
    }

    private static func event(_ row: Row, leasedUntil lease: Date, _ keys: SealingKeys) throws -> OutgoingEvent {
        let id: String = row["id"]
        guard let eventID = EventID(id), let data = keys.open(Array(row["data"] as Data), context: id.utf8) else {
            throw SessionRow.Unreadable()
        }
        let session: String? = row["session"]
        let subject: String? = row["subject"]
        return OutgoingEvent(
            NewEvent(
                id: eventID, type: row["type"], session: session.flatMap { SessionID($0) },
                subject: subject.flatMap { Subject($0) }, at: Date(timeIntervalSince1970: row["born_at"]), data: data),
            sequence: row["sequence"], attempts: row["attempts"], lease: lease)
    }
}
