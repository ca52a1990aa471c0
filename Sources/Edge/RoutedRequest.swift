package import Core
package import HTTPTypes
import NIOCore
import Synchronization

/// A request for the router.
package struct RoutedRequest: Sendable {
    /// What was learnt from its head.
    package let received: ReceivedRequest
    /// Method, target and fields, as they came.
    package let head: HTTPRequest
    package let body: RequestBody
    package let interruption: RequestInterruption
    /// Where its tasks run; nil for the threads of all tasks.
    package let executor: (any TaskExecutor)?

    package init(
        _ received: ReceivedRequest, _ head: HTTPRequest, body: RequestBody = RequestBody(),
        interruption: RequestInterruption = RequestInterruption(), executor: (any TaskExecutor)? = nil
    ) {
        self.received = received
        self.head = head
        self.body = body
        self.interruption = interruption
        self.executor = executor
    }

    package var id: RequestID { RequestID(received.number) }
}

/// The body of a request, which may still be arriving.
package final class RequestBody: Sendable {
    private enum State {
        case arriving
        case awaited(CheckedContinuation<Result<[UInt8], BFFError>, Never>)
        case over(Result<[UInt8], BFFError>)
    }
    private let state = Mutex(State.arriving)

    package init() {}

    /// Waits for the whole body; called once.
    package func read() async throws(BFFError) -> [UInt8] {
        try await withCheckedContinuation { continuation in
            let result = state.withLock { state -> Result<[UInt8], BFFError>? in
                if case .over(let result) = state { return result }
                state = .awaited(continuation)
                return nil
            }
            if let result { continuation.resume(returning: result) }
        }.get()
    }

    /// The body has arrived, or will not; the first word counts.
    package func end(with result: Result<[UInt8], BFFError>) {
        let waiting = state.withLock { state -> CheckedContinuation<Result<[UInt8], BFFError>, Never>? in
            switch state {
            case .arriving:
                state = .over(result)
                return nil
            case .awaited(let continuation):
                state = .over(result)
                return continuation
            case .over: return nil
            }
        }
        waiting?.resume(returning: result)
    }
}

/// Why the task of a request was cancelled.
package final class RequestInterruption: Sendable {
    private let state = Mutex<BFFError?>(nil)

    package init() {}

    /// `nil` unless the task was cancelled.
    package var error: BFFError? { state.withLock { $0 } }

    func set(_ error: BFFError) { state.withLock { $0 = $0 ?? error } }
}

/// What the router does for one request.
package struct RoutedCall: Sendable {
    /// The longest body that is read, in bytes; `nil` where a body has no use.
    package let bodyLimit: Int?
    /// From the end of the request to its response, which is then cancelled.
    package let deadline: Duration
    /// Whether the request changes nothing, so that it is cancelled when its client has left.
    package let isSafe: Bool
    /// Whether its body may be so long that it has memory of its own.
    package let isUpload: Bool
    package let respond: @Sendable (RoutedRequest) async -> RoutedResponse

    package init(
        bodyLimit: Int?, deadline: Duration, isSafe: Bool, isUpload: Bool = false,
        respond: @escaping @Sendable (RoutedRequest) async -> RoutedResponse
    ) {
        self.bodyLimit = bodyLimit
        self.deadline = deadline
        self.isSafe = isSafe
        self.isUpload = isUpload
        self.respond = respond
    }
}

/// Answers what the fast path does not.
package protocol RequestRouter: Sendable {
    /// Finds what to do for a request whose head was read; called on the event loop.
    func call(for received: ReceivedRequest) -> RoutedCall
}
