import Core
import FoundationEssentials
import GRDB
import Keys
import Sessions

/// Events of Flatpeak's as rows, and what came of them.
enum ReceivedRow {
    static func receive(_ event: ReceivedEvent, _ keys: SealingKeys, _ db: Database) throws -> Receipt {
        let select = try db.cachedStatement(sql: "SELECT digest FROM received WHERE id = ?")
        guard let known = try Row.fetchOne(select, arguments: [event.id.text]) else {
            try db.cachedStatement(sql: "INSERT INTO received (id, digest, received_at) VALUES (?, ?, ?)").execute(
                arguments: [event.id.text, event.digest.map { Data($0) }, event.receivedAt.timeIntervalSince1970])
            try db.cachedStatement(
                sql: "INSERT INTO inbox (id, type, body, received_at, due_at) VALUES (?1, ?2, ?3, ?4, ?4)"
            ).execute(
                arguments: [
                    event.id.text, event.type, Data(keys.seal(event.body, context: event.id.text.utf8)),
                    event.receivedAt.timeIntervalSince1970,
                ])
            return .new
        }
        guard let digest = event.digest.map({ Data($0) }) else { return .known }
        if let first: Data = known["digest"] { return first == digest ? .known : .altered }
        // It was known from the list alone.
        try db.cachedStatement(sql: "UPDATE received SET digest = ? WHERE id = ?")
            .execute(arguments: [digest, event.id.text])
        return .known
    }

    static func isAnyDue(at instant: Date, _ db: Database) throws -> Bool {
        try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM inbox WHERE due_at <= ?)",
            arguments: [instant.timeIntervalSince1970]) ?? false
    }

    /// - Parameter quarantine: Takes the events that cannot be read, which are set aside.
    static func take(
        dueAt instant: Date, leasedUntil lease: Date, limit: Int, _ keys: SealingKeys, _ quarantine: Quarantine,
        _ db: Database
    ) throws -> [TakenEvent] {
        let select = try db.cachedStatement(
            sql: "SELECT *, rowid AS number FROM inbox WHERE due_at <= ? ORDER BY due_at, received_at LIMIT ?")
        let update = try db.cachedStatement(sql: "UPDATE inbox SET due_at = ?, attempts = ? WHERE rowid = ?")
        return try Row.fetchAll(select, arguments: [instant.timeIntervalSince1970, limit]).compactMap { row in
            let text: String = row["id"], attempts: Int = row["attempts"], number: Int64 = row["number"]
            guard let id = EventID(text), let body = keys.open(Array(row["body"] as Data), context: text.utf8),
                let receivedAt = try? Date(row: row["received_at"]), RowCount.range.contains(attempts)
            else {
                quarantine.add("inbox", text)
                let end = lease.addingTimeInterval(Quarantine.pause).timeIntervalSince1970
                try update.execute(arguments: [end, attempts, number])
                return nil
            }
            try update.execute(arguments: [lease.timeIntervalSince1970, attempts + 1, number])
            return TakenEvent(
                ReceivedEvent(id: id, type: row["type"], body: body, digest: nil, receivedAt: receivedAt),
                attempts: attempts + 1, lease: lease)
        }
    }

    static func settle(_ id: EventID, _ effect: EventEffect, _ keys: SealingKeys, _ db: Database) throws -> Bool {
        try db.cachedStatement(sql: "DELETE FROM inbox WHERE id = ?").execute(arguments: [id.text])
        guard db.changesCount > 0 else { return false }
        if let update = effect.update {
            try db.cachedStatement(sql: "UPDATE location SET updated_at = ? WHERE id = ?").execute(
                arguments: [update.at.timeIntervalSince1970, update.location.text])
        }
        if let action = effect.action {
            try db.cachedStatement(
                sql: """
                    INSERT INTO location_action (location, required, tariff, since) VALUES (?1, ?2, ?3, ?4)
                    ON CONFLICT (location) DO UPDATE SET required = ?2, tariff = ?3, since = ?4
                    WHERE excluded.required = 'reconnect' OR location_action.required <> 'reconnect'
                    """
            ).execute(arguments: [
                action.location.text, action.required.rawValue, action.tariff, action.since.timeIntervalSince1970,
            ])
        }
        for event in effect.events { try EventRow.put(event, keys, db) }
        return true
    }

    static func actions(
        at locations: [LocationID], _ quarantine: Quarantine, _ db: Database
    ) throws -> [LocationID: LocationAction] {
        let select = try db.cachedStatement(sql: "SELECT * FROM location_action WHERE location = ?")
        return try locations.reduce(into: [:]) { actions, location in
            guard let row = try Row.fetchOne(select, arguments: [location.text]) else { return }
            guard let required = RequiredAction(rawValue: row["required"]), let since = try? Date(row: row["since"])
            else {
                return quarantine.add("location_action", location.text)
            }
            actions[location] = LocationAction(
                location: location, required: required, tariff: row["tariff"], since: since)
        }
    }

    static func deleteOrphanedActions(_ db: Database) throws {
        try db.execute(
            sql:
                "DELETE FROM location_action WHERE NOT EXISTS (SELECT 1 FROM location WHERE location.id = location_action.location)"
        )
    }
}
