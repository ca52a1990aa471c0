import Resilience
import Testing

@Suite struct AdaptiveRateLimiterTests {
    let start = ContinuousClock.now

    @Test("pauses as long as upstream asked, up to five minutes (R9)")
    func R9() {
        var limiter = AdaptiveRateLimiter(epoch: start)
        var waits = [limiter.admit(at: start)]
        limiter.upstreamLimited(retryAfter: 7, at: start)
        waits.append(limiter.admit(at: start + .seconds(3)))
        waits.append(limiter.admit(at: start + .seconds(7)))
        limiter.upstreamLimited(retryAfter: 100_000, at: start + .seconds(8))
        waits.append(limiter.admit(at: start + .seconds(8)))
        limiter.upstreamLimited(retryAfter: nil, at: start + .seconds(400))
        waits.append(limiter.admit(at: start + .seconds(400)))
        #expect(waits == [nil, .seconds(4), nil, .seconds(300), .seconds(1)])
    }

    @Test func `a few calls a second are not slowed down after the pause`() {
        var limiter = AdaptiveRateLimiter(epoch: start)
        _ = limiter.admit(at: start)
        limiter.upstreamLimited(retryAfter: 1, at: start)
        let waits = (0..<40).map { limiter.admit(at: start + .seconds(1) + .milliseconds(100 + $0 * 125)) }
        #expect(waits.allSatisfy { $0 == nil })
    }

    @Test("halves the rate after a 429, then raises it gradually, then lifts it (R24)")
    func R24() {
        var limiter = AdaptiveRateLimiter(epoch: start)
        for call in 0..<1000 { _ = limiter.admit(at: start + .milliseconds(call * 10)) }
        limiter.upstreamLimited(retryAfter: 1, at: start + .seconds(10))
        // Calls in flight get a 429 together; that counts as one.
        limiter.upstreamLimited(retryAfter: 1, at: start + .seconds(10))
        let passed = { (second: Int, limiter: inout AdaptiveRateLimiter) in
            (0..<1000).filter { limiter.admit(at: start + .seconds(second) + .milliseconds($0)) == nil }.count
        }
        let counts = [11, 12, 71].map { passed($0, &limiter) }
        #expect((40...65).contains(counts[0]))
        #expect((50...75).contains(counts[1]))
        #expect(counts[2] == 1000)
    }
}
