import Resilience

/// Decides how many events may be delivered now.
///
/// A sliding window grows with each answer. A circuit breaker lets single probes through to a receiver that is down, so
/// that a backlog does not overload a receiver that has just recovered.
struct DeliverySchedule {
    enum Permit: Equatable {
        /// At most so many, whose answers follow; none may be left out.
        case take(Int)
        case wait(Duration)
    }

    /// Deliveries at once, at first and after an outage; each answer makes room for one more.
    static let narrowest = 16
    /// Deliveries at once at most.
    static let widest = 192
    /// Failures of one subject's events count once in such a time, so that the events of one user, which the receiver
    /// refuses, do not slow down those of others.
    private static let perKey = Duration.seconds(10)
    private static let mostKeys = 256

    private var breaker = CircuitBreaker()
    private var width = narrowest
    private var pausedUntil: ContinuousClock.Instant?
    private var failures: [String: ContinuousClock.Instant] = [:]

    /// - Parameter inFlight: Deliveries that are not answered yet.
    mutating func permit(at now: ContinuousClock.Instant, inFlight: Int = 0) -> Permit {
        if let pausedUntil, now < pausedUntil { return .wait(now.duration(to: pausedUntil)) }
        pausedUntil = nil
        switch breaker.admit(at: now) {
        case .refuse(let wait): return .wait(wait)
        case .pass: return .take(breaker.state == .probing ? 1 : max(0, width - inFlight))
        }
    }

    /// There was nothing to take, or it could not be taken.
    mutating func tookNone(at now: ContinuousClock.Instant) {
        breaker.abandoned(at: now)
    }

    /// - Parameters:
    ///   - key: Whose event it was.
    ///   - jitter: From 0 up to, not including, 1.
    mutating func answered(
        _ answer: DeliveryAnswer, to key: String, at now: ContinuousClock.Instant, jitter: Double
    ) {
        if let pause = answer.pause {
            pausedUntil = max(pausedUntil ?? now, now + .seconds(pause))
            breaker.abandoned(at: now)
        } else if answer.isOutage {
            width = Self.narrowest
            if breaker.state == .probing || isFirst(key, at: now) { breaker.failed(at: now, jitter: jitter) }
        } else {
            width = min(Self.widest, width + 1)
            breaker.succeeded(at: now)
        }
    }

    private mutating func isFirst(_ key: String, at now: ContinuousClock.Instant) -> Bool {
        if let last = failures[key], last.duration(to: now) < Self.perKey { return false }
        if failures.count >= Self.mostKeys { failures = failures.filter { $0.value.duration(to: now) < Self.perKey } }
        if failures.count < Self.mostKeys { failures[key] = now }
        return true
    }

    /// Whether the receiver is given time.
    var isSlowed: Bool { pausedUntil != nil || breaker.state != .closed }
}
