import Synchronization

/// A clock that stands still: every sleep is over at once, and its duration is recorded.
final class ImmediateClock: Clock {
    private let recorded = Mutex<[Duration]>([])
    let now = ContinuousClock.now
    var minimumResolution: Duration { .zero }

    /// The durations of all sleeps so far.
    var sleeps: [Duration] { recorded.withLock(\.self) }

    func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
        recorded.withLock { $0.append(now.duration(to: deadline)) }
    }
}
