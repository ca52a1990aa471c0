import Core
import HTTPTypes
import NIOCore
import Wire

/// A client's connection: reads requests, hands them to the fast path or to the router, and writes their responses.
///
/// Bytes come from the socket and are read here, request by request. What happens then is decided by
/// ``ClientConnectionStateMachine``; this performs it.
final class ClientConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let loop: EdgeLoop
    private let peer: Peer
    var context: ChannelHandlerContext?
    var machine: ClientConnectionStateMachine
    private var reader = RequestReader()
    /// What was not read: a head that is not complete, or later requests, for which nothing more is taken in.
    var unread = ByteBuffer()
    /// Of what the body of the request takes memory that owns the connection.
    private var bodies: BodyMemory
    private var isReading = false
    private var wantsToRead = false
    /// While more was written than the connection holds.
    var progress: WriteProgress?
    /// Where the loop keeps it.
    var index = 0

    private static let longestTarget = 8 << 10

    init(_ loop: EdgeLoop, peer: Peer) {
        self.loop = loop
        self.peer = peer
        bodies = loop.shared.policy.bodies
        machine = ClientConnectionStateMachine(at: loop.shared.now(), isDraining: loop.shared.isDraining)
    }

    var shared: ClientConnections { loop.shared }
    var policy: EdgePolicy { loop.shared.policy }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        connectionClosed()
        self.context = nil
    }

    // MARK: - What arrives

    func channelActive(context: ChannelHandlerContext) { readOn(context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        switch machine.bytesArrived(bytes.readableBytes) {
        case .read: break
        case .drop: return
        case .close: return context.close(promise: nil)
        }
        if unread.readableBytes == 0 {
            if machine.isIdle, !isHeldBack, shared.readsPlain, readWhole(bytes) { return }
            unread = bytes
        } else {
            // Otherwise it would grow for as long as each read ends within a request.
            unread.discardReadBytes()
            unread.writeImmutableBuffer(bytes)
        }
        readRequests()
    }

    /// Takes a fast path's request that came whole and in the plain shape.
    /// - Returns: Whether it was one; if not, the bytes are for the complete reader.
    private func readWhole(_ bytes: ByteBuffer) -> Bool {
        let span = bytes.readableBytesUInt8Span
        var head = RequestHeadFacts()
        let texts = loop.texts
        guard let plain = PlainRequest.read(span, field: { head.note($0, $1, in: $2, texts) }),
            span.matches("POST", in: plain.method),
            let path = shared.fastPaths.first(where: { span.matches($0, in: plain.target) })
        else { return false }
        let request = ReceivedRequest(
            number: loop.nextNumber(), method: "POST", path: path, head: head, from: peer, at: shared.now())
        guard policy.isSound(request, isForUs: true) else {
            perform(machine.headRefused(request, .malformedHeader))
            return true
        }
        switch machine.wholeRequestRead(request, refusal: policy.headRefusal(of: request)) {
        case .acquireSlot:
            let body = bytes.getSlice(at: bytes.readerIndex + plain.body.lowerBound, length: plain.body.count)
            acquireSlot(for: request, body ?? ByteBuffer())
        case .respond(let error): respond(with: error)
        }
        return true
    }

    /// Reads on, as long as what is read belongs to the request that owns the connection, or may begin one.
    private func readRequests() {
        guard !isReading else { return }
        isReading = true
        defer { isReading = false }
        while machine.readsRequests, !isHeldBack {
            let bytes = unread
            var offset = 0
            let event = reader.next(bytes.readableBytesUInt8Span, &offset)
            unread.moveReaderIndex(forwardBy: offset)
            var framing = offset
            var isPaused = false
            switch event {
            case .needsMore:
                isPaused = true
                if unread.readableBytes == 0 { unread = ByteBuffer() }
                machine.readerPaused(unread: unread.readableBytes, at: shared.now())
                machine.exchange?.requestPaused()
            case .head(let head):
                framing = 0
                headRead(head, in: bytes)
            case .body(let range):
                framing -= range.count
                if let piece = bytes.getSlice(at: bytes.readerIndex + range.lowerBound, length: range.count) {
                    bodyRead(piece)
                }
            case .end:
                reader = RequestReader()
                requestEnded()
            case .refused(.tooLarge):
                let unread = unread
                perform(
                    machine.headOverflowed(unread.readableBytesUInt8Span, .headersTooLarge, at: shared.now()))
                isPaused = true
            case .refused(let fault): perform(machine.failed(BFFError(fault)))
            }
            perform(machine.framingRead(framing, limit: policy.fastPathBodyLimit))
            if isPaused { break }
        }
        if !machine.readsRequests, !machine.holdsUnread { unread = ByteBuffer() }
    }

    private func headRead(_ head: RequestHead, in bytes: ByteBuffer) {
        let span = bytes.readableBytesUInt8Span
        let method = span.text(in: head.method)
        let text = span.text(in: head.target)
        let target = RequestTarget(text)
        let path = target?.path ?? ""
        let fastPath = method == "POST" ? shared.fastPaths.first { $0.equalsBytes(of: path) } : nil
        let request = ReceivedRequest(
            number: loop.nextNumber(), method: method, path: fastPath ?? String(path),
            head: RequestHeadFacts(head, in: span, loop.texts), isVersion10: head.isVersion10,
            keepsAlive: head.keepsAlive,
            from: peer, at: shared.now())
        // It would make a tunnel of the connection.
        if method == "CONNECT" { return perform(machine.headRefused(request, .methodUnknown)) }
        // `OPTIONS *` asks about the server itself (RFC 9110 section 9.3.7).
        let isForUs =
            target.map { $0.authority.map { request.head.host?.equalsIgnoringASCIICase($0) == true } ?? true }
            ?? (text == "*" && method == "OPTIONS")
        guard policy.isSound(request, isForUs: isForUs) else {
            return perform(machine.headRefused(request, .malformedHeader))
        }
        if text.utf8.count > Self.longestTarget { return perform(machine.headRefused(request, .targetTooLong)) }
        bodies = policy.bodies
        if fastPath != nil {
            return perform(
                machine.fastPathHeadRead(
                    request, refusal: policy.headRefusal(of: request), from: policy.client(of: request)))
        }
        let routed = RoutedRequest(
            request, HTTPRequest(head, in: span, method: method, target: target?.origin ?? text),
            executor: loop.executor)
        let exchange = RoutedExchange(shared.router.call(for: request), routed, for: self, on: loop.eventLoop)
        if exchange.isUpload { bodies = policy.uploads }
        let limit = exchange.bodyLimit ?? .max
        let isTooLarge = request.head.contentLength.map { $0 > limit } ?? false
        perform(
            machine.routedHeadRead(request, exchange, isTooLarge: isTooLarge, from: policy.client(of: request)))
        if isTooLarge { perform(machine.failed(.bodyTooLarge(limit: limit))) }
    }

    private func bodyRead(_ bytes: ByteBuffer) {
        perform(
            machine.bodyRead(bytes, limit: policy.fastPathBodyLimit) { [bodies] count, client in
                bodies.reserve(count, for: client)
            })
    }

    private func requestEnded() {
        let request = machine.request
        switch machine.requestEnded() {
        case .none: break
        case .acquireSlot(let body, let reserved):
            guard let request else { return }
            release(reserved, of: request)
            acquireSlot(for: request, body)
        case .respond(let error, let reserved): refuse(error, releasing: reserved)
        case .deliver(let exchange, let body, let reserved):
            if let request { release(reserved, of: request) }
            exchange.bodyEnded(with: .success(body), at: shared.now())
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        perform(machine.readCompleted())
        readOn(context)
    }

    /// Asks for more, unless a later request waits here.
    ///
    /// A channel that does so by itself costs a relayed call more than its limits.
    private func readOn(_ context: ChannelHandlerContext) {
        if isHolding { wantsToRead = true } else { context.read() }
    }

    private var isHolding: Bool { isHeldBack || (unread.readableBytes > 0 && machine.holdsUnread) }

    /// Whether no further request is read before the client has taken what was answered: it would cost the memory of all
    /// responses that its pipelined requests ask for.
    var isHeldBack: Bool { progress != nil && machine.isIdle }

    // MARK: - Actions

    private func perform(_ action: ClientConnectionStateMachine.HeadAction) {
        switch action {
        case .readBody(let sendsContinue):
            if sendsContinue { write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")) }
        case .respond(let error): respond(with: error)
        }
    }

    func perform(_ action: ClientConnectionStateMachine.RefusalAction) {
        switch action {
        case .none: break
        case .respond(let error, let reserved): refuse(error, releasing: reserved)
        case .failBody(let exchange, let error, let reserved):
            if let request = machine.request { release(reserved, of: request) }
            exchange.bodyEnded(with: .failure(error), at: shared.now())
        }
    }

    func perform(_ action: ClientConnectionStateMachine.FaultAction) {
        switch action {
        case .none: break
        case .close: context?.close(promise: nil)
        case .refuseHead(let error): refuseHead(error)
        case .refuse(let refusal): perform(refusal)
        }
    }

    /// Refuses a request whose head was not read; its page is answered in the form that it can read, and HEAD without a
    /// body.
    func refuseHead(_ error: BFFError) {
        let (path, head) = PartialHead.read(unread.readableBytesUInt8Span)
        let method = unread.readableBytesView.starts(with: "HEAD ".utf8) ? "HEAD" : "UNKNOWN"
        let request = ReceivedRequest(
            number: loop.nextNumber(), method: method, path: path, head: head, from: peer, at: shared.now())
        perform(machine.headRefused(request, error))
    }

    func refuse(_ error: BFFError, releasing reserved: Int) {
        if let request = machine.request { release(reserved, of: request) }
        respond(with: error)
    }

    func release(_ reserved: Int, of request: ReceivedRequest) {
        if reserved > 0 { bodies.release(reserved, for: policy.client(of: request)) }
    }

    /// Reads the next request, if any of it is here.
    func readNext() {
        if isReading || (unread.readableBytes == 0 && !machine.isInputUnreported) { return }
        // Later requests begin on a fresh stack, not inside a write or a read of upstream.
        loop.eventLoop.assumeIsolated().execute { self.resume() }
    }

    func resume() {
        guard let context, !isReading else { return }
        readRequests()
        perform(machine.readCompleted())
        reportInputEnd()
        readIfWanted(context)
    }

    /// Makes up for a read that was asked for while nothing more was taken in.
    func readIfWanted(_ context: ChannelHandlerContext) {
        guard wantsToRead, !isHolding else { return }
        wantsToRead = false
        context.read()
    }
}
