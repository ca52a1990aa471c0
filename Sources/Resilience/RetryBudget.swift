/// Bounds the load that retries add, so that a failing upstream does not get a retry storm.
///
/// Over any ten seconds, retries are at most a tenth of the first tries, or three a second where that is more.
package struct RetryBudget: Sendable {
    private static let seconds = 10
    private let ratio: Double
    private let floorPerSecond: Int
    /// One slot a second; a slot of an older second is empty.
    private var slots = [Slot](repeating: Slot(), count: seconds)
    private let epoch: ContinuousClock.Instant

    private struct Slot {
        var second: Int64 = -1
        var tries = 0
        var retries = 0
    }

    package init(ratio: Double = 0.1, floorPerSecond: Int = 3, epoch: ContinuousClock.Instant) {
        self.ratio = ratio
        self.floorPerSecond = floorPerSecond
        self.epoch = epoch
    }

    /// Counts a first try.
    package mutating func tried(at now: ContinuousClock.Instant) {
        withSlot(at: now) { $0.tries += 1 }
    }

    /// Whether the budget has one more retry; counts it if so.
    package mutating func takeRetry(at now: ContinuousClock.Instant) -> Bool {
        guard left(at: now) >= 1 else { return false }
        withSlot(at: now) { $0.retries += 1 }
        return true
    }

    /// Retries that may still be made now.
    package func left(at now: ContinuousClock.Instant) -> Int {
        let oldest = second(now) - Int64(Self.seconds)
        var tries = 0, retries = 0
        for slot in slots where slot.second > oldest {
            tries += slot.tries
            retries += slot.retries
        }
        return max(Int(Double(tries) * ratio), floorPerSecond * Self.seconds) - retries
    }

    private mutating func withSlot(at now: ContinuousClock.Instant, _ change: (inout Slot) -> Void) {
        let second = second(now)
        let index = Int(second % Int64(Self.seconds))
        if slots[index].second != second { slots[index] = Slot(second: second) }
        change(&slots[index])
    }

    private func second(_ now: ContinuousClock.Instant) -> Int64 {
        max(0, epoch.duration(to: now).components.seconds)
    }
}
