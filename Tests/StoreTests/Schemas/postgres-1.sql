-- The tables of PostgreSQL after the step "1 sessions, mints, locations", as a release left them; never changed again.
-- Sealed under the key of 32 bytes of 7.
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
);
CREATE INDEX session_by_token ON session (token_digest);
CREATE INDEX session_by_subject ON session (subject);
CREATE INDEX session_by_age ON session (created_at);
CREATE INDEX session_by_key ON session (substr(token, 1, 8));
CREATE INDEX session_by_look ON session (next_look_at) WHERE next_look_at IS NOT NULL;
CREATE TABLE mint (
    subject TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    body BYTEA NOT NULL,
    started_at DOUBLE PRECISION NOT NULL,
    session TEXT,
    connect_url TEXT,
    expires_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (subject, key)
);
CREATE INDEX mint_by_end ON mint (expires_at);
CREATE TABLE location (
    subject TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (subject, id)
);
CREATE TABLE sealing_key (one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one), id BYTEA NOT NULL);

CREATE TABLE schema_step (name TEXT PRIMARY KEY);
INSERT INTO schema_step (name) VALUES ('1 sessions, mints, locations');

INSERT INTO session (id, subject, token_digest, token, direction, type, minted_location, minted_action, return_url, live_mode, created_at, expires_at, facts, next_look_at)
VALUES ('cs_000000000000000000000001', 'alice', '\xe217e441b84981b3d80b2cf22003a4b6947f79836e4e82252e13601f371425a3', '\x975d46e1e0ac2adb0adb6b8a87ba465db47bf57eac1e14fffd7678681844dbde45691017f9431f7b0517c856884f7e90', 'IMPORT', 'COMMODITY', NULL, NULL, 'https://app.example', FALSE, 1700000000.0, 4102444800.0, '{"disconnectAsked":false,"pendingShown":false,"relayed":true,"stayedAt":721692810.0}', 1700000070.0);
INSERT INTO session (id, subject, token_digest, token, direction, type, minted_location, minted_action, return_url, live_mode, created_at, expires_at, facts, next_look_at)
VALUES ('cs_000000000000000000000002', 'alice', '\xed387b8eeedcc23c2afab333c72389eed07fec7cebe2f7e85b4ea8b0995263ba', '\x975d46e1e0ac2adbccc93ff10062b29169a433a84a011c4ea18c829e229c7dc387dd71f7758bf3d97a91c8cee89583e3', 'IMPORT', 'COMMODITY', NULL, NULL, 'https://app.example', FALSE, 1700000000.0, 4102444800.0, '{"disconnectAsked":false,"pendingShown":true,"relayed":true,"leftAt":721692820.0,"askedAt":721692821.0,"located":{"location":"loc_1","pricesAvailable":true,"since":721692821.0},"status":{"at":721692821.0,"value":"CONNECTED"}}', NULL);
INSERT INTO mint (subject, key, body, started_at, session, connect_url, expires_at)
VALUES ('alice', 'k', '\x01', 1700000000.0, 'cs_000000000000000000000001', 'https://web.example', 4102444800.0);
INSERT INTO location (subject, id) VALUES ('alice', 'loc_1');
INSERT INTO sealing_key (id) VALUES ('\x975d46e1e0ac2adb');
