package import Core
package import FoundationEssentials
import GRDB
package import Sessions

/// What subjects made at Flatpeak for their locations: devices, batches of meter records, and the ledger of writes.
extension SQLiteStore: DeviceStore, BatchStore, WriteLedger {
    // MARK: - Devices

    package func add(_ device: StoredDevice) async throws(BFFError) -> Bool {
        try await write { db in
            guard try Self.owns(device.subject, device.location, db) else { return false }
            try db.cachedStatement(
                sql: """
                    INSERT OR IGNORE INTO device (subject, location, id, reference, type, created_at)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """
            ).execute(arguments: [
                device.subject.text, device.location.text, device.id.text, device.reference?.text, device.type,
                device.createdAt.timeIntervalSince1970,
            ])
            return true
        }
    }

    package func devices(at location: LocationID, of subject: Subject) async throws(BFFError) -> [StoredDevice] {
        try await read { [quarantine] db in
            let select = try db.cachedStatement(
                sql: """
                    SELECT id, reference, type, created_at FROM device WHERE subject = ? AND location = ?
                    ORDER BY created_at, id
                    """)
            return try Row.fetchAll(select, arguments: [subject.text, location.text]).compactMap { row in
                StoredDevice(
                    id: row["id"], at: location, of: subject, reference: row["reference"], type: row["type"],
                    createdAt: row["created_at"], quarantine)
            }
        }
    }

    package func removeDevice(
        _ id: DeviceID, at location: LocationID, of subject: Subject
    ) async throws(BFFError) -> Bool {
        try await write { db in
            try db.execute(
                sql: "DELETE FROM device WHERE subject = ? AND location = ? AND id = ?",
                arguments: [subject.text, location.text, id.text])
            return db.changesCount > 0
        }
    }

    // MARK: - Batches

    package func keep(_ batch: StoredBatch) async throws(BFFError) -> Bool {
        try await write { db in
            guard try Self.owns(batch.subject, batch.location, db) else { return false }
            try db.cachedStatement(
                sql: """
                    INSERT INTO meter_batch (subject, location, id, is_processed, sent_at) VALUES (?, ?, ?, ?, ?)
                    ON CONFLICT (subject, location, id) DO UPDATE SET is_processed = 1 WHERE excluded.is_processed = 1
                    """
            ).execute(arguments: [
                batch.subject.text, batch.location.text, batch.id.text, batch.isProcessed,
                batch.sentAt.timeIntervalSince1970,
            ])
            return true
        }
    }

    package func batch(
        _ id: BatchID, at location: LocationID, of subject: Subject
    ) async throws(BFFError) -> StoredBatch? {
        try await read { [quarantine] db in
            let select = try db.cachedStatement(
                sql: "SELECT is_processed, sent_at FROM meter_batch WHERE subject = ? AND location = ? AND id = ?")
            return try Row.fetchOne(select, arguments: [subject.text, location.text, id.text]).flatMap { row in
                StoredBatch(
                    id: id, at: location, of: subject, isProcessed: row["is_processed"], sentAt: row["sent_at"],
                    quarantine)
            }
        }
    }

    package func hasUnprocessedBatch(at location: LocationID, after instant: Date) async throws(BFFError) -> Bool {
        try await read { db in
            try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (
                        SELECT 1 FROM meter_batch WHERE location = ? AND sent_at > ? AND is_processed = 0)
                    """, arguments: [location.text, instant.timeIntervalSince1970]) ?? false
        }
    }

    private static func owns(_ subject: Subject, _ location: LocationID, _ db: Database) throws -> Bool {
        let select = try db.cachedStatement(
            sql: "SELECT EXISTS (SELECT 1 FROM location WHERE subject = ? AND id = ?)")
        return try Bool.fetchOne(select, arguments: [subject.text, location.text]) ?? false
    }

    // MARK: - Ledger

    package func begin(
        _ entry: LedgerEntry, as key: IdempotencyKey, of subject: Subject, at now: Date
    ) async throws(BFFError) -> LedgerEntry? {
        try await write { [quarantine] db in
            try db.execute(
                sql: "DELETE FROM ledger WHERE subject = ? AND key = ? AND expires_at <= ?",
                arguments: [subject.text, key.text, now.timeIntervalSince1970])
            let select = try db.cachedStatement(
                sql: """
                    SELECT route, location, body, owner, started_at, outcome, status, answer FROM ledger
                    WHERE subject = ? AND key = ?
                    """)
            if let row = try Row.fetchOne(select, arguments: [subject.text, key.text]) {
                return quarantine.entry(LedgerColumns(row), as: key, for: entry)
            }
            try db.execute(
                sql: """
                    DELETE FROM ledger WHERE subject = ?1 AND key IN (
                        SELECT key FROM ledger WHERE subject = ?1 ORDER BY started_at DESC LIMIT -1 OFFSET ?2)
                    """, arguments: [subject.text, LedgerEntry.share - 1])
            try db.cachedStatement(
                sql: """
                    INSERT INTO ledger (subject, key, route, location, body, owner, started_at, outcome, expires_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """
            ).execute(arguments: [
                subject.text, key.text, entry.route, entry.location.text, Data(entry.body), entry.owner,
                entry.startedAt.timeIntervalSince1970, LedgerOutcomeColumns(.begun).text,
                entry.endsAt.timeIntervalSince1970,
            ])
            return nil
        }
    }

    package func end(
        _ key: IdempotencyKey, of subject: Subject, heldBy owner: String, as outcome: LedgerEntry.Outcome
    ) async throws(BFFError) {
        let columns = LedgerOutcomeColumns(outcome)
        try await write { db in
            try db.execute(
                sql: """
                    UPDATE ledger SET outcome = ?, status = ?, answer = ? WHERE subject = ? AND key = ? AND owner = ?
                    """,
                arguments: [
                    columns.text, columns.status, columns.answer.map { Data($0) }, subject.text, key.text, owner,
                ])
        }
    }

    package func removeEntry(
        _ key: IdempotencyKey, of subject: Subject, heldBy owner: String
    ) async throws(BFFError) {
        try await write { db in
            try db.execute(
                sql: "DELETE FROM ledger WHERE subject = ? AND key = ? AND owner = ?",
                arguments: [subject.text, key.text, owner])
        }
    }
}

extension LedgerColumns {
    fileprivate init(_ row: Row) {
        self.init(
            route: row["route"], location: row["location"], body: Array(row["body"] as Data), owner: row["owner"],
            startedAt: row["started_at"],
            outcome: LedgerOutcomeColumns(
                text: row["outcome"], status: row["status"], answer: (row["answer"] as Data?).map { Array($0) }))
    }
}
