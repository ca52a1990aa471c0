package import Core
package import FoundationEssentials
import Keys
package import Sessions

extension PostgresStore: Outbox {
    package func put(_ events: [NewEvent]) async throws(BFFError) {
        try await ask { [keys] (link) throws(PostgresError) in
            _ = try link.run(
                [PostgresStatement("BEGIN")] + PostgresEvent.put(events, keys) + [PostgresStatement("COMMIT")])
        }
    }

    package func take(
        dueAt instant: Date, leasedUntil lease: Date, limit: Int, besides inFlight: [Subject]
    ) async throws(BFFError) -> [OutgoingEvent] {
        try await ask { [keys, quarantine] (link) throws(PostgresError) in
            let rows = try link.run([
                PostgresEvent.take(dueAt: instant, leasedUntil: lease, limit: limit, besides: inFlight)
            ])[0]
            let isBefore = { (one: PostgresRow, other: PostgresRow) in
                (one.double("was_due") ?? 0, one.int("number") ?? 0)
                    < (other.double("was_due") ?? 0, other.int("number") ?? 0)
            }
            var events: [OutgoingEvent] = []
            var unreadable: [PostgresStatement] = []
            for row in rows.sorted(by: isBefore) {
                if let event = try? row.event().event(leasedUntil: lease, keys) {
                    events.append(event)
                } else {
                    quarantine.add("event", row.text("id") ?? "")
                    // Another node may have the key of a row whose key is not known here.
                    unreadable.append(
                        keys.isForeign(row.bytes("data") ?? [])
                            ? PostgresEvent.setAside(row.int("number"), until: lease + Quarantine.foreignKeyPause)
                            : PostgresEvent.bury(row.int("number")))
                }
            }
            if !unreadable.isEmpty { _ = try link.run(unreadable) }
            return events
        }
    }

    package func settle(_ deliveries: [Delivery]) async throws(BFFError) {
        try await ask { (link) throws(PostgresError) in
            // In one order by all, so that there is no deadlock.
            let statements = deliveries.sorted { $0.id.text < $1.id.text }.map(PostgresEvent.settle)
            _ = try link.run([PostgresStatement("BEGIN")] + statements + [PostgresStatement("COMMIT")])
        }
    }

    package func replay(since instant: Date, at now: Date) async throws(BFFError) -> Int {
        try await ask { (link) throws(PostgresError) in
            try link.run([PostgresEvent.replay(since: instant, at: now)], within: Self.longLimit)[0].first?.int("count")
                ?? 0
        }
    }

    package func events(limit: Int) async throws(BFFError) -> [KeptEvent] {
        try await ask { [keys, quarantine] (link) throws(PostgresError) in
            try link.run([PostgresEvent.youngest(limit)], within: Self.longLimit)[0].compactMap { row in
                let kept = try? row.event().kept(
                    dueAt: row.double("due_at"), deliveredAt: row.double("delivered_at"), answer: row.text("answer"),
                    keys)
                if kept == nil { quarantine.add("event", row.text("id") ?? "") }
                return kept
            }
        }
    }

    package func eventCounts() async throws(BFFError) -> EventCounts {
        try await ask { (link) throws(PostgresError) in
            let row = try link.run([PostgresEvent.counts], within: Self.longLimit)[0].first
            return EventCounts(pending: row?.int("pending") ?? 0, dead: row?.int("dead") ?? 0)
        }
    }
}
