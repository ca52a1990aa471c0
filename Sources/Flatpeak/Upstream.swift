import Core
import Metrics
import Synchronization

/// The driver of ``CallPolicy``: makes calls within their deadline and again where that is allowed.
final class Upstream: Sendable {
    private let transport: any UpstreamTransport
    private let time: UpstreamTime
    private let policy: Mutex<CallPolicy>

    init(_ transport: any UpstreamTransport, time: UpstreamTime) {
        self.transport = transport
        self.time = time
        policy = Mutex(CallPolicy(epoch: time.now()))
    }

    /// Makes a call, and again where its class allows.
    /// - Returns: Whatever upstream answered in the end.
    func send(_ request: UpstreamRequest) async throws(BFFError) -> UpstreamAnswer {
        let operation = request.operation
        let end = time.now() + request.timeLimit
        var attempt = 1
        while true {
            let started = time.now()
            do throws(BFFError) {
                try policy.withLock { (policy) throws(BFFError) in
                    try policy.start(operation, attempt: attempt, at: started)
                }
            } catch {
                count(operation, "not_sent")
                throw error
            }
            var request = request
            request.timeLimit = started.duration(to: end)
            let answer = await answer(to: request)
            let finished = time.now()
            let next = policy.withLock { policy in
                policy.finish(
                    operation, attempt: attempt, CallPolicy.Result(answer), at: finished, jitter: time.jitter(),
                    left: finished.duration(to: end))
            }
            report(operation, answer, took: started.duration(to: finished))
            guard case .tryAgain(let wait) = next else { return try answer.mapError(\.told).get() }
            // Cancelled while waiting: the try that failed is the answer.
            guard (try? await time.sleep(wait)) != nil else { return try answer.mapError(\.told).get() }
            attempt += 1
        }
    }

    private func answer(to request: UpstreamRequest) async -> Result<UpstreamAnswer, TransportFailure> {
        do throws(TransportFailure) { return .success(try await transport.send(request)) } catch {
            return .failure(error)
        }
    }

    // MARK: - Metrics

    private func report(
        _ operation: Operation, _ answer: Result<UpstreamAnswer, TransportFailure>, took: Duration
    ) {
        switch answer {
        case .success(let answer): count(operation, "\(answer.status / 100)xx")
        case .failure(let failure): count(operation, "\(failure)")
        }
        Timer(label: "connect_bff_upstream_seconds", dimensions: [("operation", operation.name)]).record(duration: took)
        let (isOpen, retriesLeft) = policy.withLock { ($0.isOpen(operation.host), $0.retriesLeft(at: time.now())) }
        Gauge(label: "connect_bff_breaker_open", dimensions: [("host", operation.host.rawValue)]).record(isOpen ? 1 : 0)
        Gauge(label: "connect_bff_retries_left").record(retriesLeft)
    }

    private func count(_ operation: Operation, _ result: String) {
        Counter(label: "connect_bff_upstream_calls", dimensions: [("operation", operation.name), ("result", result)])
            .increment()
    }
}

extension CallPolicy.Result {
    fileprivate init(_ answer: Swift.Result<UpstreamAnswer, TransportFailure>) {
        self =
            switch answer {
            case .success(let answer) where answer.status == 429: .limited(retryAfter: answer.retryAfter)
            case .success(let answer) where answer.status >= 500: .broken
            case .success: .answered
            case .failure(.notConnected): .notConnected
            case .failure(.cancelled): .abandoned
            case .failure(.broken), .failure(.timedOut), .failure(.unreadable): .broken
            }
    }
}

extension TransportFailure {
    /// The failure as the caller of a call hears it.
    fileprivate var told: BFFError {
        switch self {
        case .notConnected, .broken: .upstreamUnreachable
        case .timedOut: .upstreamTimedOut
        case .unreadable: .upstreamInvalidAnswer
        case .cancelled: .clientClosed
        }
    }
}

/// Time and chance, handed in so that tests own them.
package struct UpstreamTime: Sendable {
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

    /// The machine's.
    package static let real = UpstreamTime(
        now: { .now }, sleep: { try await ContinuousClock().sleep(for: $0) }, jitter: { .random(in: 0..<1) })
}
