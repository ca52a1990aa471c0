package import Core
package import FoundationEssentials
import GRDB
package import Sessions

extension SQLiteStore: Inbox {
    package func receive(_ events: [ReceivedEvent]) async throws(BFFError) -> [Receipt] {
        try await write { [keys] db in
            try events.map { try ReceivedRow.receive($0, keys, db) }
        }
    }

    package func hasReceived(_ id: EventID) async throws(BFFError) -> Bool {
        try await read { db in
            try Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM received WHERE id = ?)", arguments: [id.text]) ?? false
        }
    }

    package func takeReceived(
        dueAt instant: Date, leasedUntil lease: Date, limit: Int
    ) async throws(BFFError) -> [TakenEvent] {
        // Nearly always nothing is due, and who only reads waits for no writer.
        guard try await read({ try ReceivedRow.isAnyDue(at: instant, $0) }) else { return [] }
        return try await write { [keys, quarantine] db in
            try ReceivedRow.take(dueAt: instant, leasedUntil: lease, limit: limit, keys, quarantine, db)
        }
    }

    package func settle(_ id: EventID, _ effect: EventEffect) async throws(BFFError) -> Bool {
        let changes = effect.location.map { [StoreChange.locationChanged($0)] } ?? []
        return try await write(changing: changes) { [keys] db in try ReceivedRow.settle(id, effect, keys, db) }
    }

    package func postpone(_ event: TakenEvent, until instant: Date) async throws(BFFError) {
        try await write { db in
            try db.execute(
                sql: "UPDATE inbox SET due_at = ? WHERE id = ? AND due_at = ?",
                arguments: [
                    instant.timeIntervalSince1970, event.event.id.text, event.lease.timeIntervalSince1970,
                ])
        }
    }

    package func waiting() async throws(BFFError) -> (count: Int, since: Date?) {
        try await read { db in
            let row = try Row.fetchOne(db, sql: "SELECT count(*) AS n, min(received_at) AS since FROM inbox")
            let since: Double? = row?["since"]
            return (row?["n"] ?? 0, since.map { Date(timeIntervalSince1970: $0) })
        }
    }

    package func removeReceived(before instant: Date) async throws(BFFError) {
        try await write { db in
            try db.execute(
                sql: "DELETE FROM received WHERE received_at < ? AND id NOT IN (SELECT id FROM inbox)",
                arguments: [instant.timeIntervalSince1970])
        }
    }

    package func bookmark() async throws(BFFError) -> String? {
        try await read { db in try String.fetchOne(db, sql: "SELECT text FROM bookmark") }
    }

    package func keep(bookmark: String) async throws(BFFError) {
        try await write { db in
            try db.execute(
                sql: "INSERT OR REPLACE INTO bookmark (only, text) VALUES (1, ?)", arguments: [bookmark])
        }
    }
}
