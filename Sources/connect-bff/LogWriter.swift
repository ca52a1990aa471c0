import Dispatch
import Glibc
import Metrics
import Synchronization

/// Writes lines to a file descriptor on a thread of its own.
///
/// Logging never waits (I7): when the reader stops, lines are kept up to the capacity; more are dropped and counted. The
/// reader finds a line with the count when it continues.
final class LogWriter: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        /// Bytes that the thread is writing.
        var inFlight = 0
        /// Whether the thread is writing.
        var isWriting = false
        /// Lines dropped since the last notice.
        var dropped = 0
    }

    private let state = Mutex(State())
    private let queue: DispatchQueue
    private let descriptor: Int32
    private let capacity: Int
    private let lost = Counter(label: "connect_bff_log_lines_dropped_total")
    private let notice: @Sendable (_ dropped: Int) -> [UInt8]

    /// How long the process waits for the reader at its end.
    static let lastWait = DispatchTimeInterval.milliseconds(500)

    /// - Parameters:
    ///   - capacity: In bytes.
    ///   - notice: Makes a line that reports the number of dropped lines.
    init(
        to descriptor: Int32, capacity: Int = 1 << 20, notice: @escaping @Sendable (_ dropped: Int) -> [UInt8]
    ) {
        self.descriptor = descriptor
        self.capacity = capacity
        self.notice = notice
        queue = DispatchQueue(label: "connect-bff log")
    }

    /// Adds whole lines.
    func add(_ lines: [UInt8]) {
        let (begins, dropped) = state.withLock { state in
            guard state.bytes.count + state.inFlight + lines.count <= capacity else {
                let count = Self.lines(in: lines[...])
                state.dropped += count
                return (false, count)
            }
            state.bytes += lines
            defer { state.isWriting = true }
            return (!state.isWriting, 0)
        }
        if dropped > 0 { lost.increment(by: dropped) }
        if begins { queue.async { [self] in drain() } }
    }

    /// Waits until everything is written, for `limit` at most.
    func finish(within limit: DispatchTimeInterval = lastWait) {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        _ = done.wait(timeout: .now() + limit)
    }

    private func drain() {
        while let bytes = state.withLock({ take(&$0) }) {
            let rest = StandardStream.write(bytes, to: descriptor)
            // The reader is gone, or the disk is full.
            if !rest.isEmpty { lost.increment(by: Self.lines(in: rest)) }
        }
    }

    private func take(_ state: inout State) -> [UInt8]? {
        if state.dropped > 0 {
            state.bytes += notice(state.dropped)
            state.dropped = 0
        }
        let bytes = state.bytes
        state.inFlight = bytes.count
        state.isWriting = !bytes.isEmpty
        state.bytes = []
        return bytes.isEmpty ? nil : bytes
    }

    private static func lines(in bytes: ArraySlice<UInt8>) -> Int { bytes.count { $0 == UInt8(ascii: "\n") } }
}
