import Core
import Glibc
import NIOCore
import NIOHTTP1
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
        if let pending = takePending() { socket.send(pending) }
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
        let (route, refusal) = policy.refusal(
            of: request.path, error, id: RequestID(request.number), connectToken: connectToken)
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
        case .close:
            guard let context else { return }
            let written = context.eventLoop.makePromise(of: Void.self)
            written.futureResult.assumeIsolated().whenComplete { _ in self.lastResponseSent() }
            socket.send(response, promise: written)
            unread = ByteBuffer()
        }
    }

    private func send(_ response: ByteBuffer) {
        socket.send(response)
        loop.flushes.keepAfterFlush(response)
    }

    /// Writes the access log line of a fast path's request.
    /// - Parameter route: The template; `nil` where the request's path is one.
    func log(
        _ request: ReceivedRequest, _ exchange: (any FastPathExchange)?, _ status: Int, _ code: String? = nil,
        upstreamRequest: String? = nil, route: String? = nil, at now: ContinuousClock.Instant
    ) {
        let line = RequestLine(
            number: request.number, method: request.method, route: route ?? request.path, status: status, code: code,
            duration: request.receivedAt.duration(to: now), trace: exchange?.traceID, upstreamRequest: upstreamRequest)
        exchange?.requestEnded(line)
        policy.write(line)
    }

    // MARK: - The router's response

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head):
            guard let isLast = machine.routedResponseBegan(isRefusal: head.status == .payloadTooLarge),
                let request = machine.request
            else { return refuseWrite(promise) }
            if isLast { head.headers.replaceOrAdd(name: "Connection", value: "close") }
            frame(&head, for: request)
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body:
            guard machine.isRouted else { return refuseWrite(promise) }
            context.write(data, promise: promise)
        case .end:
            guard machine.isRouted else { return refuseWrite(promise) }
            switch machine.routedResponseEnded(at: shared.now()) {
            case .none: context.write(data, promise: promise)
            case .readNext:
                context.write(data, promise: promise)
                readNext()
            case .close:
                let written = promise ?? context.eventLoop.makePromise(of: Void.self)
                written.futureResult.assumeIsolated().whenComplete { _ in self.lastResponseSent() }
                context.writeAndFlush(data, promise: written)
                unread = ByteBuffer()
            }
        }
    }

    /// The request was refused meanwhile; what the router has to say comes too late.
    private func refuseWrite(_ promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.ioOnClosedChannel)
    }

    private func frame(_ head: inout HTTPResponseHead, for request: ReceivedRequest) {
        if !head.status.mayHaveResponseBody {
            head.headers.remove(name: "Content-Length")
        } else if !head.headers.contains(name: "Content-Length"), request.method != "HEAD", !request.isVersion10 {
            // For HTTP/1.0, which knows no chunks, the end of the connection ends the body (RFC 9112 section 6.1).
            head.headers.add(name: "Transfer-Encoding", value: "chunked")
        }
    }

    /// Lets what is still on its way go out before the router closes, as it does when it has written its last.
    ///
    /// Cut off, it would end like a whole answer (R29).
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode != .input, context.channel.isActive else { return context.close(mode: mode, promise: promise) }
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { _ in context.close(mode: mode, promise: promise) }
        socket.send(ByteBuffer(), promise: sent)
    }
}
