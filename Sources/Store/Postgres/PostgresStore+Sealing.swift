package import Core
import Keys
import Logging

extension PostgresStore {
    package func adopt(stateKeys: [[UInt8]]) async throws(BFFError) {
        keys.adopt(stateKeys)
        do throws(PostgresError) {
            try await seal()
            try await pool.use { [keys] (link) throws(PostgresError) in try PostgresSchema.noteKey(link, keys) }
        } catch {
            throw failed(error)
        }
    }

    /// Seals under the first key what is sealed under another one.
    func seal() async throws(PostgresError) {
        var count = 0
        for (table, column) in Schema.sealed {
            var damaged: Set<String> = []
            while true {
                let (some, found) = try await pool.use { [keys, damaged] (link) throws(PostgresError) in
                    try PostgresSchema.reseal(column, of: table, link, keys, but: damaged)
                }
                damaged.formUnion(found)
                count += some
                if some + found.count == 0 { break }
            }
            for id in damaged { quarantine.add(table, id) }
        }
        if count > 0 { logger.info("tokens sealed under the first key", metadata: ["bff.count": "\(count)"]) }
    }
}
