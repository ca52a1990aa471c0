/// What was read a moment ago, so that it need not be asked for again, and what to show when asking fails.
package struct ReadCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry {
        let value: Value
        let readAt: ContinuousClock.Instant
        let freshUntil: ContinuousClock.Instant
        let keptUntil: ContinuousClock.Instant
    }
    private var entries: [Key: Entry] = [:]
    private let capacity: Int
    /// Changes whenever something is forgotten; a read that began before must not bring it back.
    package private(set) var generation = 0

    package init(capacity: Int) {
        self.capacity = capacity
    }

    /// A value and how long ago it was read.
    package struct Found: Sendable {
        package let value: Value
        package let age: Duration
    }

    /// The value, while it is fresh.
    package func fresh(_ key: Key, at now: ContinuousClock.Instant) -> Found? {
        entries[key].flatMap { now < $0.freshUntil ? Found(value: $0.value, age: $0.readAt.duration(to: now)) : nil }
    }

    /// The value, as long as it may stand in for one that cannot be read.
    package func stale(_ key: Key, at now: ContinuousClock.Instant) -> Found? {
        entries[key].flatMap { now < $0.keptUntil ? Found(value: $0.value, age: $0.readAt.duration(to: now)) : nil }
    }

    /// Keeps a value.
    /// - Parameters:
    ///   - fresh: How long it is as good as a new one.
    ///   - stale: How long after that it may still be shown when a new one cannot be had.
    ///   - began: The cache's generation when the read began.
    package mutating func keep(
        _ value: Value, for key: Key, fresh: Duration, stale: Duration, began: Int, at now: ContinuousClock.Instant
    ) {
        guard began == generation else { return }
        if entries.count >= capacity, entries[key] == nil { makeRoom(at: now) }
        entries[key] = Entry(value: value, readAt: now, freshUntil: now + fresh, keptUntil: now + fresh + stale)
    }

    /// Forgets what `isGone` says.
    package mutating func forget(where isGone: (Key) -> Bool) {
        generation += 1
        entries = entries.filter { !isGone($0.key) }
    }

    /// What is past its use goes first, then the oldest tenth.
    private mutating func makeRoom(at now: ContinuousClock.Instant) {
        entries = entries.filter { now < $0.value.keptUntil }
        guard entries.count >= capacity else { return }
        let oldest = entries.sorted { $0.value.readAt < $1.value.readAt }.prefix(max(1, capacity / 10))
        for (key, _) in oldest { entries[key] = nil }
    }
}
