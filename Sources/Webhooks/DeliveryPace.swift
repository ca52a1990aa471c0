import Resilience

/// How many events may go out now: many to a receiver that takes them, one at a time now and then to one that does not,
/// so that a backlog does not beat on whoever just came back.
struct DeliveryPace {
    enum Permit: Equatable {
        /// At most so many, whose answers follow; none may be left out.
        case take(Int)
        case wait(Duration)
    }

    /// Deliveries at once.
    static let width = 16

    private var breaker = CircuitBreaker()
    private var pausedUntil: ContinuousClock.Instant?

    mutating func permit(at now: ContinuousClock.Instant) -> Permit {
        if let pausedUntil, now < pausedUntil { return .wait(now.duration(to: pausedUntil)) }
        pausedUntil = nil
        switch breaker.admit(at: now) {
        case .refuse(let wait): return .wait(wait)
        case .pass: return .take(breaker.state == .probing ? 1 : Self.width)
        }
    }

    /// There was nothing to take, or it could not be taken.
    mutating func tookNone(at now: ContinuousClock.Instant) {
        breaker.abandoned(at: now)
    }

    /// - Parameter jitter: From 0 up to, not including, 1.
    mutating func answered(_ answer: DeliveryAnswer, at now: ContinuousClock.Instant, jitter: Double) {
        if let pause = answer.pause {
            pausedUntil = max(pausedUntil ?? now, now + .seconds(pause))
            breaker.abandoned(at: now)
        } else if answer.isOutage {
            breaker.failed(at: now, jitter: jitter)
        } else {
            breaker.succeeded(at: now)
        }
    }

    /// Whether the receiver is given time.
    var isSlowed: Bool { pausedUntil != nil || breaker.state != .closed }
}
