import GRDB

/// The tables, as a list of steps that only grows: a step that was released is never changed.
enum Schema {
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
        return migrator
    }
}
