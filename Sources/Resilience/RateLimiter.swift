/// So many in a period, as a bucket that refills steadily.
package struct RateLimit: Hashable, Sendable {
    /// The bucket's size.
    package let count: Int
    package let period: Duration

    package init(count: Int, period: Duration) {
        self.count = count
        self.period = period
    }
}

/// A token bucket for each key, in bounded memory however many keys come.
package struct RateLimiter<Key: Hashable & Sendable>: Sendable {
    package let limit: RateLimit
    private let capacity: Int
    private var buckets: [Key: Bucket] = [:]

    private struct Bucket {
        var tokens: Double
        var filledAt: ContinuousClock.Instant
    }

    /// What was decided about one request, and what to tell its sender.
    package struct Decision: Equatable, Sendable {
        package let isAllowed: Bool
        /// Requests that would pass now.
        package let remaining: Int
        /// Until one more passes; zero when one does.
        package let wait: Duration
    }

    /// - Parameter capacity: Keys that are remembered.
    package init(_ limit: RateLimit, capacity: Int) {
        self.limit = limit
        self.capacity = capacity
    }

    /// Takes one token of `key`.
    package mutating func take(_ key: Key, at now: ContinuousClock.Instant) -> Decision {
        if buckets[key] == nil, buckets.count >= capacity { makeRoom(at: now) }
        var bucket = buckets[key] ?? Bucket(tokens: Double(limit.count), filledAt: now)
        bucket.tokens = filled(bucket, at: now)
        bucket.filledAt = now
        let isAllowed = bucket.tokens >= 1
        if isAllowed { bucket.tokens -= 1 }
        buckets[key] = bucket
        let missing = max(0, 1 - bucket.tokens)
        return Decision(
            isAllowed: isAllowed, remaining: Int(bucket.tokens), wait: limit.period * (missing / Double(limit.count)))
    }

    private func filled(_ bucket: Bucket, at now: ContinuousClock.Instant) -> Double {
        let share = bucket.filledAt.duration(to: now) / limit.period
        return min(Double(limit.count), bucket.tokens + share * Double(limit.count))
    }

    /// Full buckets say nothing and go first; then the fullest tenth, whose owners lose the least by starting anew.
    private mutating func makeRoom(at now: ContinuousClock.Instant) {
        buckets = buckets.filter { filled($0.value, at: now) < Double(limit.count) }
        guard buckets.count >= capacity else { return }
        let fullest = buckets.sorted { filled($0.value, at: now) > filled($1.value, at: now) }
        for (key, _) in fullest.prefix(max(1, capacity / 10)) { buckets[key] = nil }
    }
}

extension Duration {
    /// Rounded up, for `Retry-After`.
    package var wholeSeconds: Int {
        Int(components.seconds) + (components.attoseconds > 0 ? 1 : 0)
    }
}
