/// Slows down when upstream says so: nothing until the time it named, then half the rate it complained about, then
/// gradually more.
///
/// A complaint about one caller's call pauses that caller alone, since upstream may limit a single location. When it
/// complains about a second caller within ten seconds, its limit is everybody's.
package struct Throttle: Sendable {
    /// Upstream's own word: nothing before this.
    private var pauseUntil: ContinuousClock.Instant?
    /// Callers that upstream complained about, with the time of the last complaint and the end of their pause.
    private var pausedCallers: [CallerKey: (complainedAt: ContinuousClock.Instant, until: ContinuousClock.Instant)] =
        [:]
    /// Calls per second that are let through; nil is as many as come.
    private var rate: Double?
    private var tokens = 1.0
    private var changedAt: ContinuousClock.Instant
    private var complainedAt: ContinuousClock.Instant
    /// Calls let through in the running and the last whole second, to know the rate that was too much.
    private var counted = (second: Int64(-1), now: 0, before: 0)
    private let epoch: ContinuousClock.Instant

    /// The longest pause that is believed.
    private static let longestPause = Duration.seconds(300)
    /// A few customers tapping along are not what upstream complained about; they are not made to wait for each tap.
    private static let lowestRate = 10.0
    private static let growthPerSecond = 0.1
    /// After this long without a complaint there is no bound any more.
    private static let forgiveness = Duration.seconds(60)
    /// Complaints about two callers that are closer together than this are about all.
    private static let coincidence = Duration.seconds(10)
    private static let mostPausedCallers = 1000

    package init(epoch: ContinuousClock.Instant) {
        self.epoch = epoch
        changedAt = epoch
        complainedAt = epoch
    }

    /// Lets a call through, or says when another try makes sense.
    /// - Returns: Nil for "go".
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
            self.rate = complainedAt.duration(to: now) >= Self.forgiveness ? nil : grown
            changedAt = now
            guard tokens >= 1 else { return .seconds((1 - tokens) / grown) }
            tokens -= 1
        }
        count(now)
        return nil
    }

    /// Upstream answered 429.
    /// - Parameters:
    ///   - retryAfter: Seconds that it asked for.
    ///   - caller: Whose call it was; nil for a call of the service's own, which is about all.
    package mutating func complained(
        retryAfter: Int?, at now: ContinuousClock.Instant, by caller: CallerKey? = nil
    ) {
        let pause = min(Self.longestPause, .seconds(max(1, retryAfter ?? 1)))
        if let caller {
            let others = pausedCallers.contains {
                $0.key != caller && $0.value.complainedAt.duration(to: now) < Self.coincidence
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
        // Calls under way complain together; one halving is meant.
        if rate == nil || complainedAt.duration(to: now) >= .seconds(1) {
            rate = max(Self.lowestRate, (rate ?? Double(max(counted.now, counted.before))) / 2)
            tokens = 1
        }
        complainedAt = now
        // Nothing is saved up during the pause.
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
