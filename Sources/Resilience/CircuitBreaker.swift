/// Stops calls to an upstream that keeps failing, and tests its recovery with single probes.
///
/// Opens after 5 failures in a row, or when half of at least 20 calls within 10 s failed. A failure that names a caller
/// counts once per caller, so that a caller whose calls always fail opens nothing for the others.
package struct CircuitBreaker: Sendable {
    package enum State: Equatable, Sendable {
        /// Calls pass. Exit: `open` on failures.
        case closed
        /// Calls are refused. Exit: `probing` with the first probe at that time or later.
        case open(until: ContinuousClock.Instant)
        /// A probe is in flight, calls are refused. Exits: `closed` on its success, `open` on its failure or after
        /// ``longestProbe``.
        case probing
    }

    package enum Admission: Equatable, Sendable {
        case pass
        /// A retry makes sense after that time.
        case refuse(retryAfter: Duration)
    }

    package private(set) var state = State.closed
    private var calls: [Outcome] = []
    /// Failures without a caller since the last success, and the callers that failed since then.
    private var anonymousFailures = 0
    private var failingCallers: Set<CallerKey> = []
    /// How often the breaker opened since the last success.
    private var openings = 0
    /// The caller whose call is the probe.
    private var prober: CallerKey?
    private var probeStarted: ContinuousClock.Instant?

    private struct Outcome {
        let at: ContinuousClock.Instant
        let failed: Bool
        let caller: CallerKey?
    }

    private static let inARow = 5
    private static let window = Duration.seconds(10)
    private static let enoughCalls = 20
    /// Calls of the window that count, so that memory is bounded.
    private static let mostCalls = 256
    private static let shortestOpen = Duration.seconds(5)
    private static let longestOpen = Duration.seconds(30)
    private static let longestProbe = Duration.seconds(30)

    package init() {}

    /// Admits one call; each one that passes is followed by exactly one of ``succeeded(at:)``,
    /// ``failed(at:jitter:by:dependsOnCaller:)`` and ``abandoned(at:)``.
    /// - Parameter mayProbe: Whether this call may be the probe of an open breaker.
    package mutating func admit(
        at now: ContinuousClock.Instant, by caller: CallerKey? = nil, mayProbe: Bool = true
    ) -> Admission {
        expireProbe(at: now)
        switch state {
        case .closed: return .pass
        case .open(let until) where now >= until && mayProbe:
            beginProbe(by: caller, at: now)
            return .pass
        case .open(let until): return .refuse(retryAfter: max(.seconds(1), now.duration(to: until)))
        case .probing: return .refuse(retryAfter: .seconds(1))
        }
    }

    /// Whether the probe in flight is a call of `caller`, so that its retry may go on.
    package func isProbing(for caller: CallerKey?) -> Bool { state == .probing && prober == caller }

    /// Begins a probe of the service's own; its outcome is reported as that of ``CallerKey/probe``.
    /// - Returns: False when no probe is due.
    package mutating func beginProbe(at now: ContinuousClock.Instant) -> Bool {
        expireProbe(at: now)
        guard case .open(let until) = state, now >= until else { return false }
        beginProbe(by: .probe, at: now)
        return true
    }

    private mutating func beginProbe(by caller: CallerKey?, at now: ContinuousClock.Instant) {
        state = .probing
        prober = caller
        probeStarted = now
    }

    /// Ends a probe whose outcome was never reported, so that the breaker does not stay open forever.
    private mutating func expireProbe(at now: ContinuousClock.Instant) {
        guard state == .probing, let probeStarted, probeStarted.duration(to: now) >= Self.longestProbe else { return }
        state = .open(until: now)
    }

    /// Counts a call that succeeded, and closes the breaker if it was the probe.
    package mutating func succeeded(at now: ContinuousClock.Instant) {
        switch state {
        case .closed:
            resetConsecutiveFailures()
            note(failed: false, by: nil, at: now)
        case .probing: self = CircuitBreaker()
        // A call that began before the breaker opened says nothing about now.
        case .open: break
        }
    }

    /// Counts a failed call, and opens the breaker if that is one too many.
    /// - Parameters:
    ///   - jitter: From 0 up to, not including, 1; spreads the probes of many processes.
    ///   - caller: The principal of the call.
    ///   - dependsOnCaller: Whether the failure may be specific to this caller; such failures count once for each caller.
    package mutating func failed(
        at now: ContinuousClock.Instant, jitter: Double, by caller: CallerKey? = nil, dependsOnCaller: Bool = true
    ) {
        switch state {
        case .closed:
            if dependsOnCaller, let caller {
                guard !hasFailedLately(caller, at: now) else { return }
                failingCallers.insert(caller)
            } else {
                anonymousFailures += 1
            }
            note(failed: true, by: dependsOnCaller ? caller : nil, at: now)
            let recent = calls.suffix(Self.mostCalls).drop { $0.at.duration(to: now) > Self.window }
            let failures = recent.count { $0.failed }
            guard
                anonymousFailures + failingCallers.count >= Self.inARow
                    || (recent.count >= Self.enoughCalls && failures * 2 >= recent.count)
            else { return }
            open(at: now, jitter: jitter)
        // A call that began before the breaker opened may fail only now; the probe alone decides.
        case .probing where caller == prober: open(at: now, jitter: jitter)
        case .probing, .open: break
        }
    }

    /// Ends a call that its caller cancelled, or that upstream rate-limited: neither a success nor a failure.
    package mutating func abandoned(at now: ContinuousClock.Instant) {
        if state == .probing { state = .open(until: now) }
    }

    /// Whether a failure of that caller was counted within the last 10 s.
    package func hasFailedLately(_ caller: CallerKey, at now: ContinuousClock.Instant) -> Bool {
        calls.contains { $0.caller == caller && $0.at.duration(to: now) <= Self.window }
    }

    private mutating func open(at now: ContinuousClock.Instant, jitter: Double) {
        let longest = min(Self.longestOpen, Self.shortestOpen * (2 << min(openings, 10)))
        openings += 1
        resetConsecutiveFailures()
        calls = []
        state = .open(until: now + Self.shortestOpen + (longest - Self.shortestOpen) * jitter)
    }

    private mutating func resetConsecutiveFailures() {
        anonymousFailures = 0
        if !failingCallers.isEmpty { failingCallers = [] }
    }

    private mutating func note(failed: Bool, by caller: CallerKey?, at now: ContinuousClock.Instant) {
        // Many at a time: moving the rest for each call would cost a busy relay more than all its other checks.
        if calls.count >= 2 * Self.mostCalls { calls.removeFirst(Self.mostCalls) }
        calls.append(Outcome(at: now, failed: failed, caller: caller))
    }
}
