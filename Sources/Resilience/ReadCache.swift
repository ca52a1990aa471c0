/// Answers that were read a moment ago, bounded in bytes, and per owner: answers save calls while they are fresh, and
/// stand in while a call fails.
///
/// One owner's answers never take more than a share, whatever keys its client makes up; what no longer fits makes the
/// owner's oldest answers go, and only then the oldest of all.
package struct ReadCache<Key: Hashable & Sendable, Owner: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry {
        let value: Value
        let owner: Owner
        /// Bytes that it is taken to use.
        let cost: Int
        let readAt: ContinuousClock.Instant
        let freshUntil: ContinuousClock.Instant
        let keptUntil: ContinuousClock.Instant
    }
    private var entries: [Key: Entry] = [:]
    /// The keys of each owner, the oldest first, and what they cost together.
    private var owners: [Owner: (keys: [Key], cost: Int)] = [:]
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
        _ value: Value, for key: Key, of owner: Owner, size: Int, fresh: Duration, stale: Duration,
        at now: ContinuousClock.Instant
    ) {
        remove(key)
        let cost = size + Self.overhead
        guard cost <= share else { return }
        while let own = owners[owner], own.cost + cost > share, let oldest = own.keys.first { remove(oldest) }
        if self.cost + cost > budget { makeRoom(for: cost, at: now) }
        entries[key] = Entry(
            value: value, owner: owner, cost: cost, readAt: now, freshUntil: now + fresh,
            keptUntil: now + fresh + stale)
        owners[owner, default: ([], 0)].keys.append(key)
        owners[owner]?.cost += cost
        self.cost += cost
    }

    /// Forgets what `isGone` says.
    package mutating func forget(where isGone: (Key) -> Bool) {
        for key in entries.keys where isGone(key) { remove(key) }
    }

    private mutating func remove(_ key: Key) {
        guard let entry = entries.removeValue(forKey: key) else { return }
        cost -= entry.cost
        // Nearly always the oldest, which is found at once.
        if let place = owners[entry.owner]?.keys.firstIndex(of: key) { owners[entry.owner]?.keys.remove(at: place) }
        owners[entry.owner]?.cost -= entry.cost
        if owners[entry.owner]?.keys.isEmpty == true { owners[entry.owner] = nil }
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
