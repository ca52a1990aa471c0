import NIOCore
import NIOPosix

/// The machine's continuous clock, with sleeps on the timers of event loops.
///
/// A cancelled sleep of `ContinuousClock` leaves its timer with Dispatch until it would have ended. Nearly every deadline
/// is cancelled, so that each call would wake the process once more, seconds later.
package struct EventLoopClock: Clock {
    package typealias Instant = ContinuousClock.Instant

    package init() {}

    package var now: Instant { .now }
    package var minimumResolution: Duration { ContinuousClock().minimumResolution }

    /// - Throws: `CancellationError`.
    package func sleep(until deadline: Instant, tolerance: Duration? = nil) async throws {
        try Task.checkCancellation()
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let timer = loop.scheduleTask(in: TimeAmount(now.duration(to: deadline))) {}
        try await withTaskCancellationHandler {
            do { try await timer.futureResult.get() } catch { throw CancellationError() }
        } onCancel: {
            timer.cancel()
        }
    }
}
