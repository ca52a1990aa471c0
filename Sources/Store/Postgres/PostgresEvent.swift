import Core
import FoundationEssentials
import Keys
import Sessions

/// What an outbox asks of PostgreSQL.
enum PostgresEvent {
    /// Puts events unless their ids are there already; those of a session get the next numbers of its sequence.
    ///
    /// To be sent inside of the transaction that makes them true.
    static func put(_ events: [NewEvent], _ keys: SealingKeys) -> [PostgresStatement] {
        // Sessions are locked in one order by all; and who waited for one sees what was put meanwhile.
        let sessions = Set(events.compactMap(\.session?.text)).sorted()
        let lock = PostgresStatement(
            "SELECT id FROM session WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE", .identifiers(sessions))
        return [lock]
            + events.map { event in
                let columns = EventColumns(event, sequence: nil, keys)
                return PostgresStatement(
                    """
                    WITH fresh AS (SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM event WHERE id = $1::text)),
                    numbered AS (
                        UPDATE session SET sequence = sequence + 1
                        WHERE id = $3::text AND EXISTS (SELECT 1 FROM fresh) RETURNING sequence
                    )
                    INSERT INTO event (id, type, session, sequence, subject, born_at, data, due_at)
                    SELECT $1::text, $2::text, $3::text, (SELECT sequence FROM numbered), $4::text,
                        $5::double precision, $6::bytea, $5::double precision
                    FROM fresh ON CONFLICT DO NOTHING
                    """, .text(columns.id), .foreign(columns.type), .text(columns.session), .text(columns.subject),
                    .double(columns.bornAt), .bytes(columns.data))
            }
    }

    /// Inserts an event that was numbered already.
    static func insert(_ event: NewEvent, sequence: Int?, _ keys: SealingKeys) -> PostgresStatement {
        let columns = EventColumns(event, sequence: sequence, keys)
        return PostgresStatement(
            """
            INSERT INTO event (id, type, session, sequence, subject, born_at, data, due_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
            """, .text(columns.id), .foreign(columns.type), .text(columns.session), .int(columns.sequence),
            .text(columns.subject), .double(columns.bornAt), .bytes(columns.data), .double(columns.bornAt))
    }

    /// The columns of ``PostgresRow/event()``.
    private static let columns = "id, type, session, sequence, subject, born_at, data, attempts"

    /// With `was_due` and `number`, by which the rows are to be sorted.
    ///
    /// Of candidates, some times as many as are wanted, each subject gets what its share leaves; a subject whose share is
    /// used up has none, however many of its events come first.
    static func take(
        dueAt instant: Date, leasedUntil lease: Date, limit: Int, besides inFlight: [Subject]
    ) -> PostgresStatement {
        PostgresStatement(
            """
            WITH held AS MATERIALIZED (
                SELECT name, count(*) AS count FROM unnest($5::text[]) AS taken (name) GROUP BY name
            ), candidate AS MATERIALIZED (
                SELECT number, due_at, event.subject, coalesce(held.count, 0) AS held
                FROM event LEFT JOIN held ON held.name = event.subject
                WHERE due_at <= $1 AND coalesce(held.count, 0) < $6::bigint AND NOT EXISTS (
                    SELECT 1 FROM event AS earlier
                    WHERE earlier.session = event.session AND earlier.sequence < event.sequence
                        AND earlier.due_at IS NOT NULL AND earlier.attempts < $4)
                ORDER BY due_at, number LIMIT $3::bigint * 4 FOR UPDATE OF event SKIP LOCKED
            ), ranked AS (
                SELECT *, held + row_number() OVER (PARTITION BY subject ORDER BY due_at, number) AS rank
                FROM candidate
            ), due AS (
                SELECT number AS due_number, due_at AS was_due FROM ranked WHERE subject IS NULL OR rank <= $6::bigint
                ORDER BY due_at, number LIMIT $3::bigint
            )
            UPDATE event SET due_at = $2 FROM due WHERE number = due_number
            RETURNING \(columns), was_due, number
            """, .double(instant.timeIntervalSince1970), .double(lease.timeIntervalSince1970), .int(limit),
            .int(OutgoingEvent.headStart), .texts(inFlight.map(\.text)), .int(OutgoingEvent.share))
    }

    static func settle(_ delivery: Delivery) -> PostgresStatement {
        let id = PostgresValue.text(delivery.id.text), answer = PostgresValue.text(delivery.answer)
        let nextAt: Date?
        switch delivery.result {
        case .delivered(let instant):
            return PostgresStatement(
                "UPDATE event SET due_at = NULL, delivered_at = $1, answer = $2 WHERE id = $3",
                .double(instant.timeIntervalSince1970), answer, id)
        case .failed(let instant): nextAt = instant
        case .dead: nextAt = nil
        }
        return PostgresStatement(
            "UPDATE event SET due_at = $1, attempts = attempts + 1, answer = $2 WHERE id = $3 AND due_at = $4",
            .double(nextAt?.timeIntervalSince1970), answer, id, .double(delivery.lease.timeIntervalSince1970))
    }

    /// Postpones an event under a key that another node may have.
    static func setAside(_ number: Int?, until instant: Date) -> PostgresStatement {
        // The later ones of its session need not wait for it.
        PostgresStatement(
            "UPDATE event SET due_at = $1, attempts = greatest(attempts, $3) WHERE number = $2",
            .double(instant.timeIntervalSince1970), .int(number), .int(OutgoingEvent.headStart))
    }

    /// Makes an event that cannot be read a dead one.
    static func bury(_ number: Int?) -> PostgresStatement {
        PostgresStatement(
            "UPDATE event SET due_at = NULL, delivered_at = NULL, answer = $1 WHERE number = $2",
            .text(Quarantine.answer), .int(number))
    }

    /// Answers with how many.
    static func replay(since instant: Date, at now: Date) -> PostgresStatement {
        PostgresStatement(
            """
            WITH again AS (
                UPDATE event SET due_at = $1, attempts = 0, delivered_at = NULL WHERE born_at >= $2 RETURNING 1
            )
            SELECT count(*) AS count FROM again
            """, .double(now.timeIntervalSince1970), .double(instant.timeIntervalSince1970))
    }

    /// With when it is due and was delivered, and what was answered.
    static func youngest(_ limit: Int) -> PostgresStatement {
        PostgresStatement(
            "SELECT \(columns), due_at, delivered_at, answer FROM event ORDER BY number DESC LIMIT $1", .int(limit))
    }

    /// How many wait and how many were given up.
    static let counts = PostgresStatement(
        """
        SELECT (SELECT count(*) FROM event WHERE due_at IS NOT NULL) AS pending,
            (SELECT count(*) FROM event WHERE due_at IS NULL AND delivered_at IS NULL) AS dead
        """)

    /// Answers with a row for each that was removed.
    static func remove(before instant: Date, at now: Date, limit: Int) -> PostgresStatement {
        PostgresStatement(
            """
            DELETE FROM event WHERE number = ANY (ARRAY (
                SELECT number FROM event WHERE born_at < $1 AND (due_at IS NULL OR born_at < $2)
                LIMIT $3 FOR UPDATE SKIP LOCKED))
            RETURNING true
            """, .double(instant.timeIntervalSince1970),
            .double((now - OutgoingEvent.leastLife).timeIntervalSince1970), .int(limit))
    }
}

extension PostgresRow {
    func event() throws(PostgresError) -> EventColumns {
        guard let id = text("id"), let type = text("type"), let bornAt = double("born_at"), let data = bytes("data"),
            let attempts = int("attempts")
        else { throw .unreadable("it was altered") }
        return EventColumns(
            id: id, type: type, session: text("session"), sequence: int("sequence"), subject: text("subject"),
            bornAt: bornAt, data: data, attempts: attempts)
    }
}
