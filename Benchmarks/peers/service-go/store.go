package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

// store keeps sessions and locations in a SQLite file. Writes that wait at the same time are one transaction, which is
// on the disk before any of them returns.
type store struct {
	seal   cipher.AEAD
	keyID  []byte
	writes chan write

	ownsOne, listOf, actionAt *sql.Stmt
}

type session struct {
	id, subject, token   string
	request              mintRequest
	liveMode             bool
	createdAt, expiresAt time.Time
}

type write struct {
	arguments []any
	done      chan error
}

const (
	mostInOneWrite = 500

	schema = `
CREATE TABLE IF NOT EXISTS session (
	id TEXT NOT NULL PRIMARY KEY, subject TEXT NOT NULL, token_digest BLOB NOT NULL, token BLOB NOT NULL,
	direction TEXT NOT NULL, type TEXT NOT NULL, minted_location TEXT, minted_action TEXT, return_url TEXT,
	live_mode INTEGER NOT NULL, created_at REAL NOT NULL, expires_at REAL NOT NULL, facts TEXT NOT NULL,
	told_state TEXT, sequence INTEGER NOT NULL DEFAULT 0, changes_at REAL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS session_by_token ON session (token_digest);
CREATE INDEX IF NOT EXISTS session_by_subject ON session (subject);
CREATE INDEX IF NOT EXISTS session_by_age ON session (created_at);
CREATE INDEX IF NOT EXISTS session_by_key ON session (substr(token, 1, 8));
CREATE INDEX IF NOT EXISTS session_by_change ON session (changes_at) WHERE changes_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS location (
	subject TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (subject, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS location_action (
	location TEXT NOT NULL PRIMARY KEY, required TEXT NOT NULL
) STRICT, WITHOUT ROWID;`

	insertSession = `
INSERT INTO session (id, subject, token_digest, token, direction, type, minted_location, return_url, live_mode,
	created_at, expires_at, facts, changes_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '{}', ?)`
)

func openStore(path string) (*store, error) {
	// One connection writes; readers do not wait for it.
	writer, err := sql.Open("sqlite3", "file:"+path+"?_journal_mode=WAL&_synchronous=FULL&_busy_timeout=5000&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	writer.SetMaxOpenConns(1)
	if _, err := writer.Exec(schema); err != nil {
		return nil, err
	}
	insert, err := writer.Prepare(insertSession)
	if err != nil {
		return nil, err
	}
	reader, err := sql.Open("sqlite3", "file:"+path+"?mode=ro&_busy_timeout=5000")
	if err != nil {
		return nil, err
	}
	reader.SetMaxOpenConns(4)
	reader.SetMaxIdleConns(4)
	s := &store{writes: make(chan write, mostInOneWrite)}
	for statement, text := range map[**sql.Stmt]string{
		&s.ownsOne:  "SELECT EXISTS (SELECT 1 FROM location WHERE subject = ? AND id = ?)",
		&s.actionAt: "SELECT required FROM location_action WHERE location = ?",
		&s.listOf: `SELECT id, coalesce(required, '') FROM location LEFT JOIN location_action ON location = id
			WHERE subject = ? ORDER BY id`,
	} {
		if *statement, err = reader.Prepare(text); err != nil {
			return nil, err
		}
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if s.seal, err = cipher.NewGCM(block); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(key)
	s.keyID = sum[:8]
	go s.write(writer, insert)
	return s, nil
}

// add returns when the session is on the disk.
func (s *store) add(session session) error {
	nonce := make([]byte, s.seal.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return err
	}
	sealed := append(append([]byte{}, s.keyID...), nonce...)
	sealed = s.seal.Seal(sealed, nonce, []byte(session.token), []byte(session.id))
	digest := sha256.Sum256([]byte(session.token))
	expires := seconds(session.expiresAt)
	w := write{done: make(chan error, 1), arguments: []any{
		session.id, session.subject, digest[:], sealed, orElse(session.request.Direction, "IMPORT"),
		orElse(session.request.Type, "COMMODITY"), session.request.LocationID, session.request.ReturnURL, session.liveMode,
		seconds(session.createdAt), expires, expires,
	}}
	s.writes <- w
	return <-w.done
}

// write commits what waits, over and over.
func (s *store) write(database *sql.DB, insert *sql.Stmt) {
	for first := range s.writes {
		batch := []write{first}
		for isMore := true; isMore && len(batch) < mostInOneWrite; {
			select {
			case next := <-s.writes:
				batch = append(batch, next)
			default:
				isMore = false
			}
		}
		err := commit(database, insert, batch)
		for _, each := range batch {
			each.done <- err
		}
	}
}

func commit(database *sql.DB, insert *sql.Stmt, batch []write) error {
	transaction, err := database.Begin()
	if err != nil {
		return err
	}
	defer transaction.Rollback()
	statement := transaction.Stmt(insert)
	for _, each := range batch {
		if _, err := statement.Exec(each.arguments...); err != nil {
			return err
		}
	}
	return transaction.Commit()
}

func (s *store) owns(subject, location string) (owned bool, err error) {
	err = s.ownsOne.QueryRow(subject, location).Scan(&owned)
	return owned, err
}

func (s *store) action(location string) (action string, err error) {
	err = s.actionAt.QueryRow(location).Scan(&action)
	if err == sql.ErrNoRows {
		err = nil
	}
	return action, err
}

func (s *store) locations(subject string) ([]locationAnswer, error) {
	rows, err := s.listOf.Query(subject)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	locations := []locationAnswer{}
	for rows.Next() {
		location := locationAnswer{Object: "location"}
		if err := rows.Scan(&location.ID, &location.ActionRequired); err != nil {
			return nil, err
		}
		locations = append(locations, location)
	}
	return locations, rows.Err()
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

func orElse(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}
