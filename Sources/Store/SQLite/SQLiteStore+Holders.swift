package import Core
import FoundationEssentials
import GRDB
package import Sessions

/// The documents that hold sessions; no write of a session's facts touches the column.
extension SQLiteStore {
    package func held(_ id: SessionID) async throws(BFFError) -> HeldSession? {
        try await read { [keys, quarantine] db in
            let statement = try db.cachedStatement(sql: "SELECT * FROM session WHERE id = ?")
            guard let row = try Row.fetchOne(statement, arguments: [id.text]) else { return nil }
            let held = try? HeldSession(
                SessionRow.session(row, keys), holder: SessionHolder(column: (row["holder"] as Data?).map(Array.init)))
            if held == nil { quarantine.add("session", id.text) }
            return held
        }
    }

    package func setHolder(
        _ holder: SessionHolder, of id: SessionID, replacing expected: SessionHolder?
    ) async throws(BFFError) -> Bool {
        try await write { db in
            try db.cachedStatement(sql: "UPDATE session SET holder = ?, codes = NULL WHERE id = ? AND holder IS ?")
                .execute(arguments: [Data(holder.digest), id.text, expected.map { Data($0.digest) }])
            return db.changesCount > 0
        }
    }
}
