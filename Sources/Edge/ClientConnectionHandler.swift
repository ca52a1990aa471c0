import Core
import NIOCore
import NIOHTTP1
import Wire

/// A client's connection: answers the fast path's requests, and hands everything else to the router behind it.
///
///     socket ─ RawSocketHandler ─ HTTPResponseEncoder ─ ClientConnectionHandler │ the router's codec and channel
///
/// Bytes come from the socket and are read here, request by request. What happens then is decided by
/// ``ClientConnectionStateMachine``; this performs it. The encoder is put there with the router's first request.
///
/// The router learns nothing of requests that it does not get, so what it does at the connection's ends must be kept from
/// it while the fast path is at work: it would close on a client's half-close, or when the service drains.
final class ClientConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    let loop: EdgeLoop
    let socket: RawSocketHandler
    private let peer: Peer
    private let routed: PendingRequest
    var context: ChannelHandlerContext?
    var machine: ClientConnectionStateMachine
    private var reader = RequestReader()
    /// What was not read: a head that is not complete, or later requests, for which nothing more is taken in.
    var unread = ByteBuffer()
    private var isReading = false
    private var wantsToRead = false
    /// While more was written than the connection holds.
    var progress: WriteProgress?
    /// Where the loop keeps it.
    var index = 0

    private static let longestTarget = 8 << 10

    init(_ loop: EdgeLoop, _ socket: RawSocketHandler, _ routed: PendingRequest, peer: Peer) {
        self.loop = loop
        self.socket = socket
        self.routed = routed
        self.peer = peer
        machine = ClientConnectionStateMachine(at: loop.shared.now(), isDraining: loop.shared.isDraining)
    }

    var shared: ClientConnections { loop.shared }
    var policy: EdgePolicy { loop.shared.policy }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        socket.handler = self
        loop.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        connectionClosed()
        socket.handler = nil
        self.context = nil
    }

    // MARK: - What arrives

    /// Takes what has arrived.
    func bytesArrived(_ bytes: ByteBuffer) {
        switch machine.bytesArrived(bytes.readableBytes) {
        case .read: break
        case .drop: return
        case .close: return context?.close(promise: nil) ?? ()
        }
        if unread.readableBytes == 0 {
            if machine.isIdle, shared.readsPlain, readWhole(bytes) { return }
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
        guard !isReading, let context else { return }
        isReading = true
        defer { isReading = false }
        while machine.readsRequests {
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
            case .head(let head):
                framing = 0
                headRead(head, in: bytes, context)
            case .body(let range):
                framing -= range.count
                if let piece = bytes.getSlice(at: bytes.readerIndex + range.lowerBound, length: range.count) {
                    bodyRead(piece, context)
                }
            case .end:
                reader = RequestReader()
                requestEnded(context)
            case .refused(.tooLarge):
                let unread = unread
                perform(
                    machine.headOverflowed(unread.readableBytesUInt8Span, .headersTooLarge, at: shared.now()))
                isPaused = true
            case .refused(let fault): perform(machine.failed(BFFError(fault), at: shared.now()))
            }
            perform(machine.framingRead(framing, limit: policy.fastPathBodyLimit, at: shared.now()))
            if isPaused { break }
        }
        if !machine.readsRequests, !machine.holdsUnread { unread = ByteBuffer() }
    }

    private func headRead(_ head: RequestHead, in bytes: ByteBuffer, _ context: ChannelHandlerContext) {
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
        if fastPath != nil {
            return perform(
                machine.fastPathHeadRead(
                    request, refusal: policy.headRefusal(of: request), from: policy.client(of: request)))
        }
        let action = machine.routedHeadRead(request)
        routed.put(request)
        // What the router's response is written into; the fast path does without.
        socket.addEncoder()
        let fields = head.fields.map { (span.text(in: $0.name), span.text(in: $0.value)) }
        forward(
            .head(
                HTTPRequestHead(
                    version: .http1_1, method: HTTPMethod(rawValue: method), uri: target?.origin ?? text,
                    headers: HTTPHeaders(fields))), context)
        perform(action)
    }

    private func bodyRead(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        let action = machine.bodyRead(bytes, limit: policy.fastPathBodyLimit) { [policy] count, client in
            policy.bodies.reserve(count, for: client)
        }
        if case .forward = action { forward(.body(bytes), context) } else { perform(action) }
    }

    private func requestEnded(_ context: ChannelHandlerContext) {
        let request = machine.request
        switch machine.requestEnded(at: shared.now()) {
        case .none: break
        case .acquireSlot(let body, let reserved):
            guard let request else { return }
            release(reserved, of: request)
            acquireSlot(for: request, body)
        case .respond(let error, let reserved): refuse(error, releasing: reserved)
        case .forward(let isOver):
            forward(.end(nil), context)
            if isOver { readNext() }
        }
    }

    private func forward(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        context.fireChannelRead(wrapInboundOut(part))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        perform(machine.readCompleted())
        if machine.isRouted { context.fireChannelReadComplete() }
    }

    /// Reads on, with the router's leave while it has a request.
    ///
    /// A channel that does so by itself asks the router each time, which costs a relayed call more than its limits.
    func readOn() {
        if machine.isRouted { context?.pipeline.read() } else if let context { read(context: context) }
    }

    /// Nothing more is taken in while a later request waits here.
    func read(context: ChannelHandlerContext) {
        if isHolding { wantsToRead = true } else { context.read() }
    }

    private var isHolding: Bool { unread.readableBytes > 0 && machine.holdsUnread }

    // MARK: - Actions

    private func perform(_ action: ClientConnectionStateMachine.HeadAction) {
        switch action {
        case .readBody(let sendsContinue):
            if sendsContinue { socket.send(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")) }
        case .respond(let error): respond(with: error)
        }
    }

    private func perform(_ action: ClientConnectionStateMachine.BodyAction) {
        if case .respond(let error, let reserved) = action { refuse(error, releasing: reserved) }
    }

    func perform(_ action: ClientConnectionStateMachine.FaultAction) {
        switch action {
        case .none: break
        case .close: context?.close(promise: nil)
        case .refuseHead(let error): refuseHead(error)
        case .respond(let error, let reserved): refuse(error, releasing: reserved)
        case .abandon(let error, let notifiesRouter): if notifiesRouter { context?.fireErrorCaught(error) }
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
        if reserved > 0 { policy.bodies.release(reserved, for: policy.client(of: request)) }
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
        // Without it the router's channel delivers nothing of what it was passed.
        channelReadComplete(context: context)
        reportInputEnd(context)
        readIfWanted(context)
    }

    /// Makes up for a read that was asked for while nothing more was taken in.
    func readIfWanted(_ context: ChannelHandlerContext) {
        guard wantsToRead, !isHolding else { return }
        wantsToRead = false
        context.read()
    }
}
