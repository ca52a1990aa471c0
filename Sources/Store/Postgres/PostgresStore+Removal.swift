package import Core
package import FoundationEssentials
package import Sessions

/// The removal of a subject, and of what has been kept long enough.
extension PostgresStore {
    package func forget(_ subject: Subject) async throws(BFFError) -> Forgotten {
        let digest = SubjectDigest(subject)
        return try await ask(changing: [.ownershipChanged(digest)]) { [node] (link) throws(PostgresError) in
            let subject = PostgresValue.text(subject.text)
            let answers = try link.run(
                [
                    PostgresLocation.forgetHolds(of: subject),
                    PostgresStatement(
                        """
                        WITH gone AS (DELETE FROM session WHERE subject = $1 RETURNING id)
                        SELECT pg_notify('\(Self.channel)', $2 || ' ' || id) FROM gone
                        """, subject, .text(node)),
                    PostgresStatement(
                        """
                        WITH gone AS (DELETE FROM location WHERE subject = $1 RETURNING id)
                        SELECT pg_notify('\(Self.channel)', $2) FROM gone
                        """, subject, .text(NodeNotification.ownership(of: digest, by: node))),
                    PostgresStatement("DELETE FROM mint WHERE subject = $1", subject),
                    PostgresStatement("DELETE FROM event WHERE subject = $1", subject),
                    Self.deleteOrphanedActions,
                ] + Schema.ofLocations.map { PostgresStatement("DELETE FROM \($0) WHERE subject = $1", subject) },
                within: Self.longLimit)
            return Forgotten(sessions: answers[1].count, locations: answers[2].count)
        }
    }

    package func removeSessions(before instant: Date, at now: Date) async throws(BFFError) -> Int {
        var removed = 0
        while true {
            // A few at a time: others write meanwhile, and no statement takes longer than it may.
            let (sessions, others) = try await ask { (link) throws(PostgresError) in
                let answers = try link.run(
                    [
                        PostgresStatement(
                            """
                            DELETE FROM session WHERE id = ANY (ARRAY (
                                SELECT id FROM session WHERE created_at < $1 LIMIT 1000 FOR UPDATE SKIP LOCKED))
                            RETURNING true
                            """, .double(instant.timeIntervalSince1970)),
                        Self.removeSome("mint", where: "expires_at <= $1", now),
                        PostgresEvent.remove(before: instant, at: now, limit: 1000),
                        PostgresLocation.removeHolds(before: instant),
                        Self.removeSome("ledger", where: "expires_at <= $1", now),
                        Self.removeSome("meter_batch", where: "sent_at < $1", instant),
                    ], within: Self.longLimit)
                return (answers[0].count, answers.dropFirst().map(\.count).max() ?? 0)
            }
            removed += sessions
            if sessions < 1000, others < 1000 { return removed }
        }
    }

    private static func removeSome(_ table: String, where condition: String, _ instant: Date) -> PostgresStatement {
        PostgresStatement(
            """
            DELETE FROM \(table) WHERE ctid = ANY (ARRAY (
                SELECT ctid FROM \(table) WHERE \(condition) LIMIT 1000 FOR UPDATE SKIP LOCKED))
            RETURNING true
            """, .double(instant.timeIntervalSince1970))
    }
}
