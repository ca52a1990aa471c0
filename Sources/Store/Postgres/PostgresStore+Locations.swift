package import Core
import Flatpeak
package import FoundationEssentials
package import Sessions

/// Whose locations are whose, and what their users have to do there.
extension PostgresStore {
    package func unbind(_ location: LocationID, from subject: Subject) async throws(BFFError) -> Bool {
        try await ask { (link) throws(PostgresError) in
            let gone = try link.run([
                PostgresStatement(
                    "DELETE FROM location WHERE subject = $1 AND id = $2 RETURNING id", .text(subject.text),
                    .text(location.text)),
                Self.deleteOrphanedActions,
            ])
            return !gone[0].isEmpty
        }
    }

    package func locations(of subject: Subject) async throws(BFFError) -> [LocationID] {
        try await ask { (link) throws(PostgresError) in
            let statement = PostgresStatement(
                "SELECT id FROM location WHERE subject = $1 ORDER BY id", .text(subject.text))
            return try link.run([statement])[0].compactMap { $0.text("id").flatMap { LocationID($0) } }
        }
    }

    package func owns(_ subject: Subject, _ location: LocationID) async throws(BFFError) -> Bool {
        try await ask { (link) throws(PostgresError) in
            let statement = PostgresStatement(
                "SELECT id FROM location WHERE subject = $1 AND id = $2", .text(subject.text), .text(location.text))
            return try !link.run([statement])[0].isEmpty
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
                    let since = row.double("since")
                else { return quarantine.add("location_action", row.text("location") ?? "") }
                actions[location] = LocationAction(
                    location: location, required: required, tariff: row.text("tariff"),
                    since: Date(timeIntervalSince1970: since))
            }
        }
    }

    package func clearAction(at location: LocationID, knownBefore instant: Date) async throws(BFFError) {
        try await ask { (link) throws(PostgresError) in
            _ = try link.run([
                PostgresStatement(
                    "DELETE FROM location_action WHERE location = $1 AND since < $2", .text(location.text),
                    .double(instant.timeIntervalSince1970))
            ])
        }
    }

    /// Deletes the actions at locations that no subject owns any more.
    static let deleteOrphanedActions = PostgresStatement(
        "DELETE FROM location_action WHERE NOT EXISTS (SELECT 1 FROM location WHERE location.id = location_action.location)"
    )
}
