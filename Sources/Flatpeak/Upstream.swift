package import Core
import Metrics
import Networking
import Resilience
import Synchronization
import Tracing

/// The driver of ``CallPolicy``: makes calls within their deadline and again where that is allowed.
final class Upstream: Sendable {
    private let transport: any UpstreamTransport
    private let time: ServiceClock
    private let tracer: (any Tracer)?
    private let policy: Mutex<CallPolicy>
    private let kept = Mutex<[String: CallMetrics]>([:])
    /// Breakers that have just opened and are to be probed.
    private let openings = AsyncStream<Operation.Breaker>.makeStream()

    init(_ transport: any UpstreamTransport, time: ServiceClock, tracer: (any Tracer)? = nil) {
        self.transport = transport
        self.time = time
        self.tracer = tracer
        policy = Mutex(CallPolicy(epoch: time.now()))
    }

    /// Makes a call, and again where its class allows.
    /// - Returns: Whatever upstream answered in the end.
    func send(_ request: UpstreamRequest) async throws(BFFError) -> HTTPAnswer {
        try await outcome(of: request).mapError(\.bffError).get()
    }

    /// Makes a call, and again where its class allows.
    /// - Returns: How the last try ended.
    /// - Throws: Why no try, or no further one, was allowed.
    func outcome(of request: UpstreamRequest) async throws(BFFError) -> Result<HTTPAnswer, TransportFailure> {
        let operation = request.operation
        let metrics = metrics(of: operation)
        let end = time.now() + request.timeLimit
        var attempt = 1
        while true {
            let started = time.now()
            try start(operation, for: request.caller, attempt: attempt, at: started, metrics)
            var request = request
            request.timeLimit = started.duration(to: end)
            let answer = await tracedAnswer(to: request)
            let finished = time.now()
            let next = finish(
                operation, for: request.caller, attempt: attempt, answer.map { ($0.status, $0.retryAfter) },
                started: started,
                at: finished, left: finished.duration(to: end), metrics)
            guard case .tryAgain(let wait) = next else { return answer }
            // Cancelled while waiting: the try that failed is the answer.
            guard (try? await time.sleep(wait)) != nil else { return answer }
            attempt += 1
        }
    }

    /// One try in a span of its own, which upstream receives; the trace is ours, whoever called.
    private func tracedAnswer(to request: UpstreamRequest) async -> Result<HTTPAnswer, TransportFailure> {
        guard let tracer else { return await answer(to: request) }
        let span = tracer.startSpan("flatpeak.\(request.operation.name)", ofKind: .client)
        defer { span.end() }
        var request = request
        tracer.inject(span.context, into: &request.headers, using: HeaderInjector())
        let answer = await answer(to: request)
        switch answer {
        case .success(let answer):
            span.attributes["http.response.status_code"] = answer.status
            if answer.status >= 500 { span.setStatus(SpanStatus(code: .error)) }
        case .failure(let failure):
            span.attributes["error.type"] = failure.label
            span.setStatus(SpanStatus(code: .error))
        }
        return answer
    }

    private struct HeaderInjector: Injector {
        func inject(_ value: String, forKey key: String, into headers: inout [(name: String, value: String)]) {
            headers.append((name: key, value: value))
        }
    }

    private func answer(to request: UpstreamRequest) async -> Result<HTTPAnswer, TransportFailure> {
        do throws(TransportFailure) { return .success(try await transport.send(request)) } catch {
            return .failure(error)
        }
    }

    // MARK: - Around one try, whoever makes it

    /// Asks the policy for one try; see ``CallPolicy/start(_:for:attempt:at:)``.
    func start(
        _ operation: Operation, for caller: CallerKey?, attempt: Int, at now: ContinuousClock.Instant,
        _ metrics: CallMetrics
    ) throws(BFFError) {
        let (refusal, hasOpened) = policy.withLock { policy -> (BFFError?, Bool) in
            let wasClosed = operation.breaker.map { !policy.isOpen($0) } ?? false
            do throws(BFFError) {
                try policy.start(operation, for: caller, attempt: attempt, at: now)
                return (nil, false)
            } catch {
                // A retry that is refused ends a call that failed, which may be the one that opens the breaker.
                return (error, wasClosed && operation.breaker.map { policy.isOpen($0) } ?? false)
            }
        }
        if hasOpened, let breaker = operation.breaker { openings.continuation.yield(breaker) }
        guard let refusal else { return }
        metrics.count(.notSent(refusal))
        throw refusal
    }

    private func metrics(of operation: Operation) -> CallMetrics {
        kept.withLock { kept in
            if let metrics = kept[operation.name] { return metrics }
            let metrics = CallMetrics(operation)
            kept[operation.name] = metrics
            return metrics
        }
    }

    /// Records with the policy, and for operators, how a try ended.
    func finish(
        _ operation: Operation, for caller: CallerKey?, attempt: Int,
        _ answer: Result<(status: Int, retryAfter: Int?), TransportFailure>, started: ContinuousClock.Instant,
        at now: ContinuousClock.Instant, left: Duration, _ metrics: CallMetrics
    ) -> CallPolicy.Next {
        let result = CallPolicy.Result(answer)
        // Chance comes from the kernel, and a call that went well takes none.
        let jitter = result == .answered ? 0 : time.jitter()
        let (next, hasOpened) = policy.withLock { policy in
            let wasClosed = result != .answered && operation.breaker.map { !policy.isOpen($0) } ?? false
            let next = policy.finish(
                operation, for: caller, attempt: attempt, result, at: now, jitter: jitter, left: left)
            return (next, wasClosed && operation.breaker.map { policy.isOpen($0) } ?? false)
        }
        if hasOpened, let breaker = operation.breaker { openings.continuation.yield(breaker) }
        switch answer {
        case .success(let answer): metrics.count(.answered(status: answer.status))
        case .failure(let failure): metrics.count(.failed(failure))
        }
        metrics.took(started.duration(to: now))
        return next
    }

    // MARK: - Probes

    /// Probes breakers that opened until they close again, until cancelled.
    /// - Parameter request: Makes the request of a probe.
    func probeOpenBreakers(
        _ request: @escaping @Sendable (Operation) async throws(BFFError) -> UpstreamRequest
    ) async {
        await withDiscardingTaskGroup { group in
            for await breaker in openings.stream {
                guard let probe = breaker.probe else { continue }
                group.addTask { await self.probe(breaker, by: probe, request) }
            }
        }
    }

    private func probe(
        _ breaker: Operation.Breaker, by operation: Operation,
        _ request: @Sendable (Operation) async throws(BFFError) -> UpstreamRequest
    ) async {
        while let pause = policy.withLock({ $0.pauseBeforeProbe(of: breaker, at: time.now()) }) {
            guard (try? await time.sleep(pause)) != nil else { return }
            guard policy.withLock({ $0.beginProbe(of: breaker, at: time.now()) }) else { continue }
            // No answer below 500 says anything but that the host is at work.
            let answer = try? await send(try await request(operation))
            let isAlive = Task.isCancelled ? nil : answer.map { $0.status < 500 } ?? false
            policy.withLock { $0.endProbe(of: breaker, isAlive: isAlive, at: time.now(), jitter: time.jitter()) }
        }
    }

    // MARK: - What operators see

    /// The breakers that are open, and the retries that may still be made.
    var status: (openBreakers: Set<Operation.Breaker>, retriesLeft: Int) {
        let now = time.now()
        return policy.withLock { policy in
            (Set(Operation.Breaker.allCases.filter { policy.isOpen($0) }), policy.retriesLeft(at: now))
        }
    }
}

extension CallPolicy.Result {
    fileprivate init(_ answer: Swift.Result<(status: Int, retryAfter: Int?), TransportFailure>) {
        self =
            switch answer {
            case .success(let answer) where answer.status == 429: .limited(retryAfter: answer.retryAfter)
            case .success(let answer) where answer.status >= 500: .broken
            case .success: .answered
            case .failure(.notConnected): .notConnected
            case .failure(.cancelled): .abandoned
            case .failure(.broken), .failure(.timedOut), .failure(.unreadable), .failure(.encoded): .broken
            }
    }
}

extension TransportFailure {
    /// The failure as the call's error.
    package var bffError: BFFError {
        switch self {
        case .notConnected, .broken: .upstreamUnreachable
        case .timedOut: .upstreamTimedOut
        case .unreadable, .encoded: .upstreamInvalidAnswer
        case .cancelled: .clientClosed
        }
    }
}
