package import Core
import Keys
package import Sessions

/// The documents that hold sessions; no write of a session's facts touches the column.
extension PostgresStore {
    package func held(_ id: SessionID) async throws(BFFError) -> HeldSession? {
        try await ask { [self] (link) throws(PostgresError) -> HeldSession? in
            let found = try link.run([
                PostgresStatement("SELECT \(PostgresRow.session), holder FROM session WHERE id = $1", .text(id.text))
            ])[0]
            guard let row = found.first else { return nil }
            guard let held = try? row.heldSession(keys) else {
                _ = quarantined(row)
                return nil
            }
            return held
        }
    }

    package func setHolder(
        _ holder: SessionHolder, of id: SessionID, replacing expected: SessionHolder?
    ) async throws(BFFError) -> Bool {
        try await ask { (link) throws(PostgresError) in
            let changed = try link.run([
                PostgresStatement(
                    """
                    UPDATE session SET holder = $1, codes = NULL
                    WHERE id = $2 AND holder IS NOT DISTINCT FROM $3::bytea RETURNING true
                    """, .bytes(holder.digest), .text(id.text), .bytes(expected?.digest))
            ])[0]
            return !changed.isEmpty
        }
    }
}

extension PostgresRow {
    fileprivate func heldSession(_ keys: SealingKeys) throws(PostgresError) -> HeldSession {
        let holder = try readable { () throws(SessionColumns.Unreadable) in try SessionHolder(column: bytes("holder")) }
        return HeldSession(try session(keys), holder: holder)
    }
}
