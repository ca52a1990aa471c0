import Core
import FoundationEssentials

/// Follows sessions that no request reads: polls Flatpeak when a session is due, and publishes states that come with
/// time alone.
struct SessionPoller: Sendable {
    let cache: SessionCache
    let outcomes: OutcomeResolver
    let now: @Sendable () -> Date

    /// Sessions that are leased at a time, and polls in flight: few, so that users find free slots for Flatpeak.
    private static let batch = 16
    private static let concurrency = 4
    /// How long a leased session is leased to no other process, in seconds: longer than polling a batch can take.
    private static let lease: TimeInterval = 120
    /// Sessions whose timed change is published in one write.
    private static let publishedBatch = 500

    /// Polls Flatpeak about sessions whose ``ConnectSession/nextPoll`` has come: resolves the session of a customer who
    /// closed the app before the callback, and follows a pending connection to its end, over restarts.
    func pollDueSessions() async {
        while await pollBatch() == Self.batch, !Task.isCancelled {}
    }

    /// - Returns: How many sessions were due.
    private func pollBatch() async -> Int {
        let now = now(), generation = cache.generation
        let due = try? await cache.withStore { store throws(BFFError) in
            try await store.leaseDue(at: now, limit: Self.batch, until: now + Self.lease)
        }
        // The store may lag behind the cache.
        let sessions = (due ?? []).map { cache.refresh($0, readGeneration: generation) }.filter {
            $0.nextPoll.map { $0 <= now } ?? false
        }
        await withTaskGroup(of: Void.self) { group in
            for (index, session) in sessions.enumerated() {
                if index >= Self.concurrency { await group.next() }
                group.addTask { [outcomes] in _ = await outcomes.resolveOutcome(of: session) }
            }
        }
        return due?.count ?? 0
    }

    /// Publishes the events of sessions whose state changed by time alone.
    func publishTimedChanges() async {
        let now = now()
        var published: Int?
        repeat {
            published = try? await cache.withStore { store throws(BFFError) in
                try await store.publishTimedChanges(at: now, limit: Self.publishedBatch)
            }
        } while published == Self.publishedBatch
    }
}
