/// A key of a ``ReadCache``: whose the answer is, and what it is about.
package protocol ReadCacheKey: Hashable, Sendable {
    associatedtype Owner: Hashable & Sendable
    associatedtype Topic: Hashable & Sendable
    var owner: Owner { get }
    var topic: Topic { get }
}

/// Answers that were read a moment ago, bounded in bytes, and per owner: answers save calls while they are fresh, and
/// stand in while a call fails.
///
/// One owner's answers never take more than a share, whatever keys its client makes up; what no longer fits makes the
/// owner's oldest answers go, and only then the oldest of all.
package struct ReadCache<Key: ReadCacheKey, Value: Sendable>: Sendable {
    private struct Entry {
        let value: Value
        /// Its number in its owner's line.
        let number: Int
        /// Bytes that it is taken to use.
        let cost: Int
        let readAt: ContinuousClock.Instant
        let freshUntil: ContinuousClock.Instant
        let keptUntil: ContinuousClock.Instant
    }

    /// An owner's keys, the oldest first; those before `head`, and those whose number is another one, are gone.
    private struct Line {
        var keys: [(key: Key, number: Int)] = []
        var head = 0
        var count = 0
        var cost = 0
    }

    private var entries: [Key: Entry] = [:]
    private var lines: [Key.Owner: Line] = [:]
    private var topics: [Key.Topic: Set<Key>] = [:]
    private var number = 0
    package private(set) var cost = 0
    private let budget: Int
    private let share: Int

    /// What an entry costs besides its value: keys, dates, and places in the tables.
    package static var overhead: Int { 512 }

    /// - Parameters:
    ///   - budget: Bytes of all answers.
    ///   - share: Bytes of one owner's answers; larger ones are not kept.
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
    ///   - size: The value's bytes.
    ///   - fresh: How long it is as good as a new one.
    ///   - stale: How long after that it may still be shown when a new one cannot be read.
    package mutating func keep(
        _ value: Value, for key: Key, size: Int, fresh: Duration, stale: Duration, at now: ContinuousClock.Instant
    ) {
        remove(key)
        let cost = size + Self.overhead
        guard cost <= share else { return }
        while let line = lines[key.owner], line.cost + cost > share, let oldest = oldest(of: key.owner) {
            remove(oldest)
        }
        if self.cost + cost > budget { makeRoom(for: cost, at: now) }
        number += 1
        entries[key] = Entry(
            value: value, number: number, cost: cost, readAt: now, freshUntil: now + fresh,
            keptUntil: now + fresh + stale)
        lines[key.owner, default: Line()].keys.append((key, number))
        lines[key.owner]?.count += 1
        lines[key.owner]?.cost += cost
        topics[key.topic, default: []].insert(key)
        self.cost += cost
    }

    /// Forgets all that is about `topic`.
    package mutating func forget(_ topic: Key.Topic) {
        for key in topics[topic] ?? [] { remove(key) }
    }

    private mutating func oldest(of owner: Key.Owner) -> Key? {
        while let line = lines[owner], line.head < line.keys.count {
            let (key, number) = line.keys[line.head]
            if entries[key]?.number == number { return key }
            lines[owner]?.head += 1
        }
        return nil
    }

    private mutating func remove(_ key: Key) {
        guard let entry = entries.removeValue(forKey: key) else { return }
        cost -= entry.cost
        topics[key.topic]?.remove(key)
        if topics[key.topic]?.isEmpty == true { topics[key.topic] = nil }
        lines[key.owner]?.count -= 1
        lines[key.owner]?.cost -= entry.cost
        guard let line = lines[key.owner] else { return }
        if line.count == 0 {
            lines[key.owner] = nil
        } else if line.keys.count > 64 + 2 * line.count {
            // Now and then, so that each removal costs little.
            lines[key.owner]?.keys = line.keys.dropFirst(line.head).filter { entries[$0.key]?.number == $0.number }
            lines[key.owner]?.head = 0
        }
    }

    /// What is past its use goes first, then the oldest tenth, so that the next ones find room, too.
    private mutating func makeRoom(for cost: Int, at now: ContinuousClock.Instant) {
        for (key, entry) in entries where now >= entry.keptUntil { remove(key) }
        guard self.cost + cost > budget else { return }
        let target = budget - max(cost, budget / 10)
        for (key, _) in entries.sorted(by: { $0.value.readAt < $1.value.readAt }) {
            guard self.cost > target else { return }
            remove(key)
        }
    }
}
