/// The slots of a connection pool, and the health of the server.
///
/// Pure: the driver is ``PostgresPool``. A server that does not answer is probed by one caller at a time, at a falling rate;
/// all others are refused at once, so that nothing piles up behind a server that hangs.
struct PostgresSlots<Waiter> {
    enum Health: Equatable {
        /// Goes to `down` when a connection finds no server.
        case up
        /// Goes to `probing` with the first caller at `until` or later.
        case down(until: ContinuousClock.Instant, failures: Int)
        /// One caller probes. Goes to `up` or back to `down`.
        case probing(failures: Int)
    }

    enum Acquisition: Equatable {
        case acquired(Int)
        case wait
        case refuse
    }

    /// What follows when a slot is released.
    enum Release {
        case nothing
        case hand(Int, to: Waiter)
        case refuse([Waiter])
    }

    private(set) var health = Health.up
    private var free: [Int]
    private var waiting: [Waiter] = []
    private let mostWaiting: Int

    private static var shortestPause: Duration { .milliseconds(100) }
    private static var longestPause: Duration { .seconds(2) }

    init(count: Int, mostWaiting: Int) {
        free = Array((0..<count).reversed())
        self.mostWaiting = mostWaiting
    }

    /// - Parameter waiter: Kept when the answer is `wait`.
    mutating func acquire(_ waiter: @autoclosure () -> Waiter, at now: ContinuousClock.Instant) -> Acquisition {
        switch health {
        case .up: break
        case .down(let until, let failures):
            guard now >= until, !free.isEmpty else { return .refuse }
            health = .probing(failures: failures)
        case .probing: return .refuse
        }
        if let slot = free.popLast() { return .acquired(slot) }
        guard waiting.count < mostWaiting else { return .refuse }
        waiting.append(waiter())
        return .wait
    }

    /// - Parameter foundServer: False when there was none, or one that hangs.
    mutating func release(_ slot: Int, foundServer: Bool, at now: ContinuousClock.Instant) -> Release {
        guard foundServer else {
            free.append(slot)
            let failures =
                switch health {
                case .up: 0
                case .down(_, let failures), .probing(let failures): failures
                }
            let pause = min(Self.longestPause, Self.shortestPause * (1 << min(failures, 5)))
            // Several may find it out together; that is one failure.
            if case .down = health {} else { health = .down(until: now + pause, failures: failures + 1) }
            defer { waiting = [] }
            return .refuse(waiting)
        }
        health = .up
        guard !waiting.isEmpty else {
            free.append(slot)
            return .nothing
        }
        return .hand(slot, to: waiting.removeFirst())
    }
}
