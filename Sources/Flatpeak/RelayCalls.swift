package import Core
import FoundationEssentials
package import Networking
package import Resilience

/// Relayed calls as the table and the policy of all upstream calls see them.
///
/// The relay makes them on connections of its own; it asks here before each try and reports how each one ended.
package final class RelayCalls: Sendable {
    /// How many there may be at a time; whoever lets calls in lets in no more, so that they wait their turn there.
    package static let limit = 1024

    private let upstream: Upstream
    private let metrics: CallMetrics
    /// Scheme, host and port.
    package let url: String
    package let path: String
    /// From the first try's first byte to the last try's last.
    package let deadline = Operation.relay.deadline
    /// The longest answer that is read, in bytes.
    package let answerLimit = Operation.relay.answerLimit
    /// The monotonic clock by which calls are judged.
    package let now: @Sendable () -> ContinuousClock.Instant

    init(
        _ upstream: Upstream, url: String,
        now: @escaping @Sendable () -> ContinuousClock.Instant
    ) {
        self.upstream = upstream
        self.url = url
        self.now = now
        path = UpstreamCall.relay.path
        metrics = CallMetrics(Operation.relay)
    }

    /// What a `Retry-After` asks for, in seconds from now; nil when it is malformed.
    package func retryAfter(_ text: String) -> Int? {
        RetryAfter.seconds(text, at: .now)
    }

    /// Asks for one try; each that passes is followed by exactly one
    /// ``answered(_:retryAfter:for:attempt:started:at:)`` or ``failed(_:for:attempt:started:until:at:)``.
    /// - Throws: `overloaded`, `rateLimited`, `upstreamUnavailable` or `upstreamLimited`.
    package func start(for caller: CallerKey, attempt: Int, at now: ContinuousClock.Instant) throws(BFFError) {
        try upstream.start(.relay, for: caller, attempt: attempt, at: now, metrics)
    }

    /// Upstream answered with that status.
    package func answered(
        _ status: Int, retryAfter: Int?, for caller: CallerKey, attempt: Int, started: ContinuousClock.Instant,
        at now: ContinuousClock.Instant
    ) {
        _ = upstream.finish(
            .relay, for: caller, attempt: attempt, .success((status: status, retryAfter: retryAfter)), started: started,
            at: now, left: .zero, metrics)
    }

    /// There is no answer, or only a part of one.
    /// - Returns: How long to wait before the next try; nil when there must be none.
    package func failed(
        _ failure: TransportFailure, for caller: CallerKey, attempt: Int, started: ContinuousClock.Instant,
        until end: ContinuousClock.Instant, at now: ContinuousClock.Instant
    ) -> Duration? {
        let next = upstream.finish(
            .relay, for: caller, attempt: attempt, .failure(failure), started: started, at: now,
            left: now.duration(to: end), metrics)
        if case .tryAgain(let wait) = next { return wait }
        return nil
    }
}
