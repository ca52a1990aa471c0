/// Stops asking an upstream that keeps failing, and lets one call through now and then to see whether it is back.
///
/// Opens after 5 failures in a row, or when half of at least 20 calls within 10 s failed.
package struct CircuitBreaker: Sendable {
    package enum State: Equatable, Sendable {
        /// Calls pass. Goes to `open` on failures.
        case closed
        /// Calls are refused until then. Goes to `probing` with the first call after it.
        case open(until: ContinuousClock.Instant)
        /// One call is under way, others are refused. Goes to `closed` or back to `open`.
        case probing
    }

    package enum Admission: Equatable, Sendable {
        case pass
        /// Another try makes sense after that time.
        case refuse(retryAfter: Duration)
    }

    package private(set) var state = State.closed
    private var failuresInARow = 0
    private var calls: [(at: ContinuousClock.Instant, failed: Bool)] = []
    /// How often it opened without a success in between.
    private var openings = 0

    private static let inARow = 5
    private static let window = Duration.seconds(10)
    private static let enoughCalls = 20
    /// Bounds the memory of a busy window; half of this many is judged like half of more.
    private static let mostCalls = 256
    private static let shortestOpen = Duration.seconds(5)
    private static let longestOpen = Duration.seconds(30)

    package init() {}

    /// Asks for one call; each that passes is followed by exactly one of ``succeeded(at:)``, ``failed(at:jitter:)`` and
    /// ``abandoned(at:)``.
    package mutating func admit(at now: ContinuousClock.Instant) -> Admission {
        switch state {
        case .closed: return .pass
        case .open(let until) where now >= until:
            state = .probing
            return .pass
        case .open(let until): return .refuse(retryAfter: now.duration(to: until))
        case .probing: return .refuse(retryAfter: .seconds(1))
        }
    }

    package mutating func succeeded(at now: ContinuousClock.Instant) {
        switch state {
        case .closed:
            failuresInARow = 0
            note(false, at: now)
        case .probing: self = CircuitBreaker()
        // A call from before it opened. It says nothing about now.
        case .open: break
        }
    }

    /// - Parameter jitter: From 0 up to, not including, 1; spreads the probes of many processes.
    package mutating func failed(at now: ContinuousClock.Instant, jitter: Double) {
        switch state {
        case .closed:
            failuresInARow += 1
            note(true, at: now)
            let recent = calls.suffix(Self.mostCalls).drop { $0.at.duration(to: now) > Self.window }
            let failures = recent.count { $0.failed }
            guard failuresInARow >= Self.inARow || (recent.count >= Self.enoughCalls && failures * 2 >= recent.count)
            else { return }
            open(at: now, jitter: jitter)
        case .probing: open(at: now, jitter: jitter)
        case .open: break
        }
    }

    /// The call was given up by whoever wanted it, or upstream only asked to slow down: neither good nor bad.
    package mutating func abandoned(at now: ContinuousClock.Instant) {
        if state == .probing { state = .open(until: now) }
    }

    private mutating func open(at now: ContinuousClock.Instant, jitter: Double) {
        let longest = min(Self.longestOpen, Self.shortestOpen * (2 << min(openings, 10)))
        openings += 1
        failuresInARow = 0
        calls = []
        state = .open(until: now + Self.shortestOpen + (longest - Self.shortestOpen) * jitter)
    }

    private mutating func note(_ failed: Bool, at now: ContinuousClock.Instant) {
        // Many at a time: to move the others up for each call would cost a busy relay more than all its other checks.
        if calls.count >= 2 * Self.mostCalls { calls.removeFirst(Self.mostCalls) }
        calls.append((now, failed))
    }
}
