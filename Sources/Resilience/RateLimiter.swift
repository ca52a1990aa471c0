/// The rate of a token bucket.
package struct RateLimit: Hashable, Sendable {
    /// The size of the bucket, which refills in one period.
    package let count: Int
    package let period: Duration

    package init(count: Int, period: Duration) {
        self.count = count
        self.period = period
    }
}

/// A token bucket for each key, in bounded memory for any number of keys.
///
/// Keys are stored as 64-bit hashes with a seed of this process: the table takes little memory and time, and holds no
/// token or address. Two keys that collide share a bucket.
package struct RateLimiter: Sendable {
    private let capacity: Int
    /// The index of the bucket of each hash.
    private var slots: [Int: Int] = [:]
    private var buckets: Buckets

    /// The decision on one request, with the values for its response headers.
    package struct Decision: Equatable, Sendable {
        package let isAllowed: Bool
        /// Requests that would pass now.
        package let remaining: Int
        /// The time until the next request passes; zero when one passes now.
        package let wait: Duration
    }

    package var limit: RateLimit { buckets.limit }

    /// - Parameter capacity: Keys that are remembered.
    package init(_ limit: RateLimit, capacity: Int) {
        buckets = Buckets(limit)
        self.capacity = capacity
    }

    /// Takes one token of `key`.
    package mutating func take(_ key: some Hashable, at now: ContinuousClock.Instant) -> Decision {
        take(hash: key.hashValue, at: now)
    }

    private mutating func take(hash: Int, at now: ContinuousClock.Instant) -> Decision {
        let slot = slots[hash] ?? add(hash, at: now)
        let (tokens, isAllowed, wait) = buckets.take(slot, at: now)
        return Decision(isAllowed: isAllowed, remaining: tokens, wait: wait)
    }

    /// Whether a token of `key` would be refused now; takes none.
    package func isExhausted(_ key: some Hashable, at now: ContinuousClock.Instant) -> Bool {
        slots[key.hashValue].map { buckets.tokens($0, at: now) < 1 } ?? false
    }

    private mutating func add(_ hash: Int, at now: ContinuousClock.Instant) -> Int {
        if slots.count >= capacity { evict(at: now) }
        let slot = buckets.addFull(at: now)
        slots[hash] = slot
        return slot
    }

    /// Evicts full buckets, which hold no information, then the fullest tenth, whose keys gain the least by a new bucket.
    private mutating func evict(at now: ContinuousClock.Instant) {
        var kept = slots.filter { buckets.tokens($0.value, at: now) < Double(limit.count) }
        if kept.count >= capacity {
            let fullest = kept.sorted { buckets.tokens($0.value, at: now) > buckets.tokens($1.value, at: now) }
            for (hash, _) in fullest.prefix(max(1, capacity / 10)) { kept[hash] = nil }
        }
        let order = Array(kept)
        buckets.keep(order.map(\.value))
        slots = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1.key, $0) })
    }
}

/// The buckets of a ``RateLimiter`` in one array: changing a dictionary's value in place allocates, and every relayed call
/// takes a token.
private struct Buckets {
    let limit: RateLimit
    private var buckets: ContiguousArray<Bucket> = []

    private struct Bucket {
        var tokens: Double
        var filledAt: ContinuousClock.Instant
    }

    init(_ limit: RateLimit) {
        self.limit = limit
    }

    mutating func addFull(at now: ContinuousClock.Instant) -> Int {
        buckets.append(Bucket(tokens: Double(limit.count), filledAt: now))
        return buckets.count - 1
    }

    func tokens(_ slot: Int, at now: ContinuousClock.Instant) -> Double {
        let share = buckets[slot].filledAt.duration(to: now) / limit.period
        return min(Double(limit.count), buckets[slot].tokens + share * Double(limit.count))
    }

    mutating func take(
        _ slot: Int, at now: ContinuousClock.Instant
    ) -> (left: Int, isAllowed: Bool, wait: Duration) {
        var tokens = tokens(slot, at: now)
        let isAllowed = tokens >= 1
        if isAllowed { tokens -= 1 }
        buckets[slot] = Bucket(tokens: tokens, filledAt: now)
        let missing = 1 - tokens
        return (Int(tokens), isAllowed, missing > 0 ? limit.period * (missing / Double(limit.count)) : .zero)
    }

    /// Removes all other buckets, and puts these into this order.
    mutating func keep(_ slots: [Int]) {
        buckets = ContiguousArray(slots.map { buckets[$0] })
    }
}

extension Duration {
    /// Rounded up, for `Retry-After`.
    package var wholeSeconds: Int {
        // Nearly always zero, and `components` is a long division.
        self == .zero
            ? 0
            : self >= .seconds(Int32.max)
                ? Int(Int32.max) : Int(components.seconds) + (components.attoseconds > 0 ? 1 : 0)
    }
}
