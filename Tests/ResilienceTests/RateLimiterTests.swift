import Resilience
import Testing

@Suite struct RateLimiterTests {
    let start = ContinuousClock.now

    @Test func `a bucket empties, and refills steadily over its period`() {
        var limiter = RateLimiter(RateLimit(count: 3, period: .seconds(60)), capacity: 10)
        let burst = (0..<4).map { _ in limiter.take("a", at: start) }
        #expect(burst.map(\.isAllowed) == [true, true, true, false])
        #expect(burst.map(\.remaining) == [2, 1, 0, 0])
        #expect(burst[3].wait.wholeSeconds == 20)
        let later = [19, 20, 20, 100].map { limiter.take("a", at: start + .seconds($0)).isAllowed }
        #expect(later == [false, true, false, true])
        let other = limiter.take("b", at: start)
        #expect(other.isAllowed)
    }

    @Test("memory is bounded for any number of keys, and the emptiest buckets are kept (S15)")
    func S15() {
        var limiter = RateLimiter(RateLimit(count: 2, period: .seconds(60)), capacity: 100)
        for _ in 0..<2 { _ = limiter.take(-1, at: start) }
        for key in 0..<10_000 { _ = limiter.take(key, at: start) }
        let again = limiter.take(-1, at: start)
        #expect(!again.isAllowed)
    }
}
