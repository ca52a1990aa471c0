/// An instant of the continuous clock whose layout is known when the service is compiled.
///
/// The layout of `ContinuousClock.Instant` is known only when the program runs, and so is that of everything that stores
/// one. States of connections are copied several times a call, each time by way of a table of functions then.
package struct StoredInstant: Sendable {
    private let sinceReference: Duration

    private static let reference = ContinuousClock.now

    package init(_ instant: ContinuousClock.Instant) {
        sinceReference = Self.reference.duration(to: instant)
    }

    package var instant: ContinuousClock.Instant { Self.reference.advanced(by: sinceReference) }

    package func duration(to instant: ContinuousClock.Instant) -> Duration {
        Self.reference.duration(to: instant) - sinceReference
    }

    package func isOver(at now: ContinuousClock.Instant) -> Bool { duration(to: now) >= .zero }

    package static func += (stored: inout StoredInstant, duration: Duration) {
        stored = StoredInstant(sinceReference: stored.sinceReference + duration)
    }

    private init(sinceReference: Duration) {
        self.sinceReference = sinceReference
    }
}
