import Core
import Resilience

/// Decides whether a call may be made, and whether one that failed is made again: every rule about upstream's health,
/// without a socket or a clock.
///
/// A caller is whoever a call is made for. Breakers, slots, pauses and retries are shared by all, and each names what
/// one caller can cost the others (docs/decisions/0012-shared-protection.md).
struct CallPolicy: Sendable {
    /// Each at the index of its kind: a dictionary's elements are changed by way of the heap.
    private var breakers: [CircuitBreaker]
    private var limiters: [AdaptiveRateLimiter]
    private var bulkheads: [Bulkhead]
    private var budget: RetryBudget
    /// The last mint that was a probe: the next one is another caller's.
    private var mintProbe: (caller: CallerKey, at: ContinuousClock.Instant)?
    private let schedule = RetrySchedule(attempts: 3, base: .milliseconds(100), cap: .seconds(2))

    /// After so long the caller of the last probe may be the next one's, too: there may be no other.
    private static let longestProbePause = Duration.seconds(60)

    init(epoch: ContinuousClock.Instant) {
        breakers = Operation.Breaker.allCases.map { _ in CircuitBreaker() }
        limiters = Operation.Host.allCases.map { _ in AdaptiveRateLimiter(epoch: epoch) }
        bulkheads = Operation.BulkheadKind.allCases.map { Bulkhead(limit: $0.limit, share: $0.share) }
        budget = RetryBudget(epoch: epoch)
    }

    /// How one try ended, as far as it matters here.
    enum Result: Equatable {
        /// Upstream works, whatever it answered.
        case answered
        /// Upstream asked to slow down, with 429.
        case limited(retryAfter: Int?)
        /// There was no connection, so nothing was sent. That does not depend on the caller.
        case notConnected
        /// Upstream broke: a 5xx, a torn or senseless answer, or none in time.
        case broken
        /// The caller left, or does not read the answer.
        case abandoned
    }

    enum Next: Equatable {
        case done
        case tryAgain(after: Duration)
    }

    /// Asks for one try; each that passes is followed by exactly one
    /// ``finish(_:for:attempt:_:at:jitter:left:)``.
    /// - Parameters:
    ///   - caller: Nil for a call of the service's own.
    ///   - attempt: 1 for the first.
    /// - Throws: `overloaded`, `rateLimited`, `upstreamUnavailable` or `upstreamLimited`; nothing was sent then.
    mutating func start(
        _ operation: Operation, for caller: CallerKey? = nil, attempt: Int, at now: ContinuousClock.Instant
    ) throws(BFFError) {
        let bulkhead = operation.bulkhead.index
        switch bulkheads[bulkhead].tryAcquire(caller) {
        case .acquired: break
        case .full: throw .overloaded
        case .shareTaken: throw .rateLimited(retryAfter: 1)
        }
        do throws(BFFError) {
            try admit(operation, for: caller, isRetry: attempt > 1, at: now)
        } catch {
            bulkheads[bulkhead].release(caller)
            // The try before failed, and is the call's last one.
            if attempt > 1 { fail(operation, for: caller, isCallersDoing: true, at: now, jitter: 0.5) }
            throw error
        }
        if attempt == 1 { budget.tried(at: now) }
    }

    private mutating func admit(
        _ operation: Operation, for caller: CallerKey?, isRetry: Bool, at now: ContinuousClock.Instant
    ) throws(BFFError) {
        if let wait = limiters[operation.host.index].admit(at: now, by: caller) {
            throw .upstreamLimited(retryAfter: max(1, wait.wholeSeconds))
        }
        guard let breaker = operation.breaker else { return }
        if isRetry, breakers[breaker.index].isProbing(for: caller) { return }
        let mayProbe = breaker.probe == nil && (breaker != .mint || mayProbeMint(caller, at: now))
        let isProbe = breakers[breaker.index].state != .closed
        if case .refuse(let wait) = breakers[breaker.index].admit(at: now, by: caller, mayProbe: mayProbe) {
            throw .upstreamUnavailable(retryAfter: max(1, wait.wholeSeconds))
        }
        if isProbe, breaker == .mint, let caller { mintProbe = (caller, now) }
    }

    /// A caller whose mints always fail must not be the one who decides that no mint works.
    private func mayProbeMint(_ caller: CallerKey?, at now: ContinuousClock.Instant) -> Bool {
        guard let mintProbe, mintProbe.caller == caller else { return true }
        return mintProbe.at.duration(to: now) >= Self.longestProbePause
    }

    /// Takes note of how a try ended.
    /// - Parameters:
    ///   - jitter: From 0 up to, not including, 1.
    ///   - left: What is left of the operation's deadline.
    mutating func finish(
        _ operation: Operation, for caller: CallerKey? = nil, attempt: Int, _ result: Result,
        at now: ContinuousClock.Instant, jitter: Double, left: Duration
    ) -> Next {
        bulkheads[operation.bulkhead.index].release(caller)
        if case .limited(let retryAfter) = result {
            limiters[operation.host.index].upstreamLimited(retryAfter: retryAfter, at: now, by: caller)
        }
        let mayRepeat =
            switch (result, operation.retries) {
            case (_, .never): false
            case (.notConnected, _), (.broken, .always): true
            default: false
            }
        if mayRepeat, !isFailing(caller, operation, at: now), let wait = schedule.wait(after: attempt, jitter: jitter),
            wait < left, budget.takeRetry(at: now)
        {
            return .tryAgain(after: wait)
        }
        // A call counts once, with what its last try came to.
        switch result {
        case .answered: if let breaker = operation.breaker { breakers[breaker.index].succeeded(at: now) }
        case .notConnected, .broken:
            fail(operation, for: caller, isCallersDoing: result == .broken, at: now, jitter: jitter)
        case .limited, .abandoned:
            // Where the call may have been the probe.
            if let breaker = operation.breaker, breaker.probe == nil { breakers[breaker.index].abandoned(at: now) }
        }
        return .done
    }

    /// Whether the caller's calls fail anyway: retries of theirs would use up the budget of all.
    private func isFailing(_ caller: CallerKey?, _ operation: Operation, at now: ContinuousClock.Instant) -> Bool {
        guard let caller, let breaker = operation.breaker else { return false }
        return breakers[breaker.index].hasFailedLately(caller, at: now)
    }

    private mutating func fail(
        _ operation: Operation, for caller: CallerKey?, isCallersDoing: Bool, at now: ContinuousClock.Instant,
        jitter: Double
    ) {
        guard let breaker = operation.breaker else { return }
        breakers[breaker.index].failed(at: now, jitter: jitter, by: caller, dependsOnCaller: isCallersDoing)
    }

    // MARK: - Probes of our own

    /// How long until a probe of the breaker is due; nil when it is closed.
    func pauseBeforeProbe(of breaker: Operation.Breaker, at now: ContinuousClock.Instant) -> Duration? {
        switch breakers[breaker.index].state {
        case .closed: nil
        case .open(let until): max(.zero, now.duration(to: until))
        case .probing: .seconds(1)
        }
    }

    mutating func beginProbe(of breaker: Operation.Breaker, at now: ContinuousClock.Instant) -> Bool {
        breakers[breaker.index].beginProbe(at: now)
    }

    /// - Parameter isAlive: Nil when the probe was given up.
    mutating func endProbe(
        of breaker: Operation.Breaker, isAlive: Bool?, at now: ContinuousClock.Instant, jitter: Double
    ) {
        switch isAlive {
        case true?: breakers[breaker.index].succeeded(at: now)
        case false?: breakers[breaker.index].failed(at: now, jitter: jitter, by: .probe)
        case nil: breakers[breaker.index].abandoned(at: now)
        }
    }

    // MARK: - What operators see

    func isOpen(_ breaker: Operation.Breaker) -> Bool {
        if case .closed = breakers[breaker.index].state { false } else { true }
    }

    func retriesLeft(at now: ContinuousClock.Instant) -> Int { budget.left(at: now) }
}

extension Operation.Host {
    /// The position in `allCases`.
    fileprivate var index: Int {
        switch self {
        case .api: 0
        case .connect: 1
        case .logos: 2
        }
    }
}

extension Operation.Breaker {
    /// The position in `allCases`.
    fileprivate var index: Int {
        switch self {
        case .login: 0
        case .mint: 1
        case .claim: 2
        case .reads: 3
        case .writes: 4
        case .relay: 5
        case .logos: 6
        }
    }
}

extension Operation.BulkheadKind {
    /// The position in `allCases`.
    fileprivate var index: Int {
        switch self {
        case .login: 0
        case .mint: 1
        case .relay: 2
        case .reads: 3
        case .writes: 4
        case .probe: 5
        case .logos: 6
        }
    }
}
