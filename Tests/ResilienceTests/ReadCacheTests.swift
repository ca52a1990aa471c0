import Resilience
import Testing

@Suite struct ReadCacheTests {
    let start = ContinuousClock.now

    @Test func `a value is fresh, then stale, then gone`() {
        var cache = ReadCache<String, Int>(capacity: 10)
        cache.keep(1, for: "a", fresh: .seconds(10), stale: .seconds(60), began: 0, at: start)
        #expect(cache.fresh("a", at: start + .seconds(9))?.value == 1)
        #expect(cache.fresh("a", at: start + .seconds(10)) == nil)
        #expect(cache.stale("a", at: start + .seconds(69))?.age == .seconds(69))
        #expect(cache.stale("a", at: start + .seconds(70)) == nil)
        #expect(cache.stale("b", at: start) == nil)
    }

    @Test func `a read that began before something was forgotten does not bring it back`() {
        var cache = ReadCache<String, Int>(capacity: 10)
        let began = cache.generation
        cache.forget { $0 == "a" }
        cache.keep(1, for: "a", fresh: .seconds(10), stale: .zero, began: began, at: start)
        #expect(cache.fresh("a", at: start) == nil)
    }

    @Test func `the memory is bounded: what is past its use goes first, then the oldest`() {
        var cache = ReadCache<Int, Int>(capacity: 10)
        for key in 0..<10 {
            cache.keep(
                key, for: key, fresh: .seconds(key == 5 ? 1 : 100), stale: .zero, began: 0,
                at: start + .milliseconds(key))
        }
        cache.keep(10, for: 10, fresh: .seconds(100), stale: .zero, began: 0, at: start + .seconds(2))
        #expect(cache.fresh(5, at: start) == nil)
        #expect(cache.fresh(0, at: start + .seconds(2)) != nil)
        cache.keep(11, for: 11, fresh: .seconds(100), stale: .zero, began: 0, at: start + .seconds(2))
        #expect(cache.fresh(0, at: start + .seconds(2)) == nil)
        #expect((1...11).filter { cache.fresh($0, at: start + .seconds(2)) != nil }.count == 10)
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
