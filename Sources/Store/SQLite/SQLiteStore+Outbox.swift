package import Core
package import FoundationEssentials
import GRDB
package import Sessions

extension SQLiteStore: Outbox {
    package func put(_ events: [NewEvent]) async throws(BFFError) {
        try await write { [keys] db in
            for event in events { try EventRow.put(event, keys, db) }
        }
    }

    package func take(
        dueAt instant: Date, leasedUntil lease: Date, limit: Int, besides inFlight: [Subject]
    ) async throws(BFFError) -> [OutgoingEvent] {
        guard try await read({ try EventRow.isAnyDue($0, at: instant) }) else { return [] }
        return try await write { [keys, quarantine] db in
            try EventRow.take(
                dueAt: instant, leasedUntil: lease, limit: limit, besides: inFlight, keys, quarantine, db)
        }
    }

    package func settle(_ deliveries: [Delivery]) async throws(BFFError) {
        try await write { db in
            for delivery in deliveries { try EventRow.settle(delivery, db) }
        }
    }

    package func replay(since instant: Date, at now: Date) async throws(BFFError) -> Int {
        try await write { db in try EventRow.replay(since: instant, at: now, db) }
    }

    package func events(limit: Int) async throws(BFFError) -> [KeptEvent] {
        try await read { [keys, quarantine] db in try EventRow.youngest(limit, keys, quarantine, db) }
    }

    package func eventCounts() async throws(BFFError) -> EventCounts {
        try await read { db in try EventRow.counts(db) }
    }
}
