/// The refresh-ahead schedule of a value that is read from elsewhere, such as a key set.
///
/// Pure. The value is refreshed in the background before it expires. A caller that needs what the value lacks joins the
/// read in progress, or claims one, at most once in an interval. After a failure the last good value stays in use up to a
/// cap, and the next read waits from 1 second, doubling to 60.
package struct RefreshAhead<Value: Sendable>: Sendable {
    package struct Rules: Sendable {
        /// How long a value is fresh; it is refreshed after four fifths of that.
        package var life: Duration
        /// How long the last good value stays in use while reads fail.
        package var cap: Duration
        /// The shortest time between two reads that callers cause.
        package var interval: Duration

        package init(life: Duration, cap: Duration = .seconds(86_400), interval: Duration) {
            self.life = life
            self.cap = cap
            self.interval = interval
        }
    }

    private enum Phase { case idle, claimed, reading }

    private let rules: Rules
    private var value: Value?
    private var readAt: ContinuousClock.Instant?
    private var startedAt: ContinuousClock.Instant?
    /// After a failure, no read begins before this.
    private var notBefore: ContinuousClock.Instant?
    private var backoff = Backoff(first: .seconds(1), cap: .seconds(60))
    private var phase = Phase.idle

    package init(_ rules: Rules) {
        self.rules = rules
    }

    /// The value; `nil` when none was read yet, or too long ago.
    package func current(at now: ContinuousClock.Instant) -> Value? {
        age(at: now).map { $0 <= rules.cap } == true ? value : nil
    }

    /// Time since the value was read.
    package func age(at now: ContinuousClock.Instant) -> Duration? { readAt?.duration(to: now) }

    /// Whether a value was ever read.
    package var wasRead: Bool { readAt != nil }

    /// Whether a caller that lacks something has to wait, for the read in progress or for one that this call claims.
    package mutating func claimOnDemand(at now: ContinuousClock.Instant) -> Bool {
        if phase != .idle { return true }
        if current(at: now) != nil, let startedAt, startedAt.duration(to: now) < rules.interval { return false }
        return claim(at: now)
    }

    /// Claims the background read, if one is due.
    package mutating func claimDue(at now: ContinuousClock.Instant) -> Bool {
        phase == .idle && untilDue(at: now) <= .zero && claim(at: now)
    }

    /// Claims a read regardless of the schedule, after its source has announced a change.
    package mutating func claimNow() -> Bool {
        guard phase == .idle else { return false }
        phase = .claimed
        return true
    }

    /// Time until a read is due in the background.
    package func untilDue(at now: ContinuousClock.Instant) -> Duration {
        let ahead = readAt.map { $0 + rules.life * 4 / 5 } ?? now
        return max(.zero, now.duration(to: max(ahead, notBefore ?? ahead)))
    }

    private mutating func claim(at now: ContinuousClock.Instant) -> Bool {
        if let notBefore, now < notBefore { return false }
        phase = .claimed
        return true
    }

    /// Begins the claimed read.
    /// - Returns: False when it was done already, so that late callers cause no other one.
    package mutating func begin(at now: ContinuousClock.Instant) -> Bool {
        guard phase == .claimed else { return false }
        phase = .reading
        startedAt = now
        return true
    }

    /// Ends a read with a value.
    package mutating func succeeded(_ value: Value, at now: ContinuousClock.Instant) {
        self.value = value
        readAt = now
        notBefore = nil
        backoff.succeeded()
        phase = .idle
    }

    /// Ends a read without a value.
    package mutating func failed(at now: ContinuousClock.Instant) {
        notBefore = now + backoff.failed()
        phase = .idle
    }

    /// Time until the next read may begin, for `Retry-After`.
    package func untilRetry(at now: ContinuousClock.Instant) -> Duration {
        notBefore.map { max(.zero, now.duration(to: $0)) } ?? .zero
    }
}
