import Core
import Glibc
import HTTPTypes
import NIOCore
import Wire

extension ClientConnectionHandler: FastPathClient {
    // MARK: - Slots

    /// Gives the request a slot, or queues it for one.
    func acquireSlot(for request: ReceivedRequest, _ body: ByteBuffer) {
        if policy.fastPathSlots.tryAcquire() {
            loop.fastPath?.respond(to: request, body, for: self, at: request.receivedAt)
            return
        }
        let eventLoop = loop.eventLoop
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        policy.fastPathSlots.acquire { grant in
            eventLoop.execute { bound.value.slotDecided(grant == .granted, for: request, body) }
        }
    }

    private func slotDecided(_ isGranted: Bool, for request: ReceivedRequest, _ body: ByteBuffer) {
        switch machine.slotDecided(isGranted, for: request) {
        case .work: loop.fastPath?.respond(to: request, body, for: self, at: shared.now())
        case .respond(let error): respond(with: error)
        case .releaseSlot: policy.fastPathSlots.release()
        case .none: break
        }
    }

    // MARK: - The fast path's response

    func isWaiting(for number: RequestNumber) -> Bool {
        context != nil && machine.isWaiting(for: number)
    }

    func exchangeBegan(_ exchange: any FastPathExchange) {
        machine.exchangeBegan(exchange)
    }

    func responseBegan(_ status: Int, _ framing: AnswerHead.Framing, retryAfter: Int?) {
        guard context != nil, let request = machine.request else { return }
        var length: Int?
        if case .length(let known) = framing { length = known }
        let isChunked = length == nil && !request.isVersion10
        var response = loop.flushes.takeBuffer(1024 + min(length ?? 0, 8 << 10))
        writeHead(
            of: request, into: &response, status, contentType: "application/json; charset=utf-8",
            retryAfter: retryAfter, length: length, isChunked: isChunked)
        machine.responseBegan(status, isChunked: isChunked, response)
    }

    func responseContinued(_ bytes: ByteBuffer, in range: Range<Int>) {
        let loop = loop
        machine.withPending { pending, isChunked in
            if pending == nil { pending = loop.flushes.takeBuffer(range.count + 16) }
            let span = bytes.readableBytesSpan.extracting(range)
            if isChunked { pending?.writeChunk(span) } else { pending?.writeBytes(span) }
        }
    }

    private func takePending() -> ByteBuffer? {
        machine.withPending { pending, _ in
            defer { pending = nil }
            return pending
        } ?? nil
    }

    func responsePaused() {
        guard let context, let pending = takePending() else { return }
        send(pending)
        if !context.channel.isWritable { machine.exchange?.holdBack(true) }
    }

    func responseEnded(at now: ContinuousClock.Instant) {
        guard let (status, isChunked) = machine.begunResponse else { return }
        var response = takePending() ?? ByteBuffer()
        if isChunked { response.writeStaticString("0\r\n\r\n") }
        finish(response, status, at: now)
    }

    func respond(_ response: FastPathResponse) {
        guard context != nil, let request = machine.request else { return }
        var bytes = loop.flushes.takeBuffer(1024 + response.body.count)
        writeHead(
            of: request, into: &bytes, response.status, contentType: "application/json; charset=utf-8",
            retryAfter: response.retryAfter, length: response.body.count)
        bytes.writeBytes(response.body)
        finish(bytes, response.status, response.code, upstreamRequest: response.upstreamRequest, at: shared.now())
    }

    func fail(_ error: BFFError, connectToken: ConnectToken?, hasBegun: Bool) {
        guard hasBegun else { return respond(with: error, connectToken) }
        // What was written says that more will come. Only a torn connection says to every client that it will not: one
        // that was closed cleanly looks like the end of a response to HTTP/1.0.
        if let pending = takePending() { write(pending) }
        let now = shared.now()
        if let request = machine.request { log(request, machine.exchange, error.status, error.code, at: now) }
        machine.responseBroke(at: now)
        guard let context else { return }
        // What came before goes out first: a browser repeats a call of which it saw nothing but a reset.
        context.flush()
        let reset = linger(l_onoff: 1, l_linger: 0)
        let set = (context.channel as? any SocketOptionProvider)?.setSoLinger(reset)
        (set ?? context.eventLoop.makeSucceededVoidFuture()).assumeIsolated().whenComplete { _ in
            context.close(promise: nil)
        }
    }

    // MARK: - Refusals

    /// Answers the owning request with an error, in the dialect of its route.
    func respond(with error: BFFError, _ connectToken: ConnectToken? = nil) {
        guard context != nil, let request = machine.request else { return }
        let (route, refusal) = policy.refusal(of: request, error, connectToken: connectToken)
        var response = loop.flushes.takeBuffer(1024 + refusal.body.count)
        writeHead(
            of: request, into: &response, error.status, contentType: refusal.contentType,
            retryAfter: error.retryAfter, length: refusal.body.count)
        // The answer to HEAD ends with its head (RFC 9110 section 9.3.2), whatever length it names.
        if request.method != "HEAD" { response.writeBytes(refusal.body) }
        finish(response, error.status, error.code, route: route, at: shared.now())
    }

    private func writeHead(
        of request: ReceivedRequest, into response: inout ByteBuffer, _ status: Int, contentType: String,
        retryAfter: Int?, length: Int?, isChunked: Bool = false
    ) {
        response.writeAnswerHead(
            status, contentType: contentType, retryAfter: retryAfter, length: length, isChunked: isChunked,
            keepsAlive: machine.responseHeadWritten(), number: request.number, dateLine: loop.dateLine
        ) { policy.writeLines(for: request, into: &$0) }
    }

    // MARK: - The router's response

    /// Writes a whole response of the router, or the head of a stream.
    /// - Returns: Whether it is still wanted.
    func respond(_ response: RoutedResponse, to number: RequestNumber) -> Bool {
        let status = response.status.code
        guard context != nil, let request = machine.request,
            let reserved = machine.routedResponseBegan(for: number, isRefusal: status == 413)
        else { return false }
        release(reserved, of: request)
        let length = response.body.length
        var body: [UInt8] = []
        var isStream = false
        switch response.body {
        case .bytes(let bytes): body = bytes
        case .shared, .omitted: break
        case .stream: isStream = true
        }
        // HTTP/1.0 knows no chunks: the end of the connection ends the body (RFC 9112 section 6.1).
        let isChunked = isStream && !request.isVersion10
        var bytes = loop.flushes.takeBuffer(1024 + body.count)
        bytes.writeRoutedHead(
            response, length: length, isChunked: isChunked, keepsAlive: machine.responseHeadWritten(),
            dateLine: loop.dateLine)
        if isStream {
            machine.responseBegan(status, isChunked: isChunked, isStream: true, bytes)
            responsePaused()
        } else if case .shared(let body) = response.body {
            send(bytes)
            finish(body, status, at: shared.now())
        } else {
            bytes.writeBytes(body)
            finish(bytes, status, at: shared.now())
        }
        return true
    }

    var isWritable: Bool { context?.channel.isWritable ?? false }

    // MARK: - Ends of requests

    private func finish(
        _ response: ByteBuffer, _ status: Int, _ code: String? = nil, upstreamRequest: String? = nil,
        route: String? = nil, at now: ContinuousClock.Instant
    ) {
        guard let request = machine.request else { return }
        log(request, machine.exchange, status, code, upstreamRequest: upstreamRequest, route: route, at: now)
        switch machine.responseFinished(at: now) {
        case .none: break
        case .readNext:
            send(response)
            readNext()
        case .close: sendLast(response)
        }
    }

    /// Sends what is left to say; the connection ends when that has left.
    func sendLast(_ response: ByteBuffer) {
        guard let context else { return }
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in self.lastResponseSent() }
        write(response, promise: written)
        unread = ByteBuffer()
    }

    private func send(_ response: ByteBuffer) {
        write(response)
        loop.flushes.keepAfterFlush(response)
    }

    /// Writes to the socket; what is written in one turn of the loop is sent together.
    func write(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>? = nil) {
        guard let context else { return promise.map { $0.fail(ChannelError.ioOnClosedChannel) } ?? () }
        context.write(wrapOutboundOut(bytes), promise: promise)
        loop.flushes.soon(context)
    }

    /// Writes the access log line of a fast path's request.
    /// - Parameter route: The template; `nil` where the request's path is one.
    func log(
        _ request: ReceivedRequest, _ exchange: (any FastPathExchange)?, _ status: Int, _ code: String? = nil,
        upstreamRequest: String? = nil, route: String? = nil, at now: ContinuousClock.Instant
    ) {
        if let exchange, exchange.isLoggedByRouter { return }
        let line = RequestLine(
            number: request.number, method: request.method, route: route ?? request.path, status: status, code: code,
            duration: request.receivedAt.duration(to: now), trace: exchange?.traceID, upstreamRequest: upstreamRequest)
        exchange?.requestEnded(line)
        policy.write(line)
    }
}
