/// A value that is read from elsewhere, such as a key set: when it is read, who waits for it, and how long it may be used.
///
/// Pure: time comes in, what to do comes out. It is read in the background before it is old. Whoever needs what the value
/// lacks joins the read that is under way, or claims one, at most once in an interval. After a failure the last good value
/// stays in use up to a cap, and the next read waits from 1 second, doubling to 60.
package struct RefreshAhead<Value: Sendable>: Sendable {
    package struct Rules: Sendable {
        /// How long a value is as good as new; it is read again after four fifths of that.
        package var life: Duration
        /// How long the last good value stays in use when no other can be read.
        package var cap: Duration
        /// Callers that lack something cause at most one read in this time.
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

    /// The value; nil when none was read yet, or too long ago.
    package func current(at now: ContinuousClock.Instant) -> Value? {
        age(at: now).map { $0 <= rules.cap } == true ? value : nil
    }

    /// Time since the value was read.
    package func age(at now: ContinuousClock.Instant) -> Duration? { readAt?.duration(to: now) }

    /// Whether a value was ever read.
    package var wasRead: Bool { readAt != nil }

    /// Whether a caller that lacks something waits: for the read that is under way, or for one that it claims hereby.
    package mutating func claimOnDemand(at now: ContinuousClock.Instant) -> Bool {
        if phase != .idle { return true }
        if current(at: now) != nil, let startedAt, startedAt.duration(to: now) < rules.interval { return false }
        return claim(at: now)
    }

    /// Claims the read that is due in the background, if one is.
    package mutating func claimDue(at now: ContinuousClock.Instant) -> Bool {
        phase == .idle && untilDue(at: now) <= .zero && claim(at: now)
    }

    /// Claims a read whatever was read before, since its source is said to have changed.
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

    /// Begins the read that was claimed.
    /// - Returns: False when it was done already: whoever waited for it came too late to cause another one.
    package mutating func begin(at now: ContinuousClock.Instant) -> Bool {
        guard phase == .claimed else { return false }
        phase = .reading
        startedAt = now
        return true
    }

    package mutating func succeeded(_ value: Value, at now: ContinuousClock.Instant) {
        self.value = value
        readAt = now
        notBefore = nil
        backoff.succeeded()
        phase = .idle
    }

    package mutating func failed(at now: ContinuousClock.Instant) {
        notBefore = now + backoff.failed()
        phase = .idle
    }

    /// Time until another read may be begun, for `Retry-After`.
    package func untilRetry(at now: ContinuousClock.Instant) -> Duration {
        notBefore.map { max(.zero, now.duration(to: $0)) } ?? .zero
    }
}
