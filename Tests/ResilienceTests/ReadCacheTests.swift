import Resilience
import Testing

@Suite struct ReadCacheTests {
    private struct Key: ReadCacheKey {
        let owner: String
        let topic: Int
    }
    private typealias Cache = ReadCache<Key, String>
    let start = ContinuousClock.now

    private func cache(entries: Int, share: Int) -> Cache {
        // Each value of the tests takes 488 bytes.
        Cache(budget: entries * 1000, share: share * 1000)
    }

    private func keep(
        _ topic: Int, of owner: String = "alice", fresh: Double = 100, in cache: inout Cache, at seconds: Double = 0
    ) {
        cache.insert(
            "\(topic)", for: Key(owner: owner, topic: topic), size: 1000 - Cache.overhead, fresh: .seconds(fresh),
            stale: .seconds(60), at: start + .seconds(seconds))
    }

    private func has(_ topic: Int, of owner: String = "alice", _ cache: Cache, at seconds: Double = 2) -> Bool {
        cache.fresh(Key(owner: owner, topic: topic), at: start + .seconds(seconds)) != nil
    }

    @Test func `a value is fresh, then stale, then gone`() {
        var cache = cache(entries: 10, share: 10)
        keep(1, fresh: 10, in: &cache)
        let key = Key(owner: "alice", topic: 1)
        #expect(cache.fresh(key, at: start + .seconds(9))?.value == "1")
        #expect(cache.fresh(key, at: start + .seconds(10)) == nil)
        #expect(cache.stale(key, at: start + .seconds(69))?.age == .seconds(69))
        #expect(cache.stale(key, at: start + .seconds(70)) == nil)
        #expect(cache.stale(Key(owner: "bob", topic: 1), at: start) == nil)
    }

    @Test func `bytes are bounded: unusable answers are evicted first, then the oldest (I4)`() {
        var cache = cache(entries: 10, share: 100)
        for key in 0..<10 { keep(key, fresh: key == 5 ? -59 : 100, in: &cache, at: Double(key) / 1000) }
        keep(10, in: &cache, at: 2)
        #expect(cache.stale(Key(owner: "alice", topic: 5), at: start) == nil)
        #expect(has(0, cache))
        keep(11, in: &cache, at: 2)
        #expect(!has(0, cache))
        #expect(cache.cost <= 10_000)
        #expect(cache.count == 10)
    }

    @Test func `one owner takes at most its share, whatever keys it makes up (I4)`() {
        var cache = cache(entries: 100, share: 10)
        for key in 0..<50 { keep(key, of: "user \(key)", in: &cache) }
        for key in 1000..<3000 { keep(key, of: "mallory", in: &cache, at: 1) }
        #expect((0..<50).allSatisfy { has($0, of: "user \($0)", cache) })
        #expect(cache.cost == 60_000)
        #expect((2990..<3000).allSatisfy { has($0, of: "mallory", cache) })
    }

    @Test func `a value larger than a share is not cached, and evicts none (I4)`() {
        var cache = cache(entries: 100, share: 10)
        keep(1, in: &cache)
        cache.insert(
            "big", for: Key(owner: "alice", topic: 2), size: 10_000, fresh: .seconds(9), stale: .zero, at: start)
        #expect(!has(2, cache, at: 0))
        #expect(has(1, cache))
    }

    @Test func `an invalidated answer costs nothing`() {
        var cache = cache(entries: 10, share: 10)
        for key in 0..<5 { keep(key, in: &cache) }
        for _ in 0..<3 { keep(0, in: &cache) }
        for topic in 1..<5 { cache.invalidate(topic) }
        #expect(cache.cost == 1000)
        cache.invalidate(0)
        #expect(cache.cost == 0)
    }

    @Test func `an owner whose answers are invalidated at random keeps the newest within its share`() {
        var cache = cache(entries: 1000, share: 50)
        var random = SystemRandomNumberGenerator()
        var kept: [Int] = []
        for number in 0..<5000 {
            keep(number, in: &cache)
            kept.append(number)
            if kept.count > 50 { kept.removeFirst() }
            if number.isMultiple(of: 3), let topic = kept.randomElement(using: &random) {
                cache.invalidate(topic)
                kept.removeAll { $0 == topic }
            }
            guard number.isMultiple(of: 97) else { continue }
            #expect(cache.count == kept.count)
            #expect(kept.allSatisfy { has($0, cache) })
        }
    }
}
