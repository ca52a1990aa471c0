import CoreMetrics
import Synchronization

/// What a metric with one set of label values measures; the event loops share it without a lock.
protocol Series: AnyObject, Sendable {
    /// Adds the lines of the text format.
    /// - Parameter labels: `a="b",c="d"`, or nothing.
    func write(_ name: String, _ labels: String, to text: inout String)
}

extension Atomic where Value == Int64 {
    /// Adds a number of at least 0.
    ///
    /// The sum stays at `Int64.max` once it is reached; `add` would trap.
    ///
    /// One instruction where nothing overflows; a reader may see a negative number for an instant where it does.
    fileprivate func saturatingAdd(_ amount: Int64) {
        let (old, new) = wrappingAdd(amount, ordering: .relaxed)
        if new < old { store(.max, ordering: .relaxed) }
    }

    /// The sum, also in that instant.
    fileprivate var saturated: Int64 {
        let value = load(ordering: .relaxed)
        return value < 0 ? .max : value
    }
}

/// A number that only grows.
final class CounterSeries: Series, CounterHandler {
    private let value = Atomic<Int64>(0)

    func increment(by amount: Int64) {
        value.saturatingAdd(max(0, amount))
    }

    func reset() {
        value.store(0, ordering: .relaxed)
    }

    func write(_ name: String, _ labels: String, to text: inout String) {
        text.line(name, labels, "\(value.saturated)")
    }
}

/// A number that goes up and down.
final class GaugeSeries: Series, RecorderHandler, MeterHandler {
    private let bits = Atomic<UInt64>(0)

    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func decrement(by amount: Double) { increment(by: -amount) }

    func increment(by amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (isDone, found) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if isDone { return }
            old = found
        }
    }

    func write(_ name: String, _ labels: String, to text: inout String) {
        let value = Double(bitPattern: bits.load(ordering: .relaxed))
        text.line(name, labels, value.metricText)
    }
}

/// Durations, counted in buckets that are the same for all.
final class Histogram: Series, TimerHandler {
    /// The upper ends of the buckets in nanoseconds: from a relayed call on the local network to the longest deadline.
    static let calls: [Int64] =
        [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 20_000].map { $0 * 1_000_000 }
    /// The same for what is repeated after 30 s, 1, 6, 12 and 24 hours (upstream.md §5.3).
    static let delays: [Int64] =
        [1, 5, 20, 40, 60, 300, 900, 1800, 3700, 7200, 22_000, 43_500, 87_000, 180_000].map { $0 * 1_000_000_000 }

    private let ends: [Int64]
    /// One for each end, and one for all that took longer.
    private let counts = InlineArray<15, Atomic<Int64>> { _ in Atomic(0) }
    private let nanoseconds = Atomic<Int64>(0)
    /// What one measurement adds to the sum at most, in nanoseconds: a year.
    ///
    /// One event that claims to be of year 1 must
    /// not make the sum of all others useless.
    private static let longest: Int64 = 365 * 86_400 * 1_000_000_000

    /// - Parameter ends: 14 of them, in order.
    init(_ ends: [Int64] = Histogram.calls) {
        self.ends = ends
        precondition(ends.count == counts.count - 1)
    }

    func recordNanoseconds(_ duration: Int64) {
        var bucket = 0
        while bucket < ends.count, duration > ends[bucket] { bucket += 1 }
        counts[bucket].saturatingAdd(1)
        nanoseconds.saturatingAdd(min(max(0, duration), Self.longest))
    }

    func write(_ name: String, _ labels: String, to text: inout String) {
        var count: Int64 = 0
        for (bucket, end) in (ends.map { (Double($0) / 1e9).metricText } + ["+Inf"]).enumerated() {
            let (sum, isTooMuch) = count.addingReportingOverflow(counts[bucket].saturated)
            count = isTooMuch ? .max : sum
            let label = labels.isEmpty ? "le=\"\(end)\"" : "\(labels),le=\"\(end)\""
            text.line("\(name)_bucket", label, "\(count)")
        }
        text.line("\(name)_sum", labels, (Double(nanoseconds.saturated) / 1e9).metricText)
        text.line("\(name)_count", labels, "\(count)")
    }
}

extension String {
    fileprivate mutating func line(_ name: String, _ labels: String, _ value: String) {
        self += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n"
    }
}

extension Double {
    /// The shortest spelling, without a point where there is nothing behind it.
    fileprivate var metricText: String {
        if isNaN { return "NaN" }
        if isInfinite { return self > 0 ? "+Inf" : "-Inf" }
        if let whole = Int64(exactly: self) { return "\(whole)" }
        return "\(self)"
    }
}
