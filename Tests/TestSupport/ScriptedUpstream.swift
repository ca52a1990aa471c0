import Core
package import Flatpeak
package import FoundationEssentials
package import Logging
package import Networking
import Synchronization
package import Tracing

/// A network that answers from a script and remembers what was asked.
package final class ScriptedUpstream: UpstreamTransport {
    package typealias Answer = @Sendable (UpstreamRequest) async -> Result<HTTPAnswer, TransportFailure>

    private struct State {
        var answers: [String: [Answer]] = [:]
        var requests: [UpstreamRequest] = []
    }
    private let state = Mutex(State())

    package init() {
        on("login", .json(#"{"bearer_token":"bearer-1","expires_in":3600,"live_mode":false}"#))
    }

    /// Answers calls of that operation, one after the other; the last answer stays.
    package func on(_ operation: String, _ answers: HTTPAnswer...) {
        on(operation, answers.map { answer in { _ in .success(answer) } })
    }

    /// The same with answers that are made when asked for.
    package func on(_ operation: String, _ answers: [Answer]) {
        state.withLock { $0.answers[operation] = answers }
    }

    package func send(_ request: UpstreamRequest) async throws(TransportFailure) -> HTTPAnswer {
        let answer = state.withLock { state -> Answer? in
            state.requests.append(request)
            guard var left = state.answers[request.operation.name], let next = left.first else { return nil }
            if left.count > 1 { left.removeFirst() }
            state.answers[request.operation.name] = left
            return next
        }
        guard let answer else { throw .notConnected }
        return try await answer(request).get()
    }

    /// What was asked, of one operation or of all.
    package func requests(_ operation: String? = nil) -> [UpstreamRequest] {
        state.withLock { $0.requests.filter { operation == nil || $0.operation.name == operation } }
    }
}

extension HTTPAnswer {
    /// An answer of JSON.
    package static func json(_ text: String, status: Int = 200, retryAfter: Int? = nil) -> HTTPAnswer {
        HTTPAnswer(
            status: status, contentType: "application/json; charset=utf-8", retryAfter: retryAfter,
            body: Array(text.utf8))
    }
}

extension UpstreamRequest {
    /// The value of a header.
    package func header(_ name: String) -> String? {
        headers.first { $0.name == name }?.value
    }

    /// The body as text.
    package var text: String { String(decoding: body ?? [], as: UTF8.self) }
}

extension FlatpeakClient {
    /// A client of an upstream that does not exist, with keys that open nothing.
    package static func scripted(
        _ upstream: ScriptedUpstream, version: FlatpeakVersion = .anode, mode: FlatpeakMode? = nil,
        keys: [String] = ["key_1"], connectURL: String = "https://connect.test", clock: TestClock = TestClock(),
        time: ServiceClock? = nil, tracer: (any Tracer)? = nil, logger: Logger = .silent
    ) -> FlatpeakClient {
        FlatpeakClient(
            .init(
                apiURL: "https://api.test", connectURL: connectURL, logosURL: "https://logos.test",
                credentials: Credentials(account: Secret("acc_1"), keys: keys.map { Secret($0) }), version: version,
                mode: mode), transport: upstream, time: time ?? clock.time, date: { clock.wall }, tracer: tracer,
            logger: logger)
    }
}

/// A wall clock and a monotonic clock that move when a test says so.
package final class TestClock: Sendable {
    private let state = Mutex((wall: Date(timeIntervalSince1970: 1_700_000_000), monotonic: ContinuousClock.now))

    package init() {}

    package var wall: Date { state.withLock { $0.wall } }
    package var monotonic: ContinuousClock.Instant { state.withLock { $0.monotonic } }

    /// The wall clock is set; no time passes.
    package func setWall(forwardBy seconds: Double) {
        state.withLock { $0.wall += seconds }
    }

    package func advance(by seconds: Double) {
        state.withLock { state in
            state.wall += seconds
            state.monotonic += .seconds(seconds)
        }
    }
}

extension TestClock {
    /// This clock as the client's time: a wait is over at once and moves the clock.
    package var time: ServiceClock {
        ServiceClock(
            now: { self.monotonic },
            sleep: { wait in
                try Task.checkCancellation()
                self.advance(by: Double(wait.components.seconds) + Double(wait.components.attoseconds) * 1e-18)
            }, jitter: { 0.5 })
    }
}

extension Logger {
    /// A logger that says nothing.
    package static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

/// Bytes that look random and are the same in every run.
package func countingBytes() -> @Sendable (Int) -> [UInt8] {
    let counter = Counter()
    return { count in
        let start = counter.next()
        return (0..<count).map { UInt8(truncatingIfNeeded: start &* 31 &+ $0 &* 7 &+ (start >> 8)) }
    }
}

private final class Counter: Sendable {
    private let value = Mutex(0)
    func next() -> Int {
        value.withLock {
            $0 += 1; return $0
        }
    }
}
