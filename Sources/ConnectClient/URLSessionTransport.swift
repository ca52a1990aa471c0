import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Sends requests with one URLSession that stores nothing: no cookies, no cache, no credentials.
///
/// A delegate of the session is used in place of `bytes(for:)`, which does not exist on Linux, nor before macOS 12.
actor URLSessionTransport: Transport {
    private typealias Exchange = AsyncThrowingStream<Part, any Error>.Continuation
    private typealias Events = AsyncStream<(task: Int, event: Event)>

    /// A part of an answer, in its order.
    private enum Part: Sendable {
        case head(AnswerHead)
        case data(Data)
    }
    /// What the session reports of a task.
    private enum Event: Sendable {
        case data(Data, AnswerHead?)
        case end(AnswerHead?, ConnectError?)
    }

    private let base: URL
    private let session: URLSession
    private let events: Events.Continuation
    private var exchanges: [Int: Exchange] = [:]
    private var hasSent = false
    /// The exchanges whose head was passed on.
    private var begun: Set<Int> = []

    /// - Parameter base: The service's address.
    init(base: URL) {
        let (arriving, events) = Events.makeStream()
        let configuration = URLSessionConfiguration.ephemeral
        configuration.httpCookieStorage = nil
        configuration.urlCache = nil
        configuration.urlCredentialStorage = nil
        // Streams stay open, and must not keep the other calls waiting.
        configuration.httpMaximumConnectionsPerHost = 24
        self.base = base
        self.events = events
        session = URLSession(configuration: configuration, delegate: Delegate(events: events), delegateQueue: nil)
        // Ends with the stream, at deinit.
        Task { [weak self] in
            for await (task, event) in arriving { await self?.deliver(event, to: task) }
        }
    }

    deinit {
        session.invalidateAndCancel()
        events.finish()
    }

    func send(_ call: Call, bearer: String) async throws -> (AnswerHead, AsyncThrowingStream<Data, any Error>) {
        if needsFreshConnection(call), hasSent {
            return try await URLSessionTransport(base: base).send(call, bearer: bearer)
        }
        hasSent = true
        let task = session.dataTask(with: try request(call, bearer: bearer))
        let (arriving, exchange) = AsyncThrowingStream<Part, any Error>.makeStream()
        // Also when the caller is cancelled, and when it leaves the body unread.
        exchange.onTermination = { _ in task.cancel() }
        exchanges[task.taskIdentifier] = exchange
        task.resume()
        var parts = arriving.makeAsyncIterator()
        guard case .head(let head)? = try await parts.next() else {
            try Task.checkCancellation()
            throw ConnectError(.networkError)
        }
        let body = AsyncThrowingStream<Data, any Error> {
            // The session must not end before its exchange.
            defer { withExtendedLifetime(self) {} }
            for try await part in arriving {
                if case .data(let data) = part { return data }
            }
            try Task.checkCancellation()
            return nil
        }
        return (head, body)
    }

    /// Whether the system must not send the call over a connection that was used before.
    ///
    /// Where such a connection breaks, it sends the call again by itself, also one that is to be sent once. On Linux it
    /// then waits for ever where the call has a body.
    private func needsFreshConnection(_ call: Call) -> Bool {
        #if canImport(FoundationNetworking)
            !call.isRepeatable || call.body != nil
        #else
            !call.isRepeatable
        #endif
    }

    private func deliver(_ event: Event, to task: Int) {
        guard let exchange = exchanges[task] else { return }
        switch event {
        case .data(let data, let head):
            begin(exchange, task, head)
            exchange.yield(.data(data))
        case .end(let head, let error):
            begin(exchange, task, head)
            exchange.finish(throwing: error)
            exchanges[task] = nil
            begun.remove(task)
        }
    }

    private func begin(_ exchange: Exchange, _ task: Int, _ head: AnswerHead?) {
        if let head, begun.insert(task).inserted { exchange.yield(.head(head)) }
    }

    private func request(_ call: Call, bearer: String) throws -> URLRequest {
        var components = URLComponents(url: base, resolvingAgainstBaseURL: true)
        let path = components?.percentEncodedPath ?? ""
        components?.percentEncodedPath = (path.last == "/" ? String(path.dropLast()) : path) + call.path
        components?.percentEncodedQuery = call.query
        guard let url = components?.url else {
            throw ConnectError(.networkError, detail: "The service's address is no address of HTTP.")
        }
        var request = URLRequest(url: url, timeoutInterval: call.idle)
        request.httpMethod = call.method
        request.httpBody = call.body
        request.setValue("Bearer \(bearer)", forHTTPHeaderField: "Authorization")
        if call.body != nil { request.setValue("application/json", forHTTPHeaderField: "Content-Type") }
        for (name, value) in call.headers { request.setValue(value, forHTTPHeaderField: name) }
        return request
    }

    /// Passes on what the session reports, in its order.
    private final class Delegate: NSObject, URLSessionDataDelegate, Sendable {
        #if canImport(FoundationNetworking)
            typealias Redirection = (URLRequest?) -> Void
        #else
            typealias Redirection = @Sendable (URLRequest?) -> Void
        #endif

        private let events: Events.Continuation

        init(events: Events.Continuation) { self.events = events }

        func urlSession(_: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
            events.yield((dataTask.taskIdentifier, .data(data, AnswerHead(dataTask.response))))
        }

        func urlSession(_: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
            // The error's own text names the address that was asked.
            let failure = error.map { _ in ConnectError(.networkError) }
            events.yield((task.taskIdentifier, .end(failure == nil ? AnswerHead(task.response) : nil, failure)))
        }

        /// The service redirects none of these requests, and a bearer goes nowhere else.
        func urlSession(
            _: URLSession, task _: URLSessionTask, willPerformHTTPRedirection _: HTTPURLResponse,
            newRequest _: URLRequest, completionHandler: @escaping Redirection
        ) {
            completionHandler(nil)
        }
    }
}

extension AnswerHead {
    fileprivate init?(_ response: URLResponse?) {
        guard let response = response as? HTTPURLResponse else { return nil }
        var headers: [String: String] = [:]
        for case (let name as String, let value as String) in response.allHeaderFields {
            headers[name.lowercased()] = value
        }
        self.init(status: response.statusCode, headers: headers)
    }
}
