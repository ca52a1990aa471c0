/// A key of a ``ReadCache``, with the owner of the answer and its topic.
package protocol ReadCacheKey: Hashable, Sendable {
    associatedtype Owner: Hashable & Sendable
    associatedtype Topic: Hashable & Sendable
    var owner: Owner { get }
    var topic: Topic { get }
}

/// A cache of recent answers, bounded in bytes in total and per owner: fresh answers save calls, stale ones replace calls
/// that fail.
///
/// One owner's answers never take more than a share, whatever keys its client makes up. An answer that does not fit evicts
/// the owner's oldest ones, and only then the oldest of all.
package struct ReadCache<Key: ReadCacheKey, Value: Sendable>: Sendable {
    private struct Entry {
        let value: Value
        /// Its number in its owner's queue.
        let number: Int
        /// Bytes that it is assumed to use.
        let cost: Int
        let readAt: ContinuousClock.Instant
        let freshUntil: ContinuousClock.Instant
        let staleUntil: ContinuousClock.Instant
    }

    private struct OwnerQueue {
        var keys = InsertionQueue<Key>()
        var count = 0
        var cost = 0
    }

    private var entries: [Key: Entry] = [:]
    private var queues: [Key.Owner: OwnerQueue] = [:]
    private var topics: [Key.Topic: Set<Key>] = [:]
    package private(set) var cost = 0
    private let budget: Int
    private let share: Int

    /// Bytes of an entry besides its value: keys, dates, and its share of the tables.
    package static var overhead: Int { 512 }

    /// - Parameters:
    ///   - budget: Bytes of all answers.
    ///   - share: Bytes of one owner's answers; a larger answer is not cached.
    package init(budget: Int, share: Int) {
        self.budget = budget
        self.share = share
    }

    package var count: Int { entries.count }

    /// A value and how long ago it was read.
    package struct Found: Sendable {
        package let value: Value
        package let age: Duration
    }

    /// Returns the value while it is fresh.
    package func fresh(_ key: Key, at now: ContinuousClock.Instant) -> Found? {
        entries[key].flatMap { now < $0.freshUntil ? Found(value: $0.value, age: $0.readAt.duration(to: now)) : nil }
    }

    /// Returns the value as long as it may replace one that cannot be read.
    package func stale(_ key: Key, at now: ContinuousClock.Instant) -> Found? {
        entries[key].flatMap { now < $0.staleUntil ? Found(value: $0.value, age: $0.readAt.duration(to: now)) : nil }
    }

    /// Caches a value.
    /// - Parameters:
    ///   - size: The value's bytes.
    ///   - fresh: How long it is as good as a new one.
    ///   - stale: How long after that it may replace one that cannot be read.
    package mutating func insert(
        _ value: Value, for key: Key, size: Int, fresh: Duration, stale: Duration, at now: ContinuousClock.Instant
    ) {
        remove(key)
        let cost = size + Self.overhead
        guard cost <= share else { return }
        while let queue = queues[key.owner], queue.cost + cost > share, let oldest = oldest(of: key.owner) {
            remove(oldest)
        }
        if self.cost + cost > budget { evict(for: cost, at: now) }
        let number = queues[key.owner, default: OwnerQueue()].keys.append(key)
        entries[key] = Entry(
            value: value, number: number, cost: cost, readAt: now, freshUntil: now + fresh,
            staleUntil: now + fresh + stale)
        queues[key.owner]?.count += 1
        queues[key.owner]?.cost += cost
        topics[key.topic, default: []].insert(key)
        self.cost += cost
    }

    /// Removes all answers about `topic`.
    package mutating func invalidate(_ topic: Key.Topic) {
        for key in topics[topic] ?? [] { remove(key) }
    }

    private mutating func oldest(of owner: Key.Owner) -> Key? {
        queues[owner]?.keys.oldest { [entries] in entries[$0]?.number == $1 }
    }

    private mutating func remove(_ key: Key) {
        guard let entry = entries.removeValue(forKey: key) else { return }
        cost -= entry.cost
        topics[key.topic]?.remove(key)
        if topics[key.topic]?.isEmpty == true { topics[key.topic] = nil }
        queues[key.owner]?.count -= 1
        queues[key.owner]?.cost -= entry.cost
        guard let count = queues[key.owner]?.count else { return }
        if count == 0 {
            queues[key.owner] = nil
        } else {
            queues[key.owner]?.keys.compact(left: count) { [entries] in entries[$0]?.number == $1 }
        }
    }

    /// Evicts what is no longer usable, then the oldest tenth, so that the next answers fit, too.
    private mutating func evict(for cost: Int, at now: ContinuousClock.Instant) {
        for (key, entry) in entries where now >= entry.staleUntil { remove(key) }
        guard self.cost + cost > budget else { return }
        let target = budget - max(cost, budget / 10)
        for (key, _) in entries.sorted(by: { $0.value.readAt < $1.value.readAt }) {
            guard self.cost > target else { return }
            remove(key)
        }
    }
}
