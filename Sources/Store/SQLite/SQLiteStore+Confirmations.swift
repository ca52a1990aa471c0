package import Core
package import FoundationEssentials
import GRDB
package import Sessions

/// The confirmations of sessions; no write of a session's facts touches the column `codes`.
extension SQLiteStore {
    package func take(
        _ step: ConfirmationStep, of id: SessionID, at now: Date
    ) async throws(BFFError) -> ConfirmationChange? {
        let taken = try await write { [keys, quarantine] db -> ConfirmationChange? in
            let select = try db.cachedStatement(sql: "SELECT * FROM session WHERE id = ?")
            guard let row = try Row.fetchOne(select, arguments: [id.text]) else { return nil }
            let taken = try SessionRow.ifPossible(db) {
                let stored = ConfirmableSession(
                    try SessionRow.session(row, keys),
                    holder: try SessionHolder(column: (row["holder"] as Data?).map(Array.init)),
                    cursor: try SessionRow.cursor(row), confirmation: try Confirmation(column: row["codes"]))
                let taken = try ConfirmationChange(step, of: stored, at: now)
                if let change = taken.change { try SessionRow.keep(change, at: now, keys, db) }
                if let confirmation = taken.confirmation {
                    try db.cachedStatement(sql: "UPDATE session SET codes = ? WHERE id = ?")
                        .execute(arguments: [try confirmation.json, id.text])
                }
                return taken
            }
            if taken == nil { quarantine.add("session", id.text) }
            return taken
        }
        if let taken, taken.change != nil { watchers.notify(taken.session.locationChanges) }
        return taken
    }
}
