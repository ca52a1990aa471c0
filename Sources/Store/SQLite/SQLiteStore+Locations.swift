package import Core
package import FoundationEssentials
import GRDB
package import Sessions

/// The owners of locations, the actions required there, and the changes of both.
extension SQLiteStore {
    package func unbind(_ location: LocationID, from subject: Subject) async throws(BFFError) -> Bool {
        try await write(changing: [.ownershipChanged(SubjectDigest(subject))]) { db in
            try db.execute(
                sql: "DELETE FROM location WHERE subject = ? AND id = ?", arguments: [subject.text, location.text])
            let wasOwned = db.changesCount > 0
            for table in Schema.ofLocations {
                try db.execute(
                    sql: "DELETE FROM \(table) WHERE subject = ? AND location = ?",
                    arguments: [subject.text, location.text])
            }
            try ReceivedRow.deleteOrphanedActions(db)
            return wasOwned
        }
    }

    package func ownedLocations(of subject: Subject) async throws(BFFError) -> [OwnedLocation] {
        try await read { [quarantine] db in
            let select = try db.cachedStatement(sql: "\(Self.owned) WHERE subject = ? ORDER BY location.id")
            return try Row.fetchAll(select, arguments: [subject.text]).compactMap { OwnedLocation($0, quarantine) }
        }
    }

    package func ownedLocation(_ location: LocationID, of subject: Subject) async throws(BFFError) -> OwnedLocation? {
        try await read { [quarantine] db in
            let select = try db.cachedStatement(sql: "\(Self.owned) WHERE subject = ? AND location.id = ?")
            return try Row.fetchOne(select, arguments: [subject.text, location.text]).flatMap {
                OwnedLocation($0, quarantine)
            }
        }
    }

    /// Locations with the actions required there.
    private static let owned = """
        SELECT location.id AS id, location_action.required AS required,
            EXISTS (SELECT 1 FROM unconfirmed_change WHERE unconfirmed_change.location = location.id) AS is_held
        FROM location
        LEFT JOIN location_action ON location_action.location = location.id
        """

    package func owners(of location: LocationID, limit: Int) async throws(BFFError) -> [Subject] {
        try await read { db in
            try String.fetchAll(
                db, sql: "SELECT subject FROM location WHERE id = ? ORDER BY subject LIMIT ?",
                arguments: [location.text, limit]
            ).compactMap { Subject($0) }
        }
    }

    package func state(of location: LocationID) async throws(BFFError) -> LocationState {
        try await read { [quarantine] db in
            let updatedAt = try Double.fetchOne(
                db, sql: "SELECT max(updated_at) FROM location WHERE id = ?", arguments: [location.text])
            return LocationState(
                updatedAt: updatedAt.flatMap { try? Date(row: $0) },
                action: try ReceivedRow.actions(at: [location], quarantine, db)[location])
        }
    }

    package func actions(at locations: [LocationID]) async throws(BFFError) -> [LocationID: LocationAction] {
        try await read { [quarantine] db in
            try ReceivedRow.actions(at: locations, quarantine, db)
        }
    }

    package func clearAction(at location: LocationID, knownBefore instant: Date) async throws(BFFError) {
        try await write(changing: [.locationChanged(location)]) { db in
            try db.execute(
                sql: "DELETE FROM location_action WHERE location = ? AND since < ?",
                arguments: [location.text, instant.timeIntervalSince1970])
        }
    }

    // MARK: - Changes

    /// Notifies of this process's changes when they are committed, and of those of others at ``detectChanges()``.
    package func watch(_ notify: @escaping @Sendable (StoreChange) -> Void) async {
        let number = watchers.add(notify)
        defer { watchers.remove(number) }
        while !Task.isCancelled {
            if await startMonitor() {
                notify(.subscribed)
                while (try? await Task.sleep(for: .seconds(3600))) != nil {}
                return
            }
            // Until then every location is read from the file.
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func startMonitor() async -> Bool {
        do {
            try await database().writeWithoutTransaction { [monitor] db in try monitor.start(db) }
            return true
        } catch {
            return false
        }
    }

    package func detectChanges() -> Bool {
        // A file that was moved away is read no more.
        (try? database()) != nil && monitor.detect()
    }
}

extension OwnedLocation {
    /// - Parameter quarantine: Takes an action that cannot be read, which counts as none.
    fileprivate init?(_ row: Row, _ quarantine: Quarantine) {
        self.init(id: row["id"], required: row["required"], isHeld: row["is_held"], quarantine)
    }
}
