import Core
import Resilience

/// Whether a call may be made, and whether one that failed is made again: every rule about upstream's health, without
/// a socket or a clock.
struct CallPolicy: Sendable {
    /// Each at the index of its host or lane: a dictionary's elements are changed by way of the heap.
    private var breakers: [CircuitBreaker]
    private var throttles: [Throttle]
    private var bulkheads: [Bulkhead]
    private var budget: RetryBudget
    private let schedule = RetrySchedule(attempts: 3, base: .milliseconds(100), cap: .seconds(2))

    init(epoch: ContinuousClock.Instant) {
        breakers = Operation.Host.allCases.map { _ in CircuitBreaker() }
        throttles = Operation.Host.allCases.map { _ in Throttle(epoch: epoch) }
        bulkheads = Operation.Lane.allCases.map { Bulkhead(limit: $0.places) }
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
        let host = operation.host.index
        let lane = operation.lane.index
        guard bulkheads[lane].enter() else { throw .overloaded }
        if let wait = throttles[host].admit(at: now) {
            bulkheads[lane].leave()
            throw .upstreamLimited(retryAfter: max(1, wait.wholeSeconds))
        }
        if case .refuse(let wait) = breakers[host].admit(at: now) {
            bulkheads[lane].leave()
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
        let host = operation.host.index
        bulkheads[operation.lane.index].leave()
        switch result {
        case .answered: breakers[host].succeeded(at: now)
        case .notConnected, .broken: breakers[host].failed(at: now, jitter: jitter)
        case .abandoned: breakers[host].abandoned(at: now)
        case .limited(let retryAfter):
            breakers[host].abandoned(at: now)
            throttles[host].complained(retryAfter: retryAfter, at: now)
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
        if case .closed = breakers[host.index].state { false } else { true }
    }

    func retriesLeft(at now: ContinuousClock.Instant) -> Int { budget.left(at: now) }
}

extension Operation.Host {
    /// The place in `allCases`.
    fileprivate var index: Int {
        switch self {
        case .api: 0
        case .connect: 1
        }
    }
}

extension Operation.Lane {
    /// The place in `allCases`.
    fileprivate var index: Int {
        switch self {
        case .login: 0
        case .mint: 1
        case .relay: 2
        case .reads: 3
        }
    }
}
