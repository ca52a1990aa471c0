/// The monotonic clock, sleep and jitter of the service, replaced in tests.
package struct ServiceClock: Sendable {
    /// A monotonic clock: a changed wall clock ages nothing.
    package var now: @Sendable () -> ContinuousClock.Instant
    package var sleep: @Sendable (Duration) async throws -> Void
    /// From 0 up to, not including, 1.
    package var jitter: @Sendable () -> Double

    package init(
        now: @escaping @Sendable () -> ContinuousClock.Instant,
        sleep: @escaping @Sendable (Duration) async throws -> Void, jitter: @escaping @Sendable () -> Double
    ) {
        self.now = now
        self.sleep = sleep
        self.jitter = jitter
    }

    /// The clock of the machine.
    package static let real = ServiceClock(
        now: { .now }, sleep: { try await EventLoopClock().sleep(for: $0) }, jitter: { .random(in: 0..<1) })
}
