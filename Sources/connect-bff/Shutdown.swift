import Synchronization
import UnixSignals

/// How the process ends (R17): it says so, takes requests for a while still, finishes those under way, and is gone.
final class Shutdown: Sendable {
    /// What happens on the way, done by whoever can.
    struct Steps: Sendable {
        /// Every answer tells its client to leave.
        let announce: @Sendable () -> Void
        /// No connection is taken any more.
        let close: @Sendable () async -> Void
        /// The process ends, finished or not.
        let exit: @Sendable (_ code: Int32) -> Void
    }

    /// What requests under way get at most, once no connection is taken any more.
    static let patience = Duration.seconds(20)

    private let begun = Atomic(false)

    /// Whether the process was told to end.
    var hasBegun: Bool { begun.load(ordering: .relaxed) }

    /// Waits for the first signal and ends the process in order; the second one ends it at once.
    ///
    /// - Parameters:
    ///   - window: How long connections are taken still: as long as proxies need to learn from `/readyz`.
    ///   - sleep: Throws when it was cancelled.
    func run<Signals: AsyncSequence<UnixSignal, Never>>(
        on signals: Signals, window: Duration, sleep: @escaping @Sendable (Duration) async throws -> Void,
        _ steps: Steps
    ) async {
        await withDiscardingTaskGroup { group in
            for await signal in signals {
                guard !begun.exchange(true, ordering: .relaxed) else {
                    // As a shell tells of one that a signal killed.
                    steps.exit(128 + signal.rawValue)
                    break
                }
                steps.announce()
                group.addTask {
                    do {
                        try await sleep(window)
                        await steps.close()
                        // Who is still here after that was cancelled and does not take notice.
                        try await sleep(Self.patience + .seconds(2))
                        steps.exit(0)
                    } catch {
                        // The process has come to its end by itself.
                    }
                }
            }
            group.cancelAll()
        }
    }
}
