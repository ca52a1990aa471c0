/// Adapts the call rate to upstream's rate limit (429): pauses as long as upstream asks, then halves the rate, then raises
/// it gradually.
///
/// A 429 to one caller's call pauses that caller alone, since upstream may limit a single location. A 429 to a second
/// caller within ten seconds limits all.
package struct AdaptiveRateLimiter: Sendable {
    /// The end of the pause that upstream asked for.
    private var pauseUntil: ContinuousClock.Instant?
    /// Callers that upstream limited, with the time of the last 429 and the end of their pause.
    private var pausedCallers: [CallerKey: (limitedAt: ContinuousClock.Instant, until: ContinuousClock.Instant)] = [:]
    /// Calls per second that are admitted; `nil` for no limit.
    private var rate: Double?
    private var tokens = 1.0
    private var changedAt: ContinuousClock.Instant
    private var limitedAt: ContinuousClock.Instant
    /// Calls admitted in the current and in the last whole second, to know the rate that was too high.
    private var counted = (second: Int64(-1), now: 0, before: 0)
    private let epoch: ContinuousClock.Instant

    /// The longest pause that upstream may ask for.
    private static let longestPause = Duration.seconds(300)
    /// Calls per second below which the rate is not reduced, so that a few customers need not wait for each tap.
    private static let lowestRate = 10.0
    private static let growthPerSecond = 0.1
    /// The time after the last 429 at which the limit is lifted.
    private static let recovery = Duration.seconds(60)
    /// 429s to two callers within this time limit all.
    private static let coincidence = Duration.seconds(10)
    private static let mostPausedCallers = 1000

    package init(epoch: ContinuousClock.Instant) {
        self.epoch = epoch
        changedAt = epoch
        limitedAt = epoch
    }

    /// Admits a call, or returns the wait after which a retry makes sense.
    /// - Returns: `nil` when the call is admitted.
    package mutating func admit(at now: ContinuousClock.Instant, by caller: CallerKey? = nil) -> Duration? {
        if !pausedCallers.isEmpty, let caller, let pause = pausedCallers[caller] {
            guard now >= pause.until else { return now.duration(to: pause.until) }
        }
        if let pauseUntil {
            guard now >= pauseUntil else { return now.duration(to: pauseUntil) }
            self.pauseUntil = nil
        }
        if let rate {
            let elapsed = seconds(from: changedAt, to: now)
            let grown = rate * (1 + Self.growthPerSecond * elapsed)
            tokens = min(max(1, grown), tokens + elapsed * grown)
            self.rate = limitedAt.duration(to: now) >= Self.recovery ? nil : grown
            changedAt = now
            guard tokens >= 1 else { return .seconds((1 - tokens) / grown) }
            tokens -= 1
        }
        count(now)
        return nil
    }

    /// Counts a 429 of upstream's.
    /// - Parameters:
    ///   - retryAfter: Its `Retry-After`, in seconds.
    ///   - caller: The principal of the call; `nil` for a call of the service's own, whose 429 limits all.
    package mutating func upstreamLimited(
        retryAfter: Int?, at now: ContinuousClock.Instant, by caller: CallerKey? = nil
    ) {
        let pause = min(Self.longestPause, .seconds(max(1, retryAfter ?? 1)))
        if let caller {
            let others = pausedCallers.contains {
                $0.key != caller && $0.value.limitedAt.duration(to: now) < Self.coincidence
            }
            if pausedCallers.count >= Self.mostPausedCallers {
                pausedCallers = pausedCallers.filter { now < $0.value.until }
            }
            if pausedCallers.count < Self.mostPausedCallers {
                pausedCallers[caller] = (now, max(pausedCallers[caller]?.until ?? now, now + pause))
            }
            guard others else { return }
        }
        pauseUntil = max(pauseUntil ?? now, now + pause)
        // Calls in flight get a 429 together; that halves the rate once.
        if rate == nil || limitedAt.duration(to: now) >= .seconds(1) {
            rate = max(Self.lowestRate, (rate ?? Double(max(counted.now, counted.before))) / 2)
            tokens = 1
        }
        limitedAt = now
        // No tokens accrue during the pause.
        changedAt = pauseUntil ?? now
    }

    private mutating func count(_ now: ContinuousClock.Instant) {
        let second = epoch.duration(to: now).components.seconds
        if counted.second != second {
            counted = (second, 0, counted.second == second - 1 ? counted.now : 0)
        }
        counted.now += 1
    }

    private func seconds(from: ContinuousClock.Instant, to: ContinuousClock.Instant) -> Double {
        let parts = from.duration(to: to).components
        return Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
    }
}
