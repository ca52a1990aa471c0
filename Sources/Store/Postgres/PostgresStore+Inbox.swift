package import Core
package import FoundationEssentials
import Keys
package import Sessions

/// Flatpeak's events, and what users have to do at locations.
extension PostgresStore: Inbox {
    package func receive(_ events: [ReceivedEvent]) async throws(BFFError) -> [Receipt] {
        // In one order on all nodes, so that there is no deadlock.
        let order = events.indices.sorted { (events[$0].id.text, $0) < (events[$1].id.text, $1) }
        let receipts = try await ask { [keys] (link) throws(PostgresError) in
            let statements = order.flatMap { index in
                let event = events[index]
                let id = PostgresValue.text(event.id.text), digest = PostgresValue.bytes(event.digest)
                return [
                    PostgresStatement(
                        """
                        WITH new AS (
                            INSERT INTO received (id, digest, received_at) VALUES ($1, $2, $3)
                            ON CONFLICT (id) DO NOTHING RETURNING id
                        ), waiting AS (
                            INSERT INTO inbox (id, type, body, received_at, due_at) SELECT $1::text, $4::text, $5::bytea,
                                $3::double precision, $3::double precision FROM new
                        )
                        SELECT EXISTS (SELECT 1 FROM new) AS is_new, (SELECT digest FROM received WHERE id = $1) AS digest
                        """, id, digest, .double(event.receivedAt.timeIntervalSince1970), .foreign(event.type),
                        .bytes(keys.seal(event.body, context: event.id.text.utf8))),
                    PostgresStatement("UPDATE received SET digest = $2 WHERE id = $1 AND digest IS NULL", id, digest),
                ]
            }
            let answers = try link.run(statements, within: Self.longLimit)
            return try order.indices.map { (place) throws(PostgresError) -> Receipt in
                guard let row = answers[2 * place].first else { throw .unreadable("it gave no row") }
                if row.bool("is_new") == true { return .new }
                guard let digest = events[order[place]].digest, let first = row.bytes("digest") else { return .known }
                return first == digest ? .known : .altered
            }
        }
        return events.indices.map { index in
            order.firstIndex(of: index).map { receipts[$0] } ?? .known
        }
    }

    package func hasReceived(_ id: EventID) async throws(BFFError) -> Bool {
        try await ask { (link) throws(PostgresError) in
            try !link.run([PostgresStatement("SELECT id FROM received WHERE id = $1", .text(id.text))])[0].isEmpty
        }
    }

    package func takeReceived(
        dueAt instant: Date, leasedUntil lease: Date, limit: Int
    ) async throws(BFFError) -> [TakenEvent] {
        try await ask { [keys, quarantine] (link) throws(PostgresError) in
            let rows = try link.run([
                // A damaged count must not overflow: it would fail the statement for every row.
                PostgresStatement(
                    """
                    WITH due AS MATERIALIZED (
                        SELECT id AS due_id, due_at AS was_due_at FROM inbox WHERE due_at <= $1
                        ORDER BY due_at, received_at LIMIT $3 FOR UPDATE SKIP LOCKED
                    )
                    UPDATE inbox SET due_at = $2, attempts = least(attempts, \(RowCount.range.upperBound)) + 1
                    FROM due WHERE id = due_id
                    RETURNING id, type, body, received_at, attempts, was_due_at
                    """, .double(instant.timeIntervalSince1970), .double(lease.timeIntervalSince1970), .int(limit))
            ])[0]
            let ordered = rows.sorted {
                ($0.double("was_due_at") ?? 0, $0.double("received_at") ?? 0)
                    < ($1.double("was_due_at") ?? 0, $1.double("received_at") ?? 0)
            }
            var unreadable: [PostgresStatement] = []
            var taken: [TakenEvent] = []
            for row in ordered {
                let text = row.text("id") ?? ""
                guard let id = EventID(text), let type = row.text("type"),
                    let body = row.bytes("body").flatMap({ keys.open($0, context: text.utf8) }),
                    let receivedAt = row.double("received_at").flatMap({ try? Date(row: $0) }),
                    let attempts = row.int("attempts"), RowCount.range.contains(attempts)
                else {
                    quarantine.add("inbox", text)
                    unreadable.append(
                        PostgresStatement(
                            "UPDATE inbox SET due_at = $1 WHERE id = $2",
                            .double(lease.addingTimeInterval(Quarantine.pause).timeIntervalSince1970), .text(text)))
                    continue
                }
                let event = ReceivedEvent(id: id, type: type, body: body, digest: nil, receivedAt: receivedAt)
                taken.append(TakenEvent(event, attempts: attempts, lease: lease))
            }
            if !unreadable.isEmpty { _ = try link.run(unreadable) }
            return taken
        }
    }

    package func settle(_ id: EventID, _ effect: EventEffect) async throws(BFFError) -> Bool {
        let changes = effect.location.map { [StoreChange.locationChanged($0)] } ?? []
        return try await ask(changing: changes) { [keys, node] (link) throws(PostgresError) in
            let gone = try link.run([
                PostgresStatement("BEGIN"),
                PostgresStatement("DELETE FROM inbox WHERE id = $1 RETURNING id", .text(id.text)),
            ])[1]
            var statements: [PostgresStatement] = []
            if !gone.isEmpty {
                if let update = effect.update { statements += Self.update(update) }
                if let action = effect.action { statements.append(Self.require(action)) }
                if let location = effect.location {
                    statements.append(Self.notification(NodeNotification.change(at: location, by: node)))
                }
                if !effect.events.isEmpty { statements += PostgresEvent.put(effect.events, keys) }
            }
            _ = try link.run(statements + [PostgresStatement("COMMIT")])
            return !gone.isEmpty
        }
    }

    package func postpone(_ event: TakenEvent, until instant: Date) async throws(BFFError) {
        try await ask { (link) throws(PostgresError) in
            _ = try link.run([
                PostgresStatement(
                    "UPDATE inbox SET due_at = $3 WHERE id = $1 AND due_at = $2", .text(event.event.id.text),
                    .double(event.lease.timeIntervalSince1970), .double(instant.timeIntervalSince1970))
            ])
        }
    }

    package func waiting() async throws(BFFError) -> (count: Int, since: Date?) {
        try await ask { (link) throws(PostgresError) in
            let row = try link.run([PostgresStatement("SELECT count(*) AS count, min(received_at) AS since FROM inbox")]
            )[0].first
            return (row?.int("count") ?? 0, row?.double("since").map { Date(timeIntervalSince1970: $0) })
        }
    }

    package func removeReceived(before instant: Date) async throws(BFFError) {
        while true {
            // A few at a time: others write meanwhile, and no statement takes longer than it may.
            let removed = try await ask { (link) throws(PostgresError) in
                try link.run(
                    [
                        PostgresStatement(
                            """
                            DELETE FROM received WHERE id = ANY (ARRAY (
                                SELECT id FROM received WHERE received_at < $1
                                    AND NOT EXISTS (SELECT 1 FROM inbox WHERE inbox.id = received.id)
                                LIMIT 1000 FOR UPDATE SKIP LOCKED))
                            RETURNING true
                            """, .double(instant.timeIntervalSince1970))
                    ], within: Self.longLimit)[0].count
            }
            if removed < 1000 { return }
        }
    }

    package func bookmark() async throws(BFFError) -> String? {
        try await ask { (link) throws(PostgresError) in
            try link.run([PostgresStatement("SELECT text FROM bookmark")])[0].first?.text("text")
        }
    }

    package func keep(bookmark: String) async throws(BFFError) {
        try await ask { (link) throws(PostgresError) in
            _ = try link.run([
                PostgresStatement(
                    "INSERT INTO bookmark (text) VALUES ($1) ON CONFLICT (one) DO UPDATE SET text = EXCLUDED.text",
                    .text(bookmark))
            ])
        }
    }
}
