import Resilience
import Testing

@Suite struct RetryTests {
    let start = ContinuousClock.now

    @Test("R7: full jitter from 100 ms, doubling, capped at 2 s, three tries")
    func R7() {
        let schedule = RetrySchedule(attempts: 3, base: .milliseconds(100), cap: .seconds(2))
        #expect(schedule.wait(after: 1, jitter: 0) == .zero)
        #expect(schedule.wait(after: 1, jitter: 0.5) == .milliseconds(50))
        #expect(schedule.wait(after: 2, jitter: 0.5) == .milliseconds(100))
        #expect(schedule.wait(after: 3, jitter: 0.5) == nil)
        let many = RetrySchedule(attempts: 100, base: .milliseconds(100), cap: .seconds(2))
        #expect(many.wait(after: 99, jitter: 1) == .seconds(2))
    }

    @Test func `a backoff doubles to its cap and starts again after a success`() {
        var backoff = Backoff(first: .seconds(1), cap: .seconds(60))
        let waits = (0..<8).map { _ in backoff.failed() }
        #expect(waits == [1, 2, 4, 8, 16, 32, 60, 60].map { Duration.seconds($0) })
        backoff.succeeded()
        #expect(backoff.failed() == .seconds(1))
    }

    @Test("R8: a tenth of the tries, or three a second, over any ten seconds")
    func R8() {
        var budget = RetryBudget(epoch: start)
        // Quiet: 30 retries in ten seconds whatever the load.
        let quiet = (0..<40).filter { _ in budget.takeRetry(at: start) }.count
        #expect(quiet == 30)
        #expect(budget.left(at: start + .seconds(9)) == 0)
        #expect(budget.left(at: start + .seconds(10)) == 30)
        // Busy: a tenth.
        for _ in 0..<5000 { budget.tried(at: start + .seconds(20)) }
        let busy = (0..<1000).filter { _ in budget.takeRetry(at: start + .seconds(21)) }.count
        #expect(busy == 500)
        #expect(budget.left(at: start + .seconds(29)) == 0)
        #expect(budget.left(at: start + .seconds(31)) == 30)
    }

    @Test func `a bulkhead has as many places as it has`() {
        var bulkhead = Bulkhead(limit: 2)
        let first = (0..<3).map { _ in bulkhead.enter() }
        #expect(first == [.entered, .entered, .full])
        bulkhead.leave()
        let next = bulkhead.enter()
        #expect(next == .entered)
    }

    @Test func `a caller has its share of a bulkhead (I18)`() {
        var bulkhead = Bulkhead(limit: 4, share: 2)
        let mallory = CallerKey("mallory"), alice = CallerKey("alice")
        let taken = (0..<3).map { _ in bulkhead.enter(mallory) }
        #expect(taken == [.entered, .entered, .shareTaken])
        let others = (0..<3).map { _ in bulkhead.enter(alice) }
        #expect(others == [.entered, .entered, .shareTaken])
        let own = bulkhead.enter()
        #expect(own == .full)
        bulkhead.leave(mallory)
        let again = bulkhead.enter(mallory)
        #expect(again == .entered)
    }

    @Test func `an alarm comes once a while`() {
        var alarm = OncePer(.seconds(60))
        let due = [0, 59, 60].map { alarm.isDue(at: start + .seconds($0)) }
        #expect(due == [true, false, true])
    }
}

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

    @Test("S15: however many keys come, the memory stays, and the emptiest buckets are kept")
    func S15() {
        var limiter = RateLimiter(RateLimit(count: 2, period: .seconds(60)), capacity: 100)
        for _ in 0..<2 { _ = limiter.take(-1, at: start) }
        for key in 0..<10_000 { _ = limiter.take(key, at: start) }
        let again = limiter.take(-1, at: start)
        #expect(!again.isAllowed)
    }
}

@Suite struct ThrottleTests {
    let start = ContinuousClock.now

    @Test("R9: never sooner than asked, up to five minutes")
    func R9() {
        var throttle = Throttle(epoch: start)
        var waits = [throttle.admit(at: start)]
        throttle.complained(retryAfter: 7, at: start)
        waits.append(throttle.admit(at: start + .seconds(3)))
        waits.append(throttle.admit(at: start + .seconds(7)))
        throttle.complained(retryAfter: 100_000, at: start + .seconds(8))
        waits.append(throttle.admit(at: start + .seconds(8)))
        throttle.complained(retryAfter: nil, at: start + .seconds(400))
        waits.append(throttle.admit(at: start + .seconds(400)))
        #expect(waits == [nil, .seconds(4), nil, .seconds(300), .seconds(1)])
    }

    @Test func `a few calls a second are not slowed down after the pause`() {
        var throttle = Throttle(epoch: start)
        _ = throttle.admit(at: start)
        throttle.complained(retryAfter: 1, at: start)
        let waits = (0..<40).map { throttle.admit(at: start + .seconds(1) + .milliseconds(100 + $0 * 125)) }
        #expect(waits.allSatisfy { $0 == nil })
    }

    @Test("R24: after a complaint half the rate, then gradually more, then no bound")
    func R24() {
        var throttle = Throttle(epoch: start)
        for call in 0..<1000 { _ = throttle.admit(at: start + .milliseconds(call * 10)) }
        throttle.complained(retryAfter: 1, at: start + .seconds(10))
        // Calls under way complain too; that is one complaint.
        throttle.complained(retryAfter: 1, at: start + .seconds(10))
        let passed = { (second: Int, throttle: inout Throttle) in
            (0..<1000).filter { throttle.admit(at: start + .seconds(second) + .milliseconds($0)) == nil }.count
        }
        let counts = [11, 12, 71].map { passed($0, &throttle) }
        #expect((40...65).contains(counts[0]))
        #expect((50...75).contains(counts[1]))
        #expect(counts[2] == 1000)
    }
}

@Suite struct SingleFlightTests {
    @Test func `a crowd does the work once, and one who leaves takes nothing along`() async {
        let flight = SingleFlight<Int, Int>()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let counter = Counted()
        let work: @Sendable () async -> Int = {
            await counter.increment()
            for await _ in gate {}
            return 7
        }
        let first = Task { await flight.value(for: 1, work) }
        while await counter.value == 0 { await Task.yield() }
        let others = (0..<100).map { _ in Task { await flight.value(for: 1, work) } }
        first.cancel()
        #expect(await first.value == nil)
        open.finish()
        for other in others { #expect(await other.value == 7) }
        #expect(await counter.value == 1)
    }

    private actor Counted {
        var value = 0
        func increment() { value += 1 }
    }
}
