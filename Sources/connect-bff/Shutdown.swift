import Synchronization
import UnixSignals

/// Graceful shutdown (R17): announce, accept connections for the drain window, finish requests in flight, exit.
final class Shutdown: Sendable {
    /// The effects of a shutdown.
    struct Steps: Sendable {
        /// Makes every answer ask its client to close the connection.
        let announce: @Sendable () -> Void
        /// Stops accepting connections.
        let close: @Sendable () async -> Void
        /// Ends the process, finished or not.
        let exit: @Sendable (_ code: Int32) -> Void
    }

    /// The longest that requests in flight may take once no connection is accepted.
    static let gracePeriod = Duration.seconds(20)

    private let begun = Atomic(false)

    /// Whether a signal to end was received.
    var hasBegun: Bool { begun.load(ordering: .relaxed) }

    /// Waits for the first signal and shuts down gracefully; the second one exits at once.
    ///
    /// - Parameters:
    ///   - window: How long connections are still accepted, until proxies have seen `/readyz` fail.
    ///   - sleep: Throws when it was cancelled.
    func run<Signals: AsyncSequence<UnixSignal, Never>>(
        on signals: Signals, window: Duration, sleep: @escaping @Sendable (Duration) async throws -> Void,
        _ steps: Steps
    ) async {
        await withDiscardingTaskGroup { group in
            for await signal in signals {
                guard !begun.exchange(true, ordering: .relaxed) else {
                    // The exit status that a shell reports for a process killed by a signal.
                    steps.exit(128 + signal.rawValue)
                    break
                }
                steps.announce()
                group.addTask {
                    do {
                        try await sleep(window)
                        await steps.close()
                        // What still runs after that ignores its cancellation.
                        try await sleep(Self.gracePeriod + .seconds(2))
                        steps.exit(0)
                    } catch {
                        // The process ended by itself.
                    }
                }
            }
            group.cancelAll()
        }
    }
}
