import Keys

/// The tables of SQLite's `Schema` for PostgreSQL, as a list of steps that only grows: a step that was released is
/// never changed, and each leaves the tables usable for the release before it, whose nodes run on meanwhile, and whose
/// steps it names (``SchemaSteps``).
enum PostgresSchema {
    /// Texts are compared byte by byte, whatever the database's language.
    static let steps: [(name: String, statements: [String])] = [
        (
            "1 sessions, mints, locations",
            [
                """
                CREATE TABLE session (
                    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
                    subject TEXT COLLATE "C" NOT NULL,
                    token_digest BYTEA NOT NULL,
                    token BYTEA NOT NULL,
                    direction TEXT NOT NULL,
                    type TEXT NOT NULL,
                    minted_location TEXT,
                    minted_action TEXT,
                    return_url TEXT,
                    live_mode BOOLEAN NOT NULL,
                    created_at DOUBLE PRECISION NOT NULL,
                    expires_at DOUBLE PRECISION NOT NULL,
                    facts TEXT NOT NULL,
                    next_look_at DOUBLE PRECISION,
                    taken_until DOUBLE PRECISION
                )
                """,
                "CREATE INDEX session_by_token ON session (token_digest)",
                "CREATE INDEX session_by_subject ON session (subject)",
                "CREATE INDEX session_by_age ON session (created_at)",
                "CREATE INDEX session_by_key ON session (substr(token, 1, 8))",
                "CREATE INDEX session_by_look ON session (next_look_at) WHERE next_look_at IS NOT NULL",
                """
                CREATE TABLE mint (
                    subject TEXT COLLATE "C" NOT NULL,
                    key TEXT COLLATE "C" NOT NULL,
                    body BYTEA NOT NULL,
                    started_at DOUBLE PRECISION NOT NULL,
                    session TEXT,
                    connect_url TEXT,
                    expires_at DOUBLE PRECISION NOT NULL,
                    PRIMARY KEY (subject, key)
                )
                """,
                "CREATE INDEX mint_by_end ON mint (expires_at)",
                """
                CREATE TABLE location (
                    subject TEXT COLLATE "C" NOT NULL,
                    id TEXT COLLATE "C" NOT NULL,
                    PRIMARY KEY (subject, id)
                )
                """,
                // The id of the key that seals, one row: a node that does not have it is not one of us.
                "CREATE TABLE sealing_key (one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one), id BYTEA NOT NULL)",
            ]
        ),
        (
            "2 events",
            [
                """
                ALTER TABLE session ADD COLUMN told_state TEXT, ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0,
                    ADD COLUMN changes_at DOUBLE PRECISION
                """,
                """
                UPDATE session SET changes_at = expires_at
                WHERE expires_at > extract(epoch FROM now()) OR next_look_at IS NOT NULL
                """,
                "CREATE INDEX session_by_change ON session (changes_at) WHERE changes_at IS NOT NULL",
                """
                CREATE TABLE event (
                    number BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                    id TEXT COLLATE "C" NOT NULL UNIQUE,
                    type TEXT NOT NULL,
                    session TEXT COLLATE "C",
                    sequence BIGINT,
                    subject TEXT COLLATE "C",
                    born_at DOUBLE PRECISION NOT NULL,
                    data BYTEA NOT NULL,
                    due_at DOUBLE PRECISION,
                    attempts BIGINT NOT NULL DEFAULT 0,
                    delivered_at DOUBLE PRECISION,
                    answer TEXT
                )
                """,
                "CREATE INDEX event_by_due ON event (due_at, number) WHERE due_at IS NOT NULL",
                "CREATE INDEX event_dead ON event (number) WHERE due_at IS NULL AND delivered_at IS NULL",
                "CREATE INDEX event_by_session ON event (session, sequence) WHERE due_at IS NOT NULL",
                "CREATE INDEX event_by_subject ON event (subject)",
                "CREATE INDEX event_by_birth ON event (born_at)",
                "CREATE INDEX event_by_key ON event (substr(data, 1, 8))",
            ]
        ),
        (
            "3 inbox, actions, bookmark",
            [
                """
                CREATE TABLE received (
                    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
                    digest BYTEA,
                    received_at DOUBLE PRECISION NOT NULL
                )
                """,
                "CREATE INDEX received_by_age ON received (received_at)",
                """
                CREATE TABLE inbox (
                    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
                    type TEXT NOT NULL,
                    body BYTEA NOT NULL,
                    received_at DOUBLE PRECISION NOT NULL,
                    due_at DOUBLE PRECISION NOT NULL,
                    attempts DOUBLE PRECISION NOT NULL DEFAULT 0
                )
                """,
                "CREATE INDEX inbox_by_due ON inbox (due_at)",
                "CREATE INDEX inbox_by_key ON inbox (substr(body, 1, 8))",
                """
                CREATE TABLE location_action (
                    location TEXT COLLATE "C" NOT NULL PRIMARY KEY,
                    required TEXT NOT NULL,
                    tariff TEXT,
                    since DOUBLE PRECISION NOT NULL
                )
                """,
                "CREATE INDEX location_by_id ON location (id)",
                "CREATE TABLE bookmark (one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one), text TEXT NOT NULL)",
            ]
        ),
        (
            // A count that cannot be one stays none.
            "4 integer attempts",
            [
                """
                ALTER TABLE inbox ALTER COLUMN attempts DROP DEFAULT,
                    ALTER COLUMN attempts TYPE BIGINT
                        USING CASE WHEN attempts BETWEEN 0 AND \(RowCount.range.upperBound) THEN attempts::bigint ELSE -1 END,
                    ALTER COLUMN attempts SET DEFAULT 0
                """
            ]
        ),
        // SHA-256 of the tab key of the document that exchanged the session's ticket last (Sessions/Ticket.swift).
        ("5 holders", ["ALTER TABLE session ADD COLUMN holder BYTEA"]),
        (
            // Sessions that were minted before need no confirmation. `codes` is the JSON of Sessions/Confirmation.swift.
            // `location.session` is the session that bound it. A row of `unconfirmed_change` holds a location: the session
            // changed the tariff of a slot there and was not confirmed.
            "6 confirmations",
            [
                "ALTER TABLE session ADD COLUMN needs_confirmation BOOLEAN NOT NULL DEFAULT FALSE, ADD COLUMN codes TEXT",
                "ALTER TABLE location ADD COLUMN session TEXT",
                """
                CREATE TABLE unconfirmed_change (
                    location TEXT COLLATE "C" NOT NULL,
                    session TEXT COLLATE "C" NOT NULL,
                    direction TEXT NOT NULL,
                    type TEXT NOT NULL,
                    since DOUBLE PRECISION NOT NULL,
                    PRIMARY KEY (location, session)
                )
                """,
                "CREATE INDEX unconfirmed_change_by_age ON unconfirmed_change (since)",
            ]
        ),
        (
            // What subjects made at Flatpeak for their locations; each goes with the row of `location`. `outcome` says what
            // came of a write that has an idempotency key (Sessions/WriteLedger.swift), `answer` is what its client got.
            "7 devices, batches, writes",
            [
                """
                CREATE TABLE device (
                    subject TEXT COLLATE "C" NOT NULL,
                    location TEXT COLLATE "C" NOT NULL,
                    id TEXT COLLATE "C" NOT NULL,
                    reference TEXT,
                    type TEXT,
                    created_at DOUBLE PRECISION NOT NULL,
                    PRIMARY KEY (subject, location, id)
                )
                """,
                """
                CREATE TABLE meter_batch (
                    subject TEXT COLLATE "C" NOT NULL,
                    location TEXT COLLATE "C" NOT NULL,
                    id TEXT COLLATE "C" NOT NULL,
                    is_processed BOOLEAN NOT NULL,
                    sent_at DOUBLE PRECISION NOT NULL,
                    PRIMARY KEY (subject, location, id)
                )
                """,
                "CREATE INDEX meter_batch_unprocessed ON meter_batch (location, sent_at) WHERE NOT is_processed",
                "CREATE INDEX meter_batch_by_age ON meter_batch (sent_at)",
                """
                CREATE TABLE ledger (
                    subject TEXT COLLATE "C" NOT NULL,
                    key TEXT COLLATE "C" NOT NULL,
                    route TEXT NOT NULL,
                    location TEXT COLLATE "C" NOT NULL,
                    body BYTEA NOT NULL,
                    owner TEXT COLLATE "C" NOT NULL,
                    started_at DOUBLE PRECISION NOT NULL,
                    outcome TEXT NOT NULL,
                    status BIGINT,
                    answer BYTEA,
                    expires_at DOUBLE PRECISION NOT NULL,
                    PRIMARY KEY (subject, key)
                )
                """,
                "CREATE INDEX ledger_by_start ON ledger (subject, started_at)",
                "CREATE INDEX ledger_by_end ON ledger (expires_at)",
            ]
        ),
        // When an event last said that prices at the location may differ (Sessions/Stores/LocationStore.swift).
        ("8 location updates", ["ALTER TABLE location ADD COLUMN updated_at DOUBLE PRECISION"]),
    ]

    /// Of all who start at once, one brings the tables up to date, and the others wait for it.
    private static let lock = 7_310_582_004_417_223
    private static let timeout = Duration.seconds(60)

    /// Brings the tables up to date, and checks that all nodes have the same keys.
    /// - Throws: ``PostgresError/unknownKey``, ``PostgresError/newerSchema``, or what a connection throws.
    static func prepare(_ link: PostgresLink, _ keys: SealingKeys) throws(PostgresError) {
        let known = try link.run(
            [
                PostgresStatement("BEGIN"),
                PostgresStatement(
                    """
                    SELECT set_config('lock_timeout', '50s', true), set_config('statement_timeout', '0', true),
                        set_config('idle_in_transaction_session_timeout', '60s', true)
                    """),
                PostgresStatement("SELECT pg_advisory_xact_lock($1)", .int(lock)),
                // Not CREATE IF NOT EXISTS, which a role that may not create anything is refused.
                PostgresStatement("SELECT to_regclass('schema_step') IS NOT NULL AS is_there"),
            ], within: timeout)
        var statements: [PostgresStatement] = []
        var done: Set<String> = []
        if known[3].first?.bool("is_there") == true {
            done = Set(
                try link.run([PostgresStatement("SELECT name FROM schema_step")])[0].compactMap { $0.text("name") })
            guard SchemaSteps.areUsable(done, known: steps.map(\.name)) else { throw .newerSchema }
        } else {
            statements.append(PostgresStatement("CREATE TABLE schema_step (name TEXT PRIMARY KEY)"))
        }
        for step in steps where !done.contains(step.name) {
            statements += step.statements.map { PostgresStatement($0) }
            statements.append(PostgresStatement("INSERT INTO schema_step (name) VALUES ($1)", .text(step.name)))
        }
        if !statements.isEmpty { _ = try link.run(statements, within: .seconds(600)) }
        try checkKeys(link, keys)
        _ = try link.run([PostgresStatement("COMMIT")])
    }

    private static func checkKeys(_ link: PostgresLink, _ keys: SealingKeys) throws(PostgresError) {
        let sealing = try link.run([PostgresStatement("SELECT id FROM sealing_key")], within: timeout)[0].first
        var used: [[UInt8]: Int] = [:]
        if let id = sealing?.bytes("id") {
            guard keys.knows(id) else { throw .unknownKey }
            used[id] = 1
        }
        for (table, column) in Schema.sealed {
            for id in try link.run([usedKeys(table, column)], within: timeout)[0].compactMap({ $0.bytes("id") }) {
                used[id, default: 0] += keys.knows(id) ? 1 : try count(id, table, column, link)
            }
        }
        guard keys.match(used) else { throw .unknownKey }
        try noteKey(link, keys)
    }

    /// How many rows are sealed under the key of an id; what is more than two is two.
    private static func count(
        _ id: [UInt8], _ table: String, _ column: String, _ link: PostgresLink
    ) throws(PostgresError) -> Int {
        let rows = PostgresStatement(
            "SELECT true FROM \(table) WHERE substr(\(column), 1, 8) = $1 LIMIT 2", .bytes(id))
        return try link.run([rows], within: timeout)[0].count
    }

    /// Writes down under which key is sealed from now on: a node that does not have it must not start.
    static func noteKey(_ link: PostgresLink, _ keys: SealingKeys) throws(PostgresError) {
        let known = try link.run([PostgresStatement("SELECT id FROM sealing_key")])[0].first?.bytes("id")
        guard known != keys.currentID else { return }
        _ = try link.run([
            PostgresStatement(
                "INSERT INTO sealing_key (id) VALUES ($1) ON CONFLICT (one) DO UPDATE SET id = EXCLUDED.id",
                .bytes(keys.currentID))
        ])
    }

    /// The key ids of all that is sealed, each found with one look into the index: a DISTINCT would read all of it.
    private static func usedKeys(_ table: String, _ column: String) -> PostgresStatement {
        PostgresStatement(
            """
            WITH RECURSIVE used (id) AS (
                (SELECT substr(\(column), 1, 8) FROM \(table) ORDER BY substr(\(column), 1, 8) LIMIT 1)
                UNION ALL
                SELECT (SELECT substr(\(column), 1, 8) FROM \(table) WHERE substr(\(column), 1, 8) > used.id
                    ORDER BY substr(\(column), 1, 8) LIMIT 1)
                FROM used WHERE used.id IS NOT NULL
            )
            SELECT id FROM used WHERE id IS NOT NULL
            """)
    }

    /// Seals under the first key some of what is sealed under another one, so that the other one can be taken away.
    /// - Parameter damaged: The ids of rows that do not open; they are left as they are.
    /// - Returns: How many rows that were, and the ids of more rows that do not open; none of either when all is done.
    static func reseal(
        _ column: String, of table: String, _ link: PostgresLink, _ keys: SealingKeys, but damaged: Set<String>
    ) throws(PostgresError) -> (count: Int, damaged: Set<String>) {
        guard try link.run([usedKeys(table, column)])[0].contains(where: { $0.bytes("id") != keys.currentID }) else {
            return (0, [])
        }
        let stale = try link.run(
            [
                PostgresStatement("BEGIN"),
                PostgresStatement(
                    """
                    SELECT id, \(column) FROM \(table)
                    WHERE (substr(\(column), 1, 8) < $1 OR substr(\(column), 1, 8) > $1) AND id <> ALL ($2::text[])
                    LIMIT 500 FOR UPDATE SKIP LOCKED
                    """, .bytes(keys.currentID), .texts(Array(damaged))),
            ])[1]
        var statements: [PostgresStatement] = []
        var found: Set<String> = []
        for row in stale {
            let id = row.text("id") ?? ""
            guard let opened = row.bytes(column).flatMap({ keys.open($0, context: id.utf8) }) else {
                found.insert(id)
                continue
            }
            statements.append(
                PostgresStatement(
                    "UPDATE \(table) SET \(column) = $1 WHERE id = $2",
                    .bytes(keys.seal(opened, context: id.utf8)), .text(id)))
        }
        let count = statements.count
        _ = try link.run(statements + [PostgresStatement("COMMIT")], within: .seconds(10))
        return (count, found)
    }
}
