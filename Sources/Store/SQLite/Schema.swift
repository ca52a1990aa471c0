import GRDB

/// The tables, as a list of steps that only grows: a step that was released is never changed, and one that leaves the
/// tables usable for the release before it says so (``SchemaSteps``).
enum Schema {
    /// What is sealed under the state key, with the row's `id` as its context.
    static let sealed = [(table: "session", column: "token"), ("event", "data"), ("inbox", "body")]

    /// What goes with a subject's ownership of a location; each table has both in `subject` and `location`.
    static let ofLocations = ["device", "meter_batch", "ledger"]

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 sessions, mints, locations") { db in
            // Moments are seconds since 1970. `token` is sealed (Keys/SealingKeys.swift); its first eight bytes are the
            // id of the key. `facts` is JSON, so that a new kind of fact is no new column.
            try db.execute(
                sql: """
                    CREATE TABLE session (
                        id TEXT NOT NULL PRIMARY KEY,
                        subject TEXT NOT NULL,
                        token_digest BLOB NOT NULL,
                        token BLOB NOT NULL,
                        direction TEXT NOT NULL,
                        type TEXT NOT NULL,
                        minted_location TEXT,
                        minted_action TEXT,
                        return_url TEXT,
                        live_mode INTEGER NOT NULL,
                        created_at REAL NOT NULL,
                        expires_at REAL NOT NULL,
                        facts TEXT NOT NULL,
                        next_look_at REAL
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX session_by_token ON session (token_digest);
                    CREATE INDEX session_by_subject ON session (subject);
                    CREATE INDEX session_by_age ON session (created_at);
                    CREATE INDEX session_by_key ON session (substr(token, 1, 8));
                    CREATE INDEX session_by_look ON session (next_look_at) WHERE next_look_at IS NOT NULL;

                    CREATE TABLE mint (
                        subject TEXT NOT NULL,
                        key TEXT NOT NULL,
                        body BLOB NOT NULL,
                        started_at REAL NOT NULL,
                        session TEXT,
                        connect_url TEXT,
                        expires_at REAL NOT NULL,
                        PRIMARY KEY (subject, key)
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX mint_by_end ON mint (expires_at);

                    CREATE TABLE location (
                        subject TEXT NOT NULL,
                        id TEXT NOT NULL,
                        PRIMARY KEY (subject, id)
                    ) STRICT, WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("2 follow-ups are taken") { db in
            try db.execute(sql: "ALTER TABLE session ADD COLUMN taken_until REAL")
        }
        migrator.registerMigration("3 events") { db in
            // How far the events of a session are published, and when its state changes by time alone (Sessions/OutboxCursor.swift). Sessions that
            // are over were never to be published.
            //
            // An event is due at `due_at`, which is the end of a lease while it is being delivered; one without is
            // delivered, or dead when `delivered_at` is missing, too. `data` is sealed as a token is: Flatpeak's events
            // hold tokens.
            try db.execute(
                sql: """
                    ALTER TABLE session ADD COLUMN told_state TEXT;
                    ALTER TABLE session ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE session ADD COLUMN changes_at REAL;
                    UPDATE session SET changes_at = expires_at WHERE expires_at > unixepoch() OR next_look_at IS NOT NULL;
                    CREATE INDEX session_by_change ON session (changes_at) WHERE changes_at IS NOT NULL;

                    CREATE TABLE event (
                        number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
                        id TEXT NOT NULL UNIQUE,
                        type TEXT NOT NULL,
                        session TEXT,
                        sequence INTEGER,
                        subject TEXT,
                        born_at REAL NOT NULL,
                        data BLOB NOT NULL,
                        due_at REAL,
                        attempts INTEGER NOT NULL DEFAULT 0,
                        delivered_at REAL,
                        answer TEXT
                    ) STRICT;
                    CREATE INDEX event_by_due ON event (due_at, number) WHERE due_at IS NOT NULL;
                    CREATE INDEX event_dead ON event (number) WHERE due_at IS NULL AND delivered_at IS NULL;
                    CREATE INDEX event_by_session ON event (session, sequence) WHERE due_at IS NOT NULL;
                    CREATE INDEX event_by_subject ON event (subject);
                    CREATE INDEX event_by_birth ON event (born_at);
                    CREATE INDEX event_by_key ON event (substr(data, 1, 8));
                    """)
        }
        migrator.registerMigration("4 inbox, actions, bookmark") { db in
            // `received` has for months what was received; `inbox` holds what has still to have its effect, sealed as
            // `session.token` is, since a connect token may stand in it. Who takes an event moves its `due_at` to the
            // end of the lease.
            try db.execute(
                sql: """
                    CREATE TABLE received (
                        id TEXT NOT NULL PRIMARY KEY,
                        digest BLOB,
                        received_at REAL NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX received_by_age ON received (received_at);

                    CREATE TABLE inbox (
                        id TEXT NOT NULL PRIMARY KEY,
                        type TEXT NOT NULL,
                        body BLOB NOT NULL,
                        received_at REAL NOT NULL,
                        due_at REAL NOT NULL,
                        attempts INTEGER NOT NULL DEFAULT 0
                    ) STRICT;
                    CREATE INDEX inbox_by_due ON inbox (due_at);
                    CREATE INDEX inbox_by_key ON inbox (substr(body, 1, 8));

                    CREATE TABLE location_action (
                        location TEXT NOT NULL PRIMARY KEY,
                        required TEXT NOT NULL,
                        tariff TEXT,
                        since REAL NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX location_by_id ON location (id);

                    CREATE TABLE bookmark (
                        only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
                        text TEXT NOT NULL
                    ) STRICT;
                    """)
        }
        migrator.registerMigration("5 holders") { db in
            // SHA-256 of the tab key of the document that exchanged the session's ticket last (Sessions/Ticket.swift).
            try db.execute(sql: "ALTER TABLE session ADD COLUMN holder BLOB")
        }
        migrator.registerMigration("6 confirmations") { db in
            // Sessions that were minted before need no confirmation. `codes` is the JSON of Sessions/Confirmation.swift.
            // `location.session` is the session that bound it. A row of `unconfirmed_change` holds a location: the session
            // changed the tariff of a slot there and was not confirmed.
            try db.execute(
                sql: """
                    ALTER TABLE session ADD COLUMN needs_confirmation INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE session ADD COLUMN codes TEXT;
                    ALTER TABLE location ADD COLUMN session TEXT;
                    CREATE TABLE unconfirmed_change (
                        location TEXT NOT NULL,
                        session TEXT NOT NULL,
                        direction TEXT NOT NULL,
                        type TEXT NOT NULL,
                        since REAL NOT NULL,
                        PRIMARY KEY (location, session)
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX unconfirmed_change_by_age ON unconfirmed_change (since);
                    """)
        }
        migrator.registerMigration("7 devices, batches, writes") { db in
            // What subjects made at Flatpeak for their locations; each goes with the row of `location`. `outcome` says what
            // came of a write that has an idempotency key (Sessions/WriteLedger.swift), `answer` is what its client got.
            try db.execute(
                sql: """
                    CREATE TABLE device (
                        subject TEXT NOT NULL,
                        location TEXT NOT NULL,
                        id TEXT NOT NULL,
                        reference TEXT,
                        type TEXT,
                        created_at REAL NOT NULL,
                        PRIMARY KEY (subject, location, id)
                    ) STRICT, WITHOUT ROWID;

                    CREATE TABLE meter_batch (
                        subject TEXT NOT NULL,
                        location TEXT NOT NULL,
                        id TEXT NOT NULL,
                        is_processed INTEGER NOT NULL,
                        sent_at REAL NOT NULL,
                        PRIMARY KEY (subject, location, id)
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX meter_batch_unprocessed ON meter_batch (location, sent_at) WHERE is_processed = 0;
                    CREATE INDEX meter_batch_by_age ON meter_batch (sent_at);

                    CREATE TABLE ledger (
                        subject TEXT NOT NULL,
                        key TEXT NOT NULL,
                        route TEXT NOT NULL,
                        location TEXT NOT NULL,
                        body BLOB NOT NULL,
                        owner TEXT NOT NULL,
                        started_at REAL NOT NULL,
                        outcome TEXT NOT NULL,
                        status INTEGER,
                        answer BLOB,
                        expires_at REAL NOT NULL,
                        PRIMARY KEY (subject, key)
                    ) STRICT;
                    CREATE INDEX ledger_by_start ON ledger (subject, started_at);
                    CREATE INDEX ledger_by_end ON ledger (expires_at);
                    """)
        }
        migrator.registerMigration("8 location updates") { db in
            // When an event last said that prices at the location may differ (Sessions/Stores/LocationStore.swift).
            try db.execute(sql: "ALTER TABLE location ADD COLUMN updated_at REAL")
        }
        return migrator
    }
}
