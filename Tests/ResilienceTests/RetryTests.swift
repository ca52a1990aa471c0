import Resilience
import Testing

@Suite struct RetryTests {
    let start = ContinuousClock.now

    @Test("full jitter from 100 ms, doubling, capped at 2 s, three tries (R7)")
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

    @Test("retries are a tenth of the tries, or three a second, over any ten seconds (R8)")
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
}
