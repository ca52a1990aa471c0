package import Core
import Flatpeak
package import FoundationEssentials
package import Sessions

/// The owners of locations, the actions required there, and the changes of both.
extension PostgresStore {
    package func unbind(_ location: LocationID, from subject: Subject) async throws(BFFError) -> Bool {
        let digest = SubjectDigest(subject)
        return try await ask(changing: [.ownershipChanged(digest)]) { [node] (link) throws(PostgresError) in
            let gone = try link.run(
                [
                    PostgresStatement(
                        """
                        WITH gone AS (DELETE FROM location WHERE subject = $1 AND id = $2 RETURNING id)
                        SELECT pg_notify('\(Self.channel)', $3) FROM gone
                        """, .text(subject.text), .text(location.text),
                        .text(NodeNotification.ownership(of: digest, by: node))),
                    Self.deleteOrphanedActions,
                ]
                    + Schema.ofLocations.map { table in
                        // A new statement sees what was kept while the first one waited.
                        PostgresStatement(
                            "DELETE FROM \(table) WHERE subject = $1 AND location = $2", .text(subject.text),
                            .text(location.text))
                    })
            return !gone[0].isEmpty
        }
    }

    package func ownedLocations(of subject: Subject) async throws(BFFError) -> [OwnedLocation] {
        try await owned(
            PostgresStatement("\(Self.owned) WHERE subject = $1 ORDER BY location.id", .text(subject.text)))
    }

    package func ownedLocation(_ location: LocationID, of subject: Subject) async throws(BFFError) -> OwnedLocation? {
        try await owned(
            PostgresStatement(
                "\(Self.owned) WHERE subject = $1 AND location.id = $2", .text(subject.text), .text(location.text))
        ).first
    }

    /// Locations with the actions required there.
    private static let owned = """
        SELECT location.id AS id, location_action.required AS required,
            EXISTS (SELECT 1 FROM unconfirmed_change WHERE unconfirmed_change.location = location.id) AS is_held
        FROM location
        LEFT JOIN location_action ON location_action.location = location.id
        """

    private func owned(_ statement: PostgresStatement) async throws(BFFError) -> [OwnedLocation] {
        try await ask { [quarantine] (link) throws(PostgresError) in
            try link.run([statement])[0].compactMap { row in
                row.text("id").flatMap {
                    // Fails closed.
                    OwnedLocation(
                        id: $0, required: row.text("required"), isHeld: row.bool("is_held") ?? true, quarantine)
                }
            }
        }
    }

    package func owners(of location: LocationID, limit: Int) async throws(BFFError) -> [Subject] {
        try await ask { (link) throws(PostgresError) in
            try link.run([
                PostgresStatement(
                    "SELECT subject FROM location WHERE id = $1 ORDER BY subject LIMIT $2", .text(location.text),
                    .int(limit))
            ])[0].compactMap { $0.text("subject").flatMap { Subject($0) } }
        }
    }

    package func state(of location: LocationID) async throws(BFFError) -> LocationState {
        let updatedAt = try await ask { (link) throws(PostgresError) in
            try link.run([
                PostgresStatement(
                    "SELECT max(updated_at) AS updated_at FROM location WHERE id = $1", .text(location.text))
            ])[0].first?.double("updated_at")
        }
        return LocationState(
            updatedAt: updatedAt.flatMap { try? Date(row: $0) }, action: try await actions(at: [location])[location])
    }

    /// Keeps when a location was updated.
    static func update(_ update: LocationUpdate) -> [PostgresStatement] {
        // Locked in one order by all: it may have several owners.
        [
            PostgresStatement(
                "SELECT subject FROM location WHERE id = $1 ORDER BY subject FOR UPDATE", .text(update.location.text)),
            PostgresStatement(
                "UPDATE location SET updated_at = $2 WHERE id = $1", .text(update.location.text),
                .double(update.at.timeIntervalSince1970)),
        ]
    }

    /// Keeps an action, in the place of any but ``RequiredAction/reconnect``.
    static func require(_ action: LocationAction) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO location_action (location, required, tariff, since) VALUES ($1, $2, $3, $4)
            ON CONFLICT (location) DO UPDATE SET required = EXCLUDED.required, tariff = EXCLUDED.tariff,
                since = EXCLUDED.since
            WHERE EXCLUDED.required = 'reconnect' OR location_action.required <> 'reconnect'
            """, .text(action.location.text), .text(action.required.rawValue), .foreign(action.tariff),
            .double(action.since.timeIntervalSince1970))
    }

    package func actions(at locations: [LocationID]) async throws(BFFError) -> [LocationID: LocationAction] {
        try await ask { [quarantine] (link) throws(PostgresError) in
            let rows = try link.run([
                PostgresStatement(
                    "SELECT location, required, tariff, since FROM location_action WHERE location = ANY ($1::text[])",
                    .identifiers(locations.map(\.text)))
            ])[0]
            return rows.reduce(into: [:]) { actions, row in
                guard let location = row.text("location").flatMap({ LocationID($0) }),
                    let required = row.text("required").flatMap({ RequiredAction(rawValue: $0) }),
                    let since = row.double("since").flatMap({ try? Date(row: $0) })
                else { return quarantine.add("location_action", row.text("location") ?? "") }
                actions[location] = LocationAction(
                    location: location, required: required, tariff: row.text("tariff"), since: since)
            }
        }
    }

    package func clearAction(at location: LocationID, knownBefore instant: Date) async throws(BFFError) {
        try await ask(changing: [.locationChanged(location)]) { [node] (link) throws(PostgresError) in
            _ = try link.run([
                PostgresStatement(
                    """
                    WITH gone AS (DELETE FROM location_action WHERE location = $1 AND since < $2 RETURNING location)
                    SELECT pg_notify('\(Self.channel)', $3) FROM gone
                    """, .text(location.text), .double(instant.timeIntervalSince1970),
                    .text(NodeNotification.change(at: location, by: node)))
            ])
        }
    }

    /// Deletes the actions at locations that no subject owns any more.
    static let deleteOrphanedActions = PostgresStatement(
        "DELETE FROM location_action WHERE NOT EXISTS (SELECT 1 FROM location WHERE location.id = location_action.location)"
    )
}
