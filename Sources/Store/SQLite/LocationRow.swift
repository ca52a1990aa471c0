import Core
import Flatpeak
import FoundationEssentials
import GRDB
import Sessions

/// The owners of locations, and the unconfirmed sessions that hold them, as rows.
enum LocationRow {
    /// Persists what a change of a session means for locations.
    static func keep(_ change: SessionChange, at now: Date, _ db: Database) throws {
        let session = change.session
        if let location = change.location {
            try db.cachedStatement(sql: "INSERT OR IGNORE INTO location (subject, id, session) VALUES (?, ?, ?)")
                .execute(arguments: [session.subject.text, location.text, session.id.text])
        }
        if let location = change.unboundLocation {
            try db.cachedStatement(sql: "DELETE FROM location WHERE subject = ? AND id = ? AND session = ?")
                .execute(arguments: [session.subject.text, location.text, session.id.text])
            try ReceivedRow.deleteOrphanedActions(db)
        }
        if let location = change.heldLocation {
            try db.cachedStatement(
                sql: """
                    INSERT INTO unconfirmed_change (location, session, direction, type, since) VALUES (?, ?, ?, ?, ?)
                    ON CONFLICT (location, session) DO UPDATE SET since = excluded.since
                    """
            ).execute(arguments: [
                location.text, session.id.text, session.slot.direction.rawValue, session.slot.type.rawValue,
                (session.changedAt ?? now).timeIntervalSince1970,
            ])
        }
        if let location = change.releasedLocation {
            // No row is older than NULL: what is not known to be replaced stays held.
            try db.cachedStatement(
                sql: """
                    DELETE FROM unconfirmed_change
                    WHERE location = ? AND (session = ? OR (direction = ? AND type = ? AND since < ?))
                    """
            ).execute(arguments: [
                location.text, session.id.text, session.slot.direction.rawValue, session.slot.type.rawValue,
                session.replacedAt?.timeIntervalSince1970,
            ])
        }
    }

    /// Deletes the holds by sessions of a subject at locations without another owner; before its sessions are deleted.
    static func forgetHolds(of subject: Subject, _ db: Database) throws {
        try db.execute(
            sql: """
                DELETE FROM unconfirmed_change
                WHERE session IN (SELECT id FROM session WHERE subject = ?1) AND NOT EXISTS (
                    SELECT 1 FROM location WHERE location.id = unconfirmed_change.location AND subject <> ?1)
                """, arguments: [subject.text])
    }

    /// Deletes holds that began before `instant` at locations without an owner.
    static func removeHolds(before instant: Date, _ db: Database) throws {
        try db.execute(
            sql: """
                DELETE FROM unconfirmed_change
                WHERE since < ? AND NOT EXISTS (SELECT 1 FROM location WHERE location.id = unconfirmed_change.location)
                """, arguments: [instant.timeIntervalSince1970])
    }
}
