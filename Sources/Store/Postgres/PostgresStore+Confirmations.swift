package import Core
package import FoundationEssentials
import Keys
package import Sessions

/// The confirmations of sessions; no write of a session's facts touches the column `codes`.
extension PostgresStore {
    package func take(
        _ step: ConfirmationStep, of id: SessionID, at now: Date
    ) async throws(BFFError) -> ConfirmationChange? {
        let taken = try await ask { [self, keys, node] (link) throws(PostgresError) -> ConfirmationChange? in
            let found = try link.run([
                PostgresStatement("BEGIN"),
                PostgresStatement(
                    """
                    SELECT \(PostgresRow.session), holder, told_state, sequence, codes FROM session WHERE id = $1
                    FOR UPDATE
                    """, .text(id.text)),
            ])[1]
            var batch = PostgresBatch(at: now, by: node)
            let taken = found.first.flatMap { row -> ConfirmationChange? in
                guard let stored = try? row.confirmableSession(keys),
                    let taken = try? batch.take(step, of: stored, at: now, keys)
                else {
                    _ = quarantined(row)
                    return nil
                }
                return taken
            }
            _ = try link.run(batch.statements + notifications(of: batch.changed) + [PostgresStatement("COMMIT")])
            return taken
        }
        if let taken, taken.change != nil { watchers.notify(taken.session.locationChanges) }
        return taken
    }
}

extension PostgresRow {
    fileprivate func confirmableSession(_ keys: SealingKeys) throws(PostgresError) -> ConfirmableSession {
        ConfirmableSession(
            try session(keys),
            holder: try readable { () throws(SessionColumns.Unreadable) in
                try SessionHolder(column: bytes("holder"))
            }, cursor: try outboxCursor(),
            confirmation: try readable { () throws(SessionColumns.Unreadable) in
                try Confirmation(column: text("codes"))
            })
    }
}
