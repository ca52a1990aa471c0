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
        cache.keep(
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

    @Test func `bytes are bounded: what is past its use goes first, then the oldest (I4)`() {
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

    @Test func `one owner takes a share, whatever keys it makes up, and nothing of the others (I4)`() {
        var cache = cache(entries: 100, share: 10)
        for key in 0..<50 { keep(key, of: "user \(key)", in: &cache) }
        for key in 1000..<3000 { keep(key, of: "mallory", in: &cache, at: 1) }
        #expect((0..<50).allSatisfy { has($0, of: "user \($0)", cache) })
        #expect(cache.cost == 60_000)
        #expect((2990..<3000).allSatisfy { has($0, of: "mallory", cache) })
    }

    @Test func `a value that is larger than a share is not kept, and replaces none (I4)`() {
        var cache = cache(entries: 100, share: 10)
        keep(1, in: &cache)
        cache.keep(
            "big", for: Key(owner: "alice", topic: 2), size: 10_000, fresh: .seconds(9), stale: .zero, at: start)
        #expect(!has(2, cache, at: 0))
        #expect(has(1, cache))
    }

    @Test func `what is forgotten costs nothing any more`() {
        var cache = cache(entries: 10, share: 10)
        for key in 0..<5 { keep(key, in: &cache) }
        for _ in 0..<3 { keep(0, in: &cache) }
        for topic in 1..<5 { cache.forget(topic) }
        #expect(cache.cost == 1000)
        cache.forget(0)
        #expect(cache.cost == 0)
    }

    @Test func `an owner whose answers are forgotten at random keeps its newest within its share`() {
        var cache = cache(entries: 1000, share: 50)
        var random = SystemRandomNumberGenerator()
        var kept: [Int] = []
        for number in 0..<5000 {
            keep(number, in: &cache)
            kept.append(number)
            if kept.count > 50 { kept.removeFirst() }
            if number.isMultiple(of: 3), let topic = kept.randomElement(using: &random) {
                cache.forget(topic)
                kept.removeAll { $0 == topic }
            }
            guard number.isMultiple(of: 97) else { continue }
            #expect(cache.count == kept.count && kept.allSatisfy { has($0, cache) })
        }
    }
}

@Suite struct DesertedFlightTests {
    @Test("R14: work that nobody waits for any more is given up, where that is wanted", arguments: [true, false])
    func R14(stops: Bool) async {
        let flight = SingleFlight<Int, Int>(stopsWhenDeserted: stops)
        let (ended, end) = AsyncStream<Bool>.makeStream()
        let (started, start) = AsyncStream<Void>.makeStream()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let waiter = Task {
            await flight.value(for: 1) {
                start.yield()
                for await _ in gate {}
                end.yield(Task.isCancelled)
                return 1
            }
        }
        for await _ in started { break }
        waiter.cancel()
        #expect(await waiter.value == nil)
        if !stops { open.finish() }
        for await wasCancelled in ended {
            #expect(wasCancelled == stops)
            break
        }
    }
}
