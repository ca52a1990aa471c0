package import Core
package import FoundationEssentials
package import Sessions

/// What subjects made at Flatpeak for their locations: devices, batches of meter records, and the ledger of writes.
extension PostgresStore: DeviceStore, BatchStore, WriteLedger {
    // MARK: - Devices

    package func add(_ device: StoredDevice) async throws(BFFError) -> Bool {
        try await keepIfOwned(
            """
            INSERT INTO device (subject, location, id, reference, type, created_at)
            SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::double precision FROM owned
            ON CONFLICT DO NOTHING
            """, .text(device.subject.text), .text(device.location.text), .text(device.id.text),
            .text(device.reference?.text), .foreign(device.type), .double(device.createdAt.timeIntervalSince1970))
    }

    package func devices(at location: LocationID, of subject: Subject) async throws(BFFError) -> [StoredDevice] {
        try await ask { [quarantine] (link) throws(PostgresError) in
            try link.run([
                PostgresStatement(
                    """
                    SELECT id, reference, type, created_at FROM device WHERE subject = $1 AND location = $2
                    ORDER BY created_at, id
                    """, .text(subject.text), .text(location.text))
            ])[0].compactMap { row in
                StoredDevice(
                    id: row.text("id") ?? "", at: location, of: subject, reference: row.text("reference"),
                    type: row.text("type"), createdAt: row.double("created_at") ?? .nan, quarantine)
            }
        }
    }

    package func removeDevice(
        _ id: DeviceID, at location: LocationID, of subject: Subject
    ) async throws(BFFError) -> Bool {
        try await ask { (link) throws(PostgresError) in
            try !link.run([
                PostgresStatement(
                    "DELETE FROM device WHERE subject = $1 AND location = $2 AND id = $3 RETURNING true",
                    .text(subject.text), .text(location.text), .text(id.text))
            ])[0].isEmpty
        }
    }

    // MARK: - Batches

    package func keep(_ batch: StoredBatch) async throws(BFFError) -> Bool {
        try await keepIfOwned(
            """
            INSERT INTO meter_batch (subject, location, id, is_processed, sent_at)
            SELECT $1::text, $2::text, $3::text, $4::boolean, $5::double precision FROM owned
            ON CONFLICT (subject, location, id) DO UPDATE SET is_processed = true WHERE EXCLUDED.is_processed
            """, .text(batch.subject.text), .text(batch.location.text), .text(batch.id.text),
            .bool(batch.isProcessed), .double(batch.sentAt.timeIntervalSince1970))
    }

    package func batch(
        _ id: BatchID, at location: LocationID, of subject: Subject
    ) async throws(BFFError) -> StoredBatch? {
        try await ask { [quarantine] (link) throws(PostgresError) in
            try link.run([
                PostgresStatement(
                    """
                    SELECT is_processed, sent_at FROM meter_batch WHERE subject = $1 AND location = $2 AND id = $3
                    """, .text(subject.text), .text(location.text), .text(id.text))
            ])[0].first.flatMap { row in
                StoredBatch(
                    id: id, at: location, of: subject, isProcessed: row.bool("is_processed") ?? false,
                    sentAt: row.double("sent_at") ?? .nan, quarantine)
            }
        }
    }

    package func hasUnprocessedBatch(at location: LocationID, after instant: Date) async throws(BFFError) -> Bool {
        try await ask { (link) throws(PostgresError) in
            try !link.run([
                PostgresStatement(
                    "SELECT true FROM meter_batch WHERE location = $1 AND sent_at > $2 AND NOT is_processed LIMIT 1",
                    .text(location.text), .double(instant.timeIntervalSince1970))
            ])[0].isEmpty
        }
    }

    /// Inserts a row of a subject's for a location, while the location is the subject's: it is not taken away meanwhile.
    /// - Parameters:
    ///   - insert: Inserts from `owned`, which has one row if the location is the subject's.
    ///   - values: The subject and the location first.
    private func keepIfOwned(_ insert: String, _ values: PostgresValue...) async throws(BFFError) -> Bool {
        try await ask { (link) throws(PostgresError) in
            try link.run([
                PostgresStatement(
                    """
                    WITH owned AS MATERIALIZED (
                        SELECT true FROM location WHERE subject = $1::text AND id = $2::text FOR SHARE
                    ), kept AS (
                        \(insert)
                    )
                    SELECT EXISTS (SELECT 1 FROM owned) AS is_owned
                    """, values)
            ])[0].first?.bool("is_owned") ?? false
        }
    }

    // MARK: - Ledger

    package func begin(
        _ entry: LedgerEntry, as key: IdempotencyKey, of subject: Subject, at now: Date
    ) async throws(BFFError) -> LedgerEntry? {
        let id: [PostgresValue] = [.text(subject.text), .text(key.text)]
        return try await ask { [quarantine] (link) throws(PostgresError) in
            // Whoever has the key may give it back between the two; then it is asked for again.
            for _ in 0..<3 {
                let answers = try link.run([
                    PostgresStatement(
                        "DELETE FROM ledger WHERE subject = $1 AND key = $2 AND expires_at <= $3",
                        id + [.double(now.timeIntervalSince1970)]),
                    PostgresStatement(
                        """
                        INSERT INTO ledger (subject, key, route, location, body, owner, started_at, outcome, expires_at)
                        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING true
                        """,
                        id + [
                            .text(entry.route), .text(entry.location.text), .bytes(entry.body), .text(entry.owner),
                            .double(entry.startedAt.timeIntervalSince1970), .text(LedgerOutcomeColumns(.begun).text),
                            .double(entry.endsAt.timeIntervalSince1970),
                        ]),
                    PostgresStatement(
                        """
                        SELECT route, location, body, owner, started_at, outcome, status, answer FROM ledger
                        WHERE subject = $1 AND key = $2
                        """, id),
                    PostgresStatement(
                        """
                        DELETE FROM ledger WHERE ctid = ANY (ARRAY (
                            SELECT ctid FROM ledger WHERE subject = $1 ORDER BY started_at DESC OFFSET $2
                            FOR UPDATE SKIP LOCKED))
                        """, .text(subject.text), .int(LedgerEntry.share)),
                ])
                if !answers[1].isEmpty { return nil }
                if let taken = answers[2].first { return quarantine.entry(taken.ledger, as: key, for: entry) }
            }
            throw .lost
        }
    }

    package func end(
        _ key: IdempotencyKey, of subject: Subject, heldBy owner: String, as outcome: LedgerEntry.Outcome
    ) async throws(BFFError) {
        let columns = LedgerOutcomeColumns(outcome)
        try await ask { (link) throws(PostgresError) in
            _ = try link.run([
                PostgresStatement(
                    """
                    UPDATE ledger SET outcome = $4, status = $5, answer = $6
                    WHERE subject = $1 AND key = $2 AND owner = $3
                    """, .text(subject.text), .text(key.text), .text(owner), .text(columns.text), .int(columns.status),
                    .bytes(columns.answer))
            ])
        }
    }

    package func removeEntry(
        _ key: IdempotencyKey, of subject: Subject, heldBy owner: String
    ) async throws(BFFError) {
        try await ask { (link) throws(PostgresError) in
            _ = try link.run([
                PostgresStatement(
                    "DELETE FROM ledger WHERE subject = $1 AND key = $2 AND owner = $3", .text(subject.text),
                    .text(key.text), .text(owner))
            ])
        }
    }
}

extension PostgresRow {
    /// `nil` when a column is missing.
    fileprivate var ledger: LedgerColumns? {
        guard let route = text("route"), let location = text("location"), let body = bytes("body"),
            let owner = text("owner"), let startedAt = double("started_at"), let outcome = text("outcome")
        else { return nil }
        return LedgerColumns(
            route: route, location: location, body: body, owner: owner, startedAt: startedAt,
            outcome: LedgerOutcomeColumns(text: outcome, status: int("status"), answer: bytes("answer")))
    }
}
