package import Core
package import Flatpeak
package import FoundationEssentials
import Synchronization

/// A network that answers from a script and remembers what was asked.
package final class ScriptedUpstream: UpstreamTransport {
    package typealias Answer = @Sendable (UpstreamRequest) async -> UpstreamAnswer

    private struct State {
        var answers: [String: [Answer]] = [:]
        var requests: [UpstreamRequest] = []
    }
    private let state = Mutex(State())

    package init() {
        on("login", .json(#"{"bearer_token":"bearer-1","expires_in":3600,"live_mode":false}"#))
    }

    /// Answers calls of that operation, one after the other; the last answer stays.
    package func on(_ operation: String, _ answers: UpstreamAnswer...) {
        on(operation, answers.map { answer in { _ in answer } })
    }

    /// The same with answers that are made when asked for.
    package func on(_ operation: String, _ answers: [Answer]) {
        state.withLock { $0.answers[operation] = answers }
    }

    package func send(_ request: UpstreamRequest) async throws(BFFError) -> UpstreamAnswer {
        let answer = state.withLock { state -> Answer? in
            state.requests.append(request)
            guard var left = state.answers[request.operation.name], let next = left.first else { return nil }
            if left.count > 1 { left.removeFirst() }
            state.answers[request.operation.name] = left
            return next
        }
        guard let answer else { throw .internalFailure(site: "no script for this operation") }
        return await answer(request)
    }

    /// What was asked, of one operation or of all.
    package func requests(_ operation: String? = nil) -> [UpstreamRequest] {
        state.withLock { $0.requests.filter { operation == nil || $0.operation.name == operation } }
    }
}

extension UpstreamAnswer {
    /// An answer of JSON.
    package static func json(_ text: String, status: Int = 200, retryAfter: Int? = nil) -> UpstreamAnswer {
        UpstreamAnswer(
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
        _ upstream: ScriptedUpstream, mode: FlatpeakMode? = nil,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) -> FlatpeakClient {
        FlatpeakClient(
            .init(
                apiURL: "https://api.test", connectURL: "https://connect.test", account: Secret("acc_1"),
                key: Secret("key_1"), mode: mode), transport: upstream, now: now)
    }
}

/// A wall clock and a monotonic clock that move when a test says so.
package final class TestClock: Sendable {
    private let state = Mutex((wall: Date(timeIntervalSince1970: 1_700_000_000), monotonic: ContinuousClock.now))

    package init() {}

    package var wall: Date { state.withLock { $0.wall } }
    package var monotonic: ContinuousClock.Instant { state.withLock { $0.monotonic } }

    package func advance(by seconds: Double) {
        state.withLock { state in
            state.wall += seconds
            state.monotonic += .seconds(seconds)
        }
    }
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
