import Core
import Resilience

/// Whether a call may be made, and whether one that failed is made again: every rule about upstream's health, without
/// a socket or a clock.
struct CallPolicy: Sendable {
    private var breakers: [Operation.Host: CircuitBreaker]
    private var throttles: [Operation.Host: Throttle]
    private var bulkheads: [Operation.Lane: Bulkhead]
    private var budget: RetryBudget
    private let schedule = RetrySchedule(attempts: 3, base: .milliseconds(100), cap: .seconds(2))

    init(epoch: ContinuousClock.Instant) {
        let hosts = Operation.Host.allCases
        breakers = Dictionary(uniqueKeysWithValues: hosts.map { ($0, CircuitBreaker()) })
        throttles = Dictionary(uniqueKeysWithValues: hosts.map { ($0, Throttle(epoch: epoch)) })
        bulkheads = Dictionary(uniqueKeysWithValues: Operation.Lane.allCases.map { ($0, Bulkhead(limit: $0.places)) })
        budget = RetryBudget(epoch: epoch)
    }

    /// How one try ended, as far as it matters here.
    enum Result: Equatable {
        /// Upstream works, whatever it answered.
        case answered
        /// Upstream asked to slow down, with 429.
        case limited(retryAfter: Int?)
        /// No connection came about, so nothing was sent.
        case notConnected
        /// Upstream broke: a 5xx, a torn or senseless answer, or none in time.
        case broken
        /// Whoever wanted the answer left.
        case abandoned
    }

    enum Next: Equatable {
        case done
        case tryAgain(after: Duration)
    }

    /// Asks for one try; each that passes is followed by exactly one ``finish(_:attempt:_:at:jitter:left:)``.
    /// - Parameter attempt: 1 for the first.
    /// - Throws: `overloaded`, `upstreamUnavailable` or `upstreamLimited`; nothing was sent then.
    mutating func start(
        _ operation: Operation, attempt: Int, at now: ContinuousClock.Instant
    ) throws(BFFError) {
        guard bulkheads[operation.lane]?.enter() == true else { throw .overloaded }
        if let wait = throttles[operation.host]?.admit(at: now) {
            bulkheads[operation.lane]?.leave()
            throw .upstreamLimited(retryAfter: max(1, wait.wholeSeconds))
        }
        if case .refuse(let wait) = breakers[operation.host]?.admit(at: now) {
            bulkheads[operation.lane]?.leave()
            throw .upstreamUnavailable(retryAfter: max(1, wait.wholeSeconds))
        }
        if attempt == 1 { budget.tried(at: now) }
    }

    /// Takes note of how a try ended.
    /// - Parameters:
    ///   - jitter: From 0 up to, not including, 1.
    ///   - left: What is left of the operation's deadline.
    mutating func finish(
        _ operation: Operation, attempt: Int, _ result: Result, at now: ContinuousClock.Instant, jitter: Double,
        left: Duration
    ) -> Next {
        bulkheads[operation.lane]?.leave()
        switch result {
        case .answered: breakers[operation.host]?.succeeded(at: now)
        case .notConnected, .broken: breakers[operation.host]?.failed(at: now, jitter: jitter)
        case .abandoned: breakers[operation.host]?.abandoned(at: now)
        case .limited(let retryAfter):
            breakers[operation.host]?.abandoned(at: now)
            throttles[operation.host]?.complained(retryAfter: retryAfter, at: now)
        }
        let mayRepeat =
            switch (result, operation.retries) {
            case (.notConnected, _), (.broken, .always): true
            default: false
            }
        guard mayRepeat, let wait = schedule.wait(after: attempt, jitter: jitter), wait < left,
            budget.takeRetry(at: now)
        else { return .done }
        return .tryAgain(after: wait)
    }

    // MARK: - What operators see

    func isOpen(_ host: Operation.Host) -> Bool {
        if case .closed = breakers[host]?.state ?? .closed { false } else { true }
    }

    func retriesLeft(at now: ContinuousClock.Instant) -> Int { budget.left(at: now) }
}
