import Resilience
import Testing

@Suite struct CircuitBreakerTests {
    let start = ContinuousClock.now

    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    @Test("five consecutive failures open the breaker, with a time to retry (R10)")
    func fiveInARow() {
        var breaker = CircuitBreaker()
        for second in 0..<4 { breaker.failed(at: at(Double(second)), jitter: 0) }
        do { let admission = breaker.admit(at: at(4)); #expect(admission == .pass) }
        breaker.failed(at: at(4), jitter: 0)
        #expect(breaker.state == .open(until: at(9)))
        do { let admission = breaker.admit(at: at(5)); #expect(admission == .refuse(retryAfter: .seconds(4))) }
    }

    @Test("failures of half of twenty calls within ten seconds open the breaker, in any order (R10)")
    func halfOfTwenty() {
        var breaker = CircuitBreaker()
        for call in 0..<19 {
            let instant = at(Double(call) * 0.5)
            if call.isMultiple(of: 2) { breaker.failed(at: instant, jitter: 0) } else { breaker.succeeded(at: instant) }
        }
        #expect(breaker.state == .closed)
        breaker.failed(at: at(9.5), jitter: 0)
        #expect(breaker.state == .open(until: at(14.5)))
    }

    @Test func `failures far apart do not add up`() {
        var breaker = CircuitBreaker()
        for call in 0..<200 {
            let instant = at(Double(call) * 3)
            if call.isMultiple(of: 2) { breaker.failed(at: instant, jitter: 0) } else { breaker.succeeded(at: instant) }
        }
        #expect(breaker.state == .closed)
    }

    @Test("one probe closes the breaker or opens it again, for longer each time, up to 30 s (R10)")
    func probing() {
        var breaker = CircuitBreaker()
        for _ in 0..<5 { breaker.failed(at: at(0), jitter: 0.999) }
        var now = start
        var lengths: [Int64] = []
        for _ in 0..<5 {
            guard case .open(let until) = breaker.state else {
                Issue.record("not open")
                return
            }
            lengths.append((now.duration(to: until) + .milliseconds(500)).components.seconds)
            now = until
            let admissions = [breaker.admit(at: now), breaker.admit(at: now)]
            #expect(admissions == [.pass, .refuse(retryAfter: .seconds(1))])
            breaker.failed(at: now, jitter: 0.999)
        }
        #expect(lengths == [10, 20, 30, 30, 30])
        do { let admission = breaker.admit(at: now + .seconds(60)); #expect(admission == .pass) }
        breaker.succeeded(at: now + .seconds(60))
        #expect(breaker.state == .closed)
    }

    @Test func `an abandoned probe makes way for the next one`() {
        var breaker = CircuitBreaker()
        for _ in 0..<5 { breaker.failed(at: at(0), jitter: 0) }
        do { let admission = breaker.admit(at: at(5)); #expect(admission == .pass) }
        breaker.abandoned(at: at(6))
        do { let admission = breaker.admit(at: at(6)); #expect(admission == .pass) }
    }

    @Test func `ignores the results of calls that began before the breaker opened`() {
        var breaker = CircuitBreaker()
        for _ in 0..<5 { breaker.failed(at: at(0), jitter: 0) }
        breaker.succeeded(at: at(1))
        breaker.failed(at: at(1), jitter: 0)
        #expect(breaker.state == .open(until: at(5)))
    }
}
