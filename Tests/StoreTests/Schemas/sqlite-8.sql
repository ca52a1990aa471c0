-- The tables of SQLite after the step "8 location updates", as a release left them; never changed again.
-- Sealed under the key of 32 bytes of 7.
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

ALTER TABLE session ADD COLUMN taken_until REAL;

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

ALTER TABLE session ADD COLUMN holder BLOB;

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

ALTER TABLE location ADD COLUMN updated_at REAL;

CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
INSERT INTO grdb_migrations (identifier) VALUES ('1 sessions, mints, locations');
INSERT INTO grdb_migrations (identifier) VALUES ('2 follow-ups are taken');
INSERT INTO grdb_migrations (identifier) VALUES ('3 events');
INSERT INTO grdb_migrations (identifier) VALUES ('4 inbox, actions, bookmark');
INSERT INTO grdb_migrations (identifier) VALUES ('5 holders');
INSERT INTO grdb_migrations (identifier) VALUES ('6 confirmations');
INSERT INTO grdb_migrations (identifier) VALUES ('7 devices, batches, writes');
INSERT INTO grdb_migrations (identifier) VALUES ('8 location updates');

INSERT INTO session (id, subject, token_digest, token, direction, type, minted_location, minted_action, return_url, live_mode, created_at, expires_at, facts, next_look_at, told_state, sequence, changes_at)
VALUES ('cs_000000000000000000000001', 'alice', x'e217e441b84981b3d80b2cf22003a4b6947f79836e4e82252e13601f371425a3', x'975d46e1e0ac2adb0adb6b8a87ba465db47bf57eac1e14fffd7678681844dbde45691017f9431f7b0517c856884f7e90', 'IMPORT', 'COMMODITY', NULL, NULL, 'https://app.example', 0, 1700000000.0, 4102444800.0, '{"disconnectAsked":false,"pendingShown":false,"relayed":true,"stayedAt":721692810.0}', 1700000070.0, NULL, 0, 4102444800.0);
INSERT INTO session (id, subject, token_digest, token, direction, type, minted_location, minted_action, return_url, live_mode, created_at, expires_at, facts, next_look_at, told_state, sequence, changes_at, holder, needs_confirmation, codes)
VALUES ('cs_000000000000000000000002', 'alice', x'ed387b8eeedcc23c2afab333c72389eed07fec7cebe2f7e85b4ea8b0995263ba', x'975d46e1e0ac2adbccc93ff10062b29169a433a84a011c4ea18c829e229c7dc387dd71f7758bf3d97a91c8cee89583e3', 'IMPORT', 'COMMODITY', NULL, NULL, 'https://app.example', 0, 1700000000.0, 4102444800.0, '{"disconnectAsked":false,"pendingShown":true,"relayed":true,"leftAt":721692820.0,"askedAt":721692821.0,"located":{"location":"loc_1","pricesAvailable":true,"since":721692821.0},"status":{"at":721692821.0,"value":"CONNECTED"},"confirmedAt":721692822.0}', NULL, 'connected', 1, NULL, x'be45cb2605bf36bebde684841a28f0fd43c69850a3dce5fedba69928ee3a8991', 1, '{"issued":[],"redeemed":[190,69,203,38,5,191,54,190,189,230,132,132,26,40,240,253,67,198,152,80,163,220,229,254,219,166,153,40,238,58,137,145]}');
INSERT INTO mint (subject, key, body, started_at, session, connect_url, expires_at)
VALUES ('alice', 'k', x'01', 1700000000.0, 'cs_000000000000000000000001', 'https://web.example', 4102444800.0);
INSERT INTO location (subject, id, session, updated_at)
VALUES ('alice', 'loc_1', 'cs_000000000000000000000002', 1700000030.0);
INSERT INTO unconfirmed_change (location, session, direction, type, since)
VALUES ('loc_1', 'cs_000000000000000000000009', 'EXPORT', 'COMMODITY', 1700000030.0);
INSERT INTO event (id, type, session, sequence, subject, born_at, data, due_at)
VALUES ('evt_000000000000000000000002_1', 'session.connected', 'cs_000000000000000000000002', 1, 'alice', 1700000021.0, x'975d46e1e0ac2adba421c9d18fc15c8fd3b0f772e6a47fe4ba240ef4fde8faa4a9f4378cfc7c4255e9a3070b52e79a0493', 1700000021.0);
INSERT INTO received (id, digest, received_at) VALUES ('evt_in', x'cacfe007e320699750c0b2ec15ee29c2eb46e13f4be1257289a703074144b13e', 1700000000.0);
INSERT INTO inbox (id, type, body, received_at, due_at)
VALUES ('evt_in', 'tariff.expired', x'975d46e1e0ac2adb536f1f1b6915e22aad3dc4eed8228c2252dd8084ee095682a1a10c11e81fdf7c251211bee326be7355e0e4', 1700000000.0, 1700000000.0);
INSERT INTO location_action (location, required, tariff, since) VALUES ('loc_1', 'reconnect', 'trf_1', 1700000000.0);
INSERT INTO bookmark (only, text) VALUES (1, '{}');
INSERT INTO device (subject, location, id, reference, type, created_at)
VALUES ('alice', 'loc_1', 'dev_1', 'garage', 'EV_CHARGER', 1700000030.0);
INSERT INTO meter_batch (subject, location, id, is_processed, sent_at)
VALUES ('alice', 'loc_1', 'bat_1', 0, 1700000040.0);
INSERT INTO ledger (subject, key, route, location, body, owner, started_at, outcome, status, answer, expires_at)
VALUES ('alice', 'k', 'PUT /v1/locations/{id}/meters/interval', 'loc_1', x'01', 'o', 1700000040.0, 'answered', 200, x'7b7d', 4102444800.0);
