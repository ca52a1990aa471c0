import Core
import Glibc
import NIOCore
import NIOHTTP1
import Resilience
import Wire

/// A client's connection: takes the relay's calls off, and hands everything else to the router behind it.
///
///     socket ─ RawSocketHandler ─ HTTPResponseEncoder ─ ClientConnectionHandler │ the router's codec and channel
///
/// Bytes come from the port and are read here, request by request. The encoder is put there with the router's first
/// request.
///
/// The router learns nothing of calls that it does not get, so what it does at the connection's ends must be kept from
/// it while the lane is at work: it would close on a client's half-close, or when the service drains.
final class ClientConnectionHandler: ChannelDuplexHandler, FastPathClient {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let loop: EdgeLoop
    private let port: RawSocketHandler
    private let peer: Peer
    private var context: ChannelHandlerContext?
    private var turns = Turns()
    private var reader = RequestReader()
    /// What was not read: a head that is not complete, or later requests, for which nothing more is taken in.
    private var unread = ByteBuffer()
    private var isReading = false
    private var wantsToRead = false
    private var isInputClosed = false
    private var hasToldInputClosed = false
    private var hasPassedOn = false
    /// When the turn began, or the connection fell idle.
    private var since: ContinuousClock.Instant
    /// While more was written than the connection holds.
    private var progress: WriteProgress?
    /// Whether the last answer has left; before that there is nothing to linger for.
    private var isLastSent = false
    private var headBegan: ContinuousClock.Instant?
    private var begun = PartialHead()
    /// Whether the head is too large, and its end is waited for.
    private var isOverflown = false
    /// Bytes that came after the last answer.
    private var surplus = 0
    /// Bytes of the request that has its turn besides its head and its body.
    private var framing = 0
    /// Whether the router's request is given up before its end; the router's answer is the last one.
    private var isBroken = false
    /// Where the loop keeps it.
    var index = 0

    // The request of ours that has its turn.
    private var number = RequestNumber(high: 0, low: 0)
    private var method = ""
    private var route = ""
    private var head: RequestHeadFacts
    private var isVersion10 = false
    private var refusal: BFFError?
    private var body: ByteBuffer?
    /// The memory that is taken for the body, and for whom.
    private var reserved: (bytes: Int, client: CallerKey)?
    private var exchange: (any FastPathExchange)?
    private var answer: ByteBuffer?
    private var status = 0
    /// Flatpeak's own id of the request, where that is what the client reads.
    private var upstreamRequest: String?
    private var isChunked = false

    /// What a client may send after the last answer before it is cut off.
    private static let mostSurplus = 256 << 10
    /// What the frames of a body's chunks may have.
    private static let mostFraming = 48 << 10
    private static let longestTarget = 8 << 10

    init(_ loop: EdgeLoop, _ port: RawSocketHandler, peer: Peer) {
        self.loop = loop
        self.port = port
        self.peer = peer
        since = loop.shared.now()
        head = loop.noHead
        if loop.shared.isDraining { turns.drain() }
    }

    private var shared: ClientConnections { loop.shared }
    private var policy: EdgePolicy { loop.shared.policy }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        port.handler = self
        loop.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        left()
        port.handler = nil
        self.context = nil
    }

    // MARK: - What arrives

    /// Takes what has arrived.
    func bytesArrived(_ bytes: ByteBuffer) {
        if turns.turn == .closing || isBroken {
            surplus += bytes.readableBytes
            if surplus > Self.mostSurplus { context?.close(promise: nil) }
            return
        }
        if unread.readableBytes == 0 {
            if turns.turn == .idle, shared.readsPlain, takesWhole(bytes) { return }
            unread = bytes
        } else {
            // Otherwise it would grow for as long as each read ends within a request.
            unread.discardReadBytes()
            unread.writeImmutableBuffer(bytes)
        }
        readRequests()
    }

    /// Takes a call that came whole and in the plain shape.
    /// - Returns: Whether it was one; if not, the bytes are for the complete reader.
    private func takesWhole(_ bytes: ByteBuffer) -> Bool {
        let span = bytes.readableBytesUInt8Span
        let head = RequestHeadFacts()
        guard let request = PlainRequest.read(span, field: { head.note($0, $1, in: $2) }),
            span.matches("POST", in: request.method),
            let route = shared.fastPaths.first(where: { span.matches($0, in: request.target) })
        else { return false }
        begin(head, method: "POST", isVersion10: false)
        turns.headArrived(isOurs: true, keepsAlive: true)
        guard judge(route[...], isForUs: true) else { return true }
        admit(route)
        if let refusal {
            refuse(refusal)
        } else {
            body = bytes.getSlice(at: bytes.readerIndex + request.body.lowerBound, length: request.body.count)
            submit()
        }
        return true
    }

    /// Reads on, as long as what is read belongs to the request that has its turn, or may begin one.
    private func readRequests() {
        guard !isReading, let context else { return }
        isReading = true
        defer { isReading = false }
        while !turns.mustHold, turns.turn != .closing, !isBroken {
            let bytes = unread
            var offset = 0
            let event = reader.next(bytes.readableBytesUInt8Span, &offset)
            unread.moveReaderIndex(forwardBy: offset)
            framing += offset
            switch event {
            case .needsMore:
                if unread.readableBytes == 0 {
                    unread = ByteBuffer()
                    // An empty line came whole, in two pieces: no head has begun.
                    headBegan = nil
                } else if headBegan == nil {
                    headBegan = shared.now()
                }
                return checkFraming()
            case .head(let head): begin(head, in: bytes, context)
            case .body(let range):
                framing -= range.count
                if let piece = bytes.getSlice(at: bytes.readerIndex + range.lowerBound, length: range.count) {
                    take(piece, context)
                }
            case .end:
                reader = RequestReader()
                requestEnded(context)
            case .refused(.tooLarge) where turns.turn == .idle && !isHeadWhole():
                // A page reads the refusal only if its origin is known, which may stand behind what is too large.
                isOverflown = true
                if headBegan == nil { headBegan = shared.now() }
                return
            case .refused(let fault): refuse(fault)
            }
            checkFraming()
        }
        if turns.turn == .closing || isBroken { unread = ByteBuffer() }
    }

    private func isHeadWhole() -> Bool {
        let bytes = unread
        return begun.isWhole(bytes.readableBytesUInt8Span)
    }

    /// Refuses more framing than anybody needs: chunks of a byte.
    private func checkFraming() {
        guard framing > Self.mostFraming else { return }
        switch turns.turn {
        case .reading: refuseUnread(.bodyTooLarge(limit: policy.fastPathBodyLimit), of: route)
        case .passing: breakOff(.bodyTooLarge(limit: policy.fastPathBodyLimit))
        case .idle, .asked, .answering, .closing: break
        }
    }

    private func refuse(_ fault: RequestHead.Fault) {
        // Where this request ends is unknown, so nothing after it can be trusted.
        let error: BFFError =
            switch fault {
            case .malformed: .malformedHeader
            case .tooLarge: .headersTooLarge
            case .targetTooLong: .targetTooLong
            case .methodUnknown: .methodUnknown
            }
        switch turns.turn {
        case .idle: refuseUnknown(error)
        case .reading: refuseUnread(error, of: route)
        case .passing: breakOff(error)
        case .asked, .answering, .closing: break
        }
    }

    /// Gives up the rest of a request that the router has: where it still waits for it, it answers with `error`.
    private func breakOff(_ error: BFFError) {
        guard !isBroken else { return }
        isBroken = true
        since = shared.now()
        if !turns.hasPassedAnswerBegun { context?.fireErrorCaught(error) }
    }

    private func take(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        var bytes = bytes
        switch turns.turn {
        case .passing: pass(.body(bytes), context)
        case .reading:
            guard refusal == nil else { return }
            guard reserveMemory(bytes.readableBytes) else {
                turns.endAfterAnswer()
                return refuse(.overloaded)
            }
            if body?.writeBuffer(&bytes) == nil { body = bytes }
            guard body?.readableBytes ?? 0 > policy.fastPathBodyLimit else { return }
            turns.endAfterAnswer()
            refuse(.bodyTooLarge(limit: policy.fastPathBodyLimit))
        case .idle, .asked, .answering, .closing: break
        }
    }

    private func requestEnded(_ context: ChannelHandlerContext) {
        switch turns.turn {
        case .passing:
            pass(.end(nil), context)
            if turns.requestPassed() { passedOver() }
        case .reading: if let refusal { refuse(refusal) } else { submit() }
        case .idle, .asked, .answering, .closing: break
        }
    }

    private func reserveMemory(_ bytes: Int) -> Bool {
        let client = reserved?.client ?? policy.client(head, from: peer)
        guard policy.bodies.reserve(bytes, for: client) else { return false }
        reserved = ((reserved?.bytes ?? 0) + bytes, client)
        return true
    }

    private func releaseMemory() {
        guard let reserved else { return }
        self.reserved = nil
        policy.bodies.release(reserved.bytes, for: reserved.client)
    }

    private func pass(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        hasPassedOn = true
        context.fireChannelRead(wrapInboundOut(part))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Refused, and more of it is to come: that is not worth waiting for.
        if turns.turn == .reading, let refusal {
            turns.endAfterAnswer()
            refuse(refusal)
        }
        if hasPassedOn {
            hasPassedOn = false
            context.fireChannelReadComplete()
        }
    }

    /// Reads on, with the router's leave while it has its turn.
    ///
    /// A channel that does so by itself asks the router each time, which costs a relayed call more than its limits.
    func readOn() {
        if turns.turn == .passing { context?.pipeline.read() } else if let context { read(context: context) }
    }

    /// Nothing more is taken in while a later request waits here.
    func read(context: ChannelHandlerContext) {
        if isHolding { wantsToRead = true } else { context.read() }
    }

    private var isHolding: Bool { unread.readableBytes > 0 && turns.mustHold }

    private func begin(_ head: RequestHeadFacts, method: String, isVersion10: Bool) {
        headBegan = nil
        begun = PartialHead()
        framing = 0
        since = shared.now()
        self.head = head
        self.method = method
        self.isVersion10 = isVersion10
    }

    private func begin(_ request: RequestHead, in bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        let span = bytes.readableBytesUInt8Span
        begin(
            RequestHeadFacts(request, in: span), method: span.text(in: request.method), isVersion10: request.isVersion10
        )
        let text = span.text(in: request.target)
        let target = RequestTarget(text)
        // `OPTIONS *` asks about the server itself (RFC 9110 section 9.3.7).
        let isAboutServer = text == "*" && method == "OPTIONS"
        let path = target?.path ?? ""
        let route = method == "POST" ? shared.fastPaths.first { $0.equalsBytes(of: path) } : nil
        turns.headArrived(isOurs: route != nil, keepsAlive: request.keepsAlive)
        // It would make a tunnel of the connection.
        if method == "CONNECT" { return refuseUnread(.methodUnknown, of: String(path)) }
        let isForUs = target.map { $0.authority.map { head.host?.equalsIgnoringASCIICase($0) == true } ?? true }
        guard judge(path, isForUs: isForUs ?? isAboutServer) else { return }
        if text.utf8.count > Self.longestTarget { return refuseUnread(.targetTooLong, of: String(path)) }
        guard let route else {
            // What the answer is written into; calls of the relay do without.
            port.addEncoder()
            let fields = request.fields.map { (span.text(in: $0.name), span.text(in: $0.value)) }
            pass(
                .head(
                    HTTPRequestHead(
                        version: .http1_1, method: HTTPMethod(rawValue: method), uri: target?.origin ?? text,
                        headers: HTTPHeaders(fields))), context)
            return encourage()
        }
        admit(route)
        if refusal == nil { encourage() }
    }

    /// Refuses a request that could be taken for another one, or that is for somebody else.
    private func judge(_ path: Substring, isForUs: Bool) -> Bool {
        if !head.isAmbiguous, !head.asksForUpgrade, isForUs, policy.isAddressed(by: head, on: path) { return true }
        refuseUnread(.malformedHeader, of: String(path))
        return false
    }

    private func admit(_ route: String) {
        number = loop.nextNumber()
        self.route = route
        refusal = refusalUnread()
    }

    /// What is wrong with a request of ours before its body was read.
    private func refusalUnread() -> BFFError? {
        do throws(BFFError) {
            try policy.admit(head, from: peer, at: since)
        } catch {
            return error
        }
        if !head.isJSON { return .unsupportedContentType }
        if let length = head.contentLength, length > policy.fastPathBodyLimit {
            return .bodyTooLarge(limit: policy.fastPathBodyLimit)
        }
        return nil
    }

    private func encourage() {
        if head.expectsContinue { port.send(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")) }
    }

    // MARK: - A call of ours

    private func submit() {
        turns.bodyArrived()
        releaseMemory()
        let body = body ?? ByteBuffer()
        self.body = nil
        if policy.fastPathSlots.tryAcquire() { work(on: body, at: since) } else { enterInTurn(with: body) }
    }

    /// The service is full: the connection waits its turn.
    private func enterInTurn(with body: ByteBuffer) {
        let number = number, eventLoop = loop.eventLoop
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        policy.fastPathSlots.acquire { grant in
            eventLoop.execute { bound.value.turnCame(grant == .granted, for: number, body) }
        }
    }

    private func turnCame(_ hasEntered: Bool, for number: RequestNumber, _ body: ByteBuffer) {
        guard turns.turn == .asked, self.number == number else {
            // The client has left; the place is the next one's.
            if hasEntered { policy.fastPathSlots.release() }
            return
        }
        if hasEntered { work(on: body, at: shared.now()) } else { refuse(.overloaded) }
    }

    /// Hands the request to the fast path, with its slot.
    private func work(on body: ByteBuffer, at now: ContinuousClock.Instant) {
        guard let fastPath = loop.fastPath else { return }
        fastPath.respond(
            to: FastPathRequest(
                number: number, method: method, route: route, head: head, body: body, receivedAt: since,
                admittedAt: now), for: self)
    }

    func isWaiting(for number: RequestNumber) -> Bool {
        context != nil && turns.turn == .asked && self.number == number
    }

    func exchangeBegan(_ exchange: any FastPathExchange) {
        self.exchange = exchange
    }

    // MARK: - Its answer

    func responseBegan(_ status: Int, _ framing: AnswerHead.Framing, retryAfter: Int?) {
        guard context != nil else { return }
        turns.answerBegan()
        self.status = status
        var length: Int?
        if case .length(let known) = framing { length = known }
        isChunked = length == nil && !isVersion10
        var answer = loop.buffers.take(1024 + min(length ?? 0, 8 << 10))
        writeHead(
            into: &answer, status, contentType: "application/json; charset=utf-8", retryAfter: retryAfter,
            length: length)
        self.answer = answer
    }

    func responseContinued(_ bytes: ByteBuffer, in range: Range<Int>) {
        if answer == nil { answer = loop.buffers.take(range.count + 16) }
        let span = bytes.readableBytesSpan.extracting(range)
        if isChunked { answer?.writeChunk(span) } else { answer?.writeBytes(span) }
    }

    func responsePaused() {
        guard let answer, let context else { return }
        self.answer = nil
        send(answer)
        if !context.channel.isWritable { exchange?.holdBack(true) }
    }

    func responseEnded(at now: ContinuousClock.Instant) {
        var answer = answer ?? ByteBuffer()
        self.answer = nil
        if isChunked { answer.writeStaticString("0\r\n\r\n") }
        finish(answer, status, at: now)
    }

    func respond(_ response: FastPathResponse) {
        guard context != nil else { return }
        upstreamRequest = response.upstreamRequest
        var answer = loop.buffers.take(1024 + response.body.count)
        writeHead(
            into: &answer, response.status, contentType: "application/json; charset=utf-8",
            retryAfter: response.retryAfter, length: response.body.count)
        answer.writeBytes(response.body)
        finish(answer, response.status, response.code, at: shared.now())
    }

    func fail(_ error: BFFError, connectToken: ConnectToken?, hasBegun: Bool) {
        guard hasBegun else { return refuse(error, connectToken) }
        // What was written says that more will come. Only a torn connection tells every client that it will not: one
        // that was closed cleanly looks like the end of an answer to HTTP/1.0.
        if let answer { port.send(answer) }
        answer = nil
        over(error.status, error.code, at: shared.now())
        turns.closed()
        guard let context else { return }
        // What came before goes out first: a browser repeats a call of which it saw nothing but a reset.
        context.flush()
        let reset = linger(l_onoff: 1, l_linger: 0)
        let set = (context.channel as? any SocketOptionProvider)?.setSoLinger(reset)
        (set ?? context.eventLoop.makeSucceededVoidFuture()).assumeIsolated().whenComplete { _ in
            context.close(promise: nil)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isStalled = !context.channel.isWritable
        progress = isStalled ? progress ?? WriteProgress(at: shared.now()) : nil
        exchange?.holdBack(isStalled)
        context.fireChannelWritabilityChanged()
    }

    // MARK: - Refusals

    private func refuse(_ error: BFFError, _ connectToken: ConnectToken? = nil) {
        guard context != nil else { return }
        let refusal = policy.refusal(of: route, error, id: RequestID(number), connectToken: connectToken).response
        var answer = loop.buffers.take(1024 + refusal.body.count)
        writeHead(
            into: &answer, error.status, contentType: refusal.contentType, retryAfter: error.retryAfter,
            length: refusal.body.count)
        // The answer to HEAD ends with its head (RFC 9110 section 9.3.2), whatever length it names.
        if method != "HEAD" { answer.writeBytes(refusal.body) }
        finish(answer, error.status, error.code, at: shared.now())
    }

    /// Refuses what is not read any further, on whatever route it was meant for.
    private func refuseUnread(_ error: BFFError, of path: String) {
        number = loop.nextNumber()
        route = path
        turns.endAfterAnswer()
        refuse(error)
    }

    /// Refuses a request whose head was not read; its page is answered in the form that it can read, and HEAD without a
    /// body.
    private func refuseUnknown(_ error: BFFError) {
        let (path, head) = PartialHead.read(unread.readableBytesUInt8Span)
        self.head = head
        method = unread.readableBytesView.starts(with: "HEAD ".utf8) ? "HEAD" : "UNKNOWN"
        since = shared.now()
        refuseUnread(error, of: path)
    }

    private func writeHead(
        into answer: inout ByteBuffer, _ status: Int, contentType: String, retryAfter: Int?, length: Int?
    ) {
        answer.writeAnswerHead(
            status, contentType: contentType, retryAfter: retryAfter, length: length, isChunked: isChunked,
            keepsAlive: turns.headWritten(), number: number, dateLine: loop.dateLine
        ) { policy.writeLines(for: head, from: peer, into: &$0) }
    }

    // MARK: - Ends of turns

    private func finish(_ answer: ByteBuffer, _ status: Int, _ code: String? = nil, at now: ContinuousClock.Instant) {
        over(status, code, at: now)
        turns.answered()
        guard turns.turn == .closing, let context else {
            send(answer)
            return next()
        }
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in self.finishSending() }
        port.send(answer, promise: written)
        unread = ByteBuffer()
    }

    private func send(_ answer: ByteBuffer) {
        port.send(answer)
        loop.buffers.keep(answer)
    }

    /// Writes the line of a request of ours and forgets it.
    private func over(_ status: Int, _ code: String? = nil, at now: ContinuousClock.Instant) {
        let line = RequestLine(
            number: number, method: method, route: route, status: status, code: code,
            duration: since.duration(to: now), trace: exchange?.traceID, upstreamRequest: upstreamRequest)
        upstreamRequest = nil
        exchange?.requestEnded(line)
        exchange = nil
        policy.write(line)
        since = now
        head = loop.noHead
        refusal = nil
        body = nil
        releaseMemory()
        isChunked = false
    }

    /// The last answer is written.
    ///
    /// Closing at once could cut it off, since what the client still sends would be answered with a reset; so only our
    /// side ends, and the rest after a while.
    private func finishSending() {
        guard let context else { return }
        isLastSent = true
        since = shared.now()
        context.close(mode: isInputClosed ? .all : .output, promise: nil)
        if wantsToRead {
            wantsToRead = false
            context.read()
        }
    }

    private func next() {
        if isReading || (unread.readableBytes == 0 && (!isInputClosed || hasToldInputClosed)) { return }
        // Later requests begin on a fresh stack, not inside a write or a read of upstream.
        loop.eventLoop.assumeIsolated().execute { self.resume() }
    }

    private func resume() {
        guard let context, !isReading else { return }
        readRequests()
        // Without it the router's channel delivers nothing of what it was passed.
        channelReadComplete(context: context)
        tellInputClosed()
        if wantsToRead, !isHolding {
            wantsToRead = false
            context.read()
        }
    }

    // MARK: - The router's answer

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard turns.turn == .passing else {
            // Refused meanwhile; what the router has to say comes too late.
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(var head):
            // One that was too large may have come whole, but who sends such a thing is not waited for.
            if head.status == .payloadTooLarge { turns.endAfterAnswer() }
            if turns.passedAnswerBegan() { head.headers.replaceOrAdd(name: "Connection", value: "close") }
            frame(&head)
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            guard turns.answerPassed() else { return context.write(data, promise: promise) }
            guard turns.turn == .closing else {
                context.write(data, promise: promise)
                return passedOver()
            }
            let written = promise ?? context.eventLoop.makePromise(of: Void.self)
            written.futureResult.assumeIsolated().whenComplete { _ in self.finishSending() }
            context.writeAndFlush(data, promise: written)
            passedOver()
        }
    }

    private func frame(_ head: inout HTTPResponseHead) {
        if !head.status.mayHaveResponseBody {
            head.headers.remove(name: "Content-Length")
        } else if !head.headers.contains(name: "Content-Length"), method != "HEAD", !isVersion10 {
            // For HTTP/1.0, which knows no chunks, the end of the connection ends the body (RFC 9112 section 6.1).
            head.headers.add(name: "Transfer-Encoding", value: "chunked")
        }
    }

    private func passedOver() {
        since = shared.now()
        if turns.turn == .closing { unread = ByteBuffer() } else { next() }
    }

    // MARK: - Ends of the connection

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // The connection may be closed now, and with it what was written but not sent.
        context.flush()
        switch event {
        case ChannelEvent.inputClosed:
            isInputClosed = true
            // What was written last goes out first; `finishSending` ends the connection then.
            if turns.turn == .closing { return isLastSent ? context.close(promise: nil) : () }
            return resume()
        case is ChannelShouldQuiesceEvent:
            turns.end()
            // The router would close a silent connection at once; `tick` does, with some grace.
            if turns.turn != .passing { return }
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// Tells that the client has ended its side, once all that came before was read.
    private func tellInputClosed() {
        guard let context, isInputClosed, !hasToldInputClosed, turns.turn != .closing else { return }
        if turns.mustHold, turns.isOurs || isHolding { return }
        hasToldInputClosed = true
        switch turns.turn {
        case .idle where unread.readableBytes > 0:
            return refuseUnknown(isOverflown ? .headersTooLarge : .malformedHeader)
        case .reading: return refuseUnread(.malformedHeader, of: route)
        case .passing where !turns.mustHold: breakOff(.malformedHeader)
        case .idle, .asked, .answering, .passing, .closing: break
        }
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    /// Lets what is still on its way go out before the router closes, as it does when it has written its last.
    ///
    /// Cut off, it would end like a whole answer (R29).
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode != .input, context.channel.isActive else { return context.close(mode: mode, promise: promise) }
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { _ in context.close(mode: mode, promise: promise) }
        port.send(ByteBuffer(), promise: sent)
    }

    func channelInactive(context: ChannelHandlerContext) {
        left()
        context.fireChannelInactive()
    }

    private func left() {
        loop.remove(self)
        unread = ByteBuffer()
        let exchange = exchange
        if turns.isOurs { over(BFFError.clientClosed.status, BFFError.clientClosed.code, at: shared.now()) }
        turns.closed()
        exchange?.clientLeft()
        answer = nil
    }

    /// The service is about to stop.
    func drain() { turns.drain() }

    /// Whether the client reads nothing, or too slowly for anyone to wait for it.
    private func isStalled(at now: ContinuousClock.Instant) -> Bool {
        guard progress != nil, let context else { return false }
        let times = shared.times
        let pending = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? .max
        return progress?.isStalled(
            pending: pending, at: now, still: shared.isEnding ? times.linger : times.write, behind: times.behind)
            ?? false
    }

    func tick(at now: ContinuousClock.Instant) {
        let times = shared.times
        if shared.isEnding { turns.end() }
        if isStalled(at: now) {
            context?.close(promise: nil)
            return
        }
        switch turns.turn {
        case .idle where turns.isEnding && headBegan == nil:
            if since.duration(to: now) > times.farewell { context?.close(promise: nil) }
        case .idle:
            let isSlow = headBegan.map { $0.duration(to: now) > times.head } ?? false
            if isSlow { return refuseUnknown(isOverflown ? .headersTooLarge : .requestTimedOut) }
            if since.duration(to: now) > times.idle { context?.close(promise: nil) }
        case .reading where since.duration(to: now) > times.body: refuseUnread(.requestTimedOut, of: route)
        case .passing where !turns.mustHold && since.duration(to: now) > times.body:
            // For the second time: the router has not answered, or does not end.
            if isBroken { context?.close(promise: nil) } else { breakOff(.requestTimedOut) }
        case .answering where since.duration(to: now) > times.answer: context?.close(promise: nil)
        case .closing where since.duration(to: now) > (isLastSent ? times.linger : times.write):
            context?.close(promise: nil)
        case .reading, .asked, .answering, .passing, .closing: break
        }
    }
}
