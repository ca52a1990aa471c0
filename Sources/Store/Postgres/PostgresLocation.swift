import Core
import Flatpeak
import FoundationEssentials
import Sessions

/// The owners of locations, and the unconfirmed sessions that hold them, as statements.
enum PostgresLocation {
    /// What changes of sessions mean for locations: in one order for all nodes, so that there is no deadlock.
    static func statements(for changes: [SessionChange], at now: Date, by node: String) -> [PostgresStatement] {
        let owned: [(id: LocationID, change: SessionChange)] = changes.compactMap { change in
            (change.location ?? change.unboundLocation).map { ($0, change) }
        }
        let held: [(id: LocationID, change: SessionChange)] = changes.compactMap { change in
            (change.heldLocation ?? change.releasedLocation).map { ($0, change) }
        }
        let bindings = owned.sorted {
            ($0.change.session.subject.text, $0.id.text) < ($1.change.session.subject.text, $1.id.text)
        }.map { id, change in change.location == nil ? unbind(id, change, by: node) : bind(id, change, by: node) }
        // At one location in the order of the writes, as in every store.
        let holds = held.enumerated().sorted { ($0.element.id.text, $0.offset) < ($1.element.id.text, $1.offset) }
            .map { _, entry in
                entry.change.heldLocation == nil
                    ? release(entry.id, entry.change, by: node) : hold(entry.id, entry.change, at: now, by: node)
            }
        let isAnyUnbound = owned.contains { $0.change.location == nil }
        return bindings + (isAnyUnbound ? [PostgresStore.deleteOrphanedActions] : []) + holds
    }

    private static func bind(_ id: LocationID, _ change: SessionChange, by node: String) -> PostgresStatement {
        PostgresStatement(
            """
            WITH new AS (
                INSERT INTO location (subject, id, session) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id
            )
            SELECT pg_notify('\(PostgresStore.channel)', $4) FROM new
            """, ownership(of: id, change, by: node))
    }

    private static func unbind(_ id: LocationID, _ change: SessionChange, by node: String) -> PostgresStatement {
        PostgresStatement(
            """
            WITH gone AS (DELETE FROM location WHERE subject = $1 AND id = $2 AND session = $3 RETURNING id)
            SELECT pg_notify('\(PostgresStore.channel)', $4) FROM gone
            """, ownership(of: id, change, by: node))
    }

    private static func ownership(
        of id: LocationID, _ change: SessionChange, by node: String
    ) -> [PostgresValue] {
        let subject = change.session.subject
        return [
            .text(subject.text), .text(id.text), .text(change.session.id.text),
            .text(NodeNotification.ownership(of: SubjectDigest(subject), by: node)),
        ]
    }

    private static func hold(
        _ id: LocationID, _ change: SessionChange, at now: Date, by node: String
    ) -> PostgresStatement {
        PostgresStatement(
            """
            WITH new AS (
                INSERT INTO unconfirmed_change (location, session, direction, type, since) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (location, session) DO UPDATE SET since = EXCLUDED.since RETURNING location
            )
            SELECT pg_notify('\(PostgresStore.channel)', $6) FROM new
            """, slot(at: id, change, change.session.changedAt ?? now, by: node))
    }

    /// Ends the session's own hold, and of others' what it replaced: no row is older than NULL.
    private static func release(
        _ id: LocationID, _ change: SessionChange, by node: String
    ) -> PostgresStatement {
        PostgresStatement(
            """
            WITH gone AS (
                DELETE FROM unconfirmed_change
                WHERE location = $1 AND (session = $2 OR (direction = $3 AND type = $4 AND since < $5))
                RETURNING location
            )
            SELECT pg_notify('\(PostgresStore.channel)', $6) FROM gone
            """, slot(at: id, change, change.session.replacedAt, by: node))
    }

    private static func slot(
        at id: LocationID, _ change: SessionChange, _ instant: Date?, by node: String
    ) -> [PostgresValue] {
        let session = change.session
        return [
            .text(id.text), .text(session.id.text), .text(session.slot.direction.rawValue),
            .text(session.slot.type.rawValue), .double(instant?.timeIntervalSince1970),
            .text(NodeNotification.change(at: id, by: node)),
        ]
    }

    /// Deletes the holds by sessions of a subject at locations without another owner; before its sessions are deleted.
    static func forgetHolds(of subject: PostgresValue) -> PostgresStatement {
        PostgresStatement(
            """
            DELETE FROM unconfirmed_change
            WHERE session IN (SELECT id FROM session WHERE subject = $1) AND NOT EXISTS (
                SELECT 1 FROM location WHERE location.id = unconfirmed_change.location AND location.subject <> $1)
            """, subject)
    }

    /// Deletes holds that began before `instant` at locations without an owner.
    static func removeHolds(before instant: Date) -> PostgresStatement {
        PostgresStatement(
            """
            DELETE FROM unconfirmed_change
            WHERE since < $1 AND NOT EXISTS (SELECT 1 FROM location WHERE location.id = unconfirmed_change.location)
            """, .double(instant.timeIntervalSince1970))
    }
}
