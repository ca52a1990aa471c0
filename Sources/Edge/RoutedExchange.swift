import Core
import HTTPTypes
import NIOCore
import Resilience

/// The router's work for one request: what links its connection, on the event loop, with the router's task.
///
/// Touched on the event loop alone; the task comes back there.
final class RoutedExchange: FastPathExchange {
    private let call: RoutedCall
    private let request: RoutedRequest
    private let eventLoop: any EventLoop
    private var client: ClientConnectionHandler?
    private var task: Task<Void, Never>?
    /// When the work is cancelled; `nil` before the request is whole, and after the response has begun.
    private var end: ContinuousClock.Instant?
    private var hasStarted = false
    private var hasResponded = false
    private var isStreaming = false
    /// A piece of a stream that waits for its client.
    private var waiting: CheckedContinuation<Void, any Error>?

    init(
        _ call: RoutedCall, _ request: RoutedRequest, for client: ClientConnectionHandler?, on eventLoop: any EventLoop
    ) {
        self.call = call
        self.request = request
        self.client = client
        self.eventLoop = eventLoop
    }

    var bodyLimit: Int? { call.bodyLimit }
    var isUpload: Bool { call.isUpload }
    /// The router traces its requests itself.
    var traceID: String? { nil }
    var isLoggedByRouter: Bool { true }

    // MARK: - The request

    /// Starts the work, unless it has started: what needs no wait is done when this returns, its response included.
    ///
    /// So not before all that has arrived of the request was read: a response to the rest of it ends the connection.
    private func start() {
        guard !hasStarted else { return }
        hasStarted = true
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let work = Task.immediate(executorPreference: request.executor) { [call, request, eventLoop] in
            let response = await call.respond(request)
            if eventLoop.inEventLoop { return bound.value.respond(response) }
            eventLoop.execute { bound.value.respond(response) }
        }
        if !hasResponded { task = work }
    }

    /// The request is whole, or the rest of it is given up.
    func bodyEnded(with result: Result<ByteBuffer, BFFError>, at now: ContinuousClock.Instant) {
        end = now + call.deadline
        request.body.end(with: result.map { Array($0.readableBytesView) })
        start()
    }

    func requestPaused() { start() }

    // MARK: - The response

    private func respond(_ response: RoutedResponse) {
        task = nil
        end = nil
        hasResponded = true
        guard let client, client.respond(response, to: request.received.number) else { return over() }
        guard case .stream(let stream) = response.body else { return over() }
        isStreaming = true
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let writer = Writer(exchange: bound, eventLoop: eventLoop)
        task = Task(executorPreference: request.executor) { [eventLoop] in
            // A client that has left is noticed on the event loop.
            try? await stream(writer)
            eventLoop.execute { bound.value.streamEnded() }
        }
        // The stop was announced while the response was waited for.
        if client.machine.isEnding { serviceStops() }
    }

    private struct Writer: BodyWriter {
        let exchange: NIOLoopBound<RoutedExchange>
        let eventLoop: any EventLoop

        func write(_ bytes: [UInt8]) async throws {
            try await withCheckedThrowingContinuation { continuation in
                eventLoop.execute { exchange.value.write(bytes, continuation) }
            }
        }
    }

    private func write(_ bytes: [UInt8], _ continuation: CheckedContinuation<Void, any Error>) {
        guard let client else { return continuation.resume(throwing: ChannelError.ioOnClosedChannel) }
        client.responseContinued(ByteBuffer(bytes: bytes), in: 0..<bytes.count)
        waiting = continuation
        client.responsePaused()
        if client.isWritable { resume() }
    }

    private func resume() {
        waiting?.resume()
        waiting = nil
    }

    private func streamEnded() {
        client?.responseEnded(at: client?.shared.now() ?? .now)
        over()
    }

    /// Lets go of the connection, which lets go of this.
    private func over() {
        client = nil
        task = nil
        waiting?.resume(throwing: ChannelError.ioOnClosedChannel)
        waiting = nil
    }

    // MARK: - The connection

    func holdBack(_ isHeldBack: Bool) {
        if !isHeldBack { resume() }
    }

    func inputEnded() {
        if call.isSafe { interrupt(.clientClosed) }
    }

    func clientLeft() {
        request.body.end(with: .failure(.clientClosed))
        if call.isSafe || isStreaming { interrupt(.clientClosed) }
        over()
    }

    /// The service stops: a stream would keep it for long.
    func serviceStops() {
        if isStreaming { task?.cancel() }
    }

    func requestEnded(_ line: RequestLine) {}

    func tick(at now: ContinuousClock.Instant) {
        if let end, now > end { interrupt(.overloaded) }
    }

    private func interrupt(_ error: BFFError) {
        request.interruption.set(error)
        task?.cancel()
    }
}
