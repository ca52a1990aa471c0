import Core
import Edge
import Flatpeak
import NIOCore
import NIOTLS
import Networking
import Wire

/// Receives the answer to one call: its head, pieces of its body, its end; or at any point its failure.
///
/// With ``UpstreamPool/send(_:for:until:)`` this is all that the relay knows of how calls travel; HTTP/2 would come in
/// behind the two.
protocol AnswerReceiver: AnyObject {
    /// - Parameter bytes: Where the ranges of `head` are found.
    func answerBegan(_ head: AnswerHead, _ bytes: ByteBuffer, on connection: UpstreamConnection)
    func answerContinued(_ bytes: ByteBuffer, in range: Range<Int>)
    /// Everything that has arrived so far was handed over.
    func answerPaused()
    func answerEnded(at now: ContinuousClock.Instant)
    func answerFailed(_ failure: TransportFailure)
}

/// One connection to upstream; it carries one call at a time.
final class UpstreamConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        /// Not usable yet; the call that waits is sent as soon as it is. Goes to `idle`, `busy` or `closed`.
        case connecting(Call?, until: StoredInstant)
        /// Goes to `busy` or `closed`.
        case idle(since: StoredInstant)
        /// Goes to `idle` or `closed`.
        case busy(Answer)
        case closed
    }

    struct Call {
        let request: ByteBuffer
        /// What follows the request, if that is long.
        let body: UnsentBody?
        let receiver: any AnswerReceiver
        let end: StoredInstant
    }

    /// The answer to a call, as far as it has arrived.
    private struct Answer {
        /// `nil` when the rest of the answer is read and dropped, since a new connection would cost more.
        var receiver: (any AnswerReceiver)?
        /// When the call is given up.
        var end: StoredInstant
        var reader = AnswerReader()
        /// The beginning of a head whose end has not arrived.
        var begun: ByteBuffer?
        /// Bytes that have arrived.
        var received = 0
        /// What is not sent yet of a long body.
        let unsent: UnsentBody?
        /// While it is not read, because its reader has fallen behind.
        var heldBack: HeldBack?

        struct HeldBack {
            let since: StoredInstant
            var wantsToRead = false
        }

        /// Adds what has arrived.
        /// - Returns: All bytes that are to be read.
        mutating func add(_ bytes: ByteBuffer) -> ByteBuffer {
            received += bytes.readableBytes
            guard var begun else { return bytes }
            self.begun = nil
            begun.writeImmutableBuffer(bytes)
            return begun
        }

        /// Ends a time of not being read; it is not upstream's delay, and the call's deadline moves by it.
        /// - Returns: Whether something was to be read meanwhile.
        mutating func release(at now: ContinuousClock.Instant) -> Bool {
            guard let heldBack else { return false }
            end += heldBack.since.duration(to: now)
            self.heldBack = nil
            return heldBack.wantsToRead
        }
    }

    /// The two hold each other until the connection is closed, which it is at the latest with the relay.
    private let pool: UpstreamPool
    private let isSecure: Bool
    private let openedAt: StoredInstant
    private var context: ChannelHandlerContext?
    private var state: State
    /// Where the pool keeps it.
    var index = 0

    init(
        _ pool: UpstreamPool, isSecure: Bool, for call: Call?, until end: ContinuousClock.Instant,
        at now: ContinuousClock.Instant
    ) {
        self.pool = pool
        self.isSecure = isSecure
        openedAt = StoredInstant(now)
        state = .connecting(call, until: StoredInstant(end))
    }

    /// The pool puts it on a channel that is open.
    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive, !isSecure { becameUsable(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    // MARK: - Connecting

    /// With TLS a connection is one only after the handshake: what fails before has sent nothing.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent { becameUsable(context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func becameUsable(_ context: ChannelHandlerContext) {
        guard case .connecting(let call, _) = state else { return }
        if let call { send(call, context) } else { rest(at: pool.now()) }
    }

    /// Whether it has not been given up before it had a channel.
    var isWanted: Bool { if case .closed = state { false } else { true } }

    /// Waits for the next call.
    private func rest(at now: ContinuousClock.Instant) {
        state = .idle(since: StoredInstant(now))
        pool.gotIdle(self)
    }

    func couldNotConnect() {
        fail(.notConnected)
    }

    // MARK: - One call

    /// Sends a call on an idle connection.
    /// - Returns: False when it was closed meanwhile; nothing was sent then.
    func send(_ call: Call) -> Bool {
        guard case .idle = state, let context else { return false }
        send(call, context)
        return true
    }

    private func send(_ call: Call, _ context: ChannelHandlerContext) {
        state = .busy(Answer(receiver: call.receiver, end: call.end, unsent: call.body))
        context.write(wrapOutboundOut(call.request), promise: nil)
        if call.body == nil { pool.flushes.soon(context) } else { sendBody(context) }
    }

    /// Sends as much of a long body as the channel takes now.
    private func sendBody(_ context: ChannelHandlerContext) {
        guard let body = withAnswer(\.unsent) ?? nil, !body.isSending else { return }
        // A piece that leaves at once makes the channel writable again.
        body.isSending = true
        defer { body.isSending = false }
        context.flush()
        while context.channel.isWritable, let piece = body.next() {
            context.writeAndFlush(wrapOutboundOut(piece), promise: nil)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        sendBody(context)
        context.fireChannelWritabilityChanged()
    }

    /// Changes the answer under way in place: its parts have no other owner meanwhile.
    /// - Returns: `nil` when there is none.
    private func withAnswer<Result>(_ body: (inout Answer) -> Result) -> Result? {
        guard case .busy(var answer) = state else { return nil }
        state = .closed
        defer { state = .busy(answer) }
        return body(&answer)
    }

    private var receiver: (any AnswerReceiver)? {
        if case .busy(let answer) = state { answer.receiver } else { nil }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let arrived = unwrapInboundIn(data)
        var bytes = withAnswer { $0.add(arrived) } ?? arrived
        var offset = 0
        while true {
            let next = withAnswer { ($0.reader.next(bytes.readableBytesUInt8Span, &offset), $0.received) }
            guard let (event, received) = next else {
                // No call is under way: whatever this is, the next call must not take it for its answer.
                if isWanted { close() }
                return
            }
            switch event {
            case .head(let head):
                if case .length(let length) = head.framing, length > pool.answerLimit { return fail(.unreadable) }
                if head.isEncoded { return fail(.encoded) }
                receiver?.answerBegan(head, bytes, on: self)
            case .body(let range):
                if received > pool.answerLimit + AnswerHead.maximumLength { return fail(.unreadable) }
                receiver?.answerContinued(bytes, in: range)
            case .end:
                return ended(isClean: offset == bytes.readableBytes)
            case .refused: return fail(.unreadable)
            case .needsMore:
                if offset < bytes.readableBytes {
                    bytes.moveReaderIndex(forwardBy: offset)
                    withAnswer { $0.begun = bytes }
                }
                receiver?.answerPaused()
                return
            }
        }
    }

    /// The receiver is called last, since its next call may want this connection.
    private func ended(isClean: Bool) {
        holdBack(false)
        guard case .busy(let answer) = state else { return }
        let now = pool.now()
        let isClean = isClean && answer.unsent?.isEmpty ?? true
        if isClean, answer.reader.keepsAlive, pool.keeps(openedAt, at: now) { rest(at: now) } else { close() }
        answer.receiver?.answerEnded(at: now)
    }

    private func fail(_ failure: TransportFailure) {
        let state = state
        close()
        switch state {
        case .connecting(let call?, _):
            call.receiver.answerFailed(call.end.isOver(at: pool.now()) ? .timedOut : .notConnected)
        case .busy(let answer): answer.receiver?.answerFailed(failure)
        case .connecting(nil, _), .idle, .closed: break
        }
    }

    private func close() {
        state = .closed
        pool.forget(self)
        context?.close(promise: nil)
    }

    /// Gives up a call of which no answer has come: it holds nothing at upstream any more.
    func abandonCall() { close() }

    /// Drops the rest of the answer.
    func abandonResponse() {
        holdBack(false)
        withAnswer { $0.receiver = nil }
    }

    // MARK: - Back-pressure

    var isHeldBack: Bool { if case .busy(let answer) = state { answer.heldBack != nil } else { false } }

    /// Stops reading, or goes on: the answer's reader has fallen behind, or has caught up.
    func holdBack(_ isHeldBack: Bool) {
        guard isHeldBack != self.isHeldBack else { return }
        let now = pool.now()
        if isHeldBack {
            withAnswer { $0.heldBack = Answer.HeldBack(since: StoredInstant(now)) }
        } else if withAnswer({ $0.release(at: now) }) == true {
            context?.read()
        }
    }

    func read(context: ChannelHandlerContext) {
        if isHeldBack {
            withAnswer { $0.heldBack?.wantsToRead = true }
        } else {
            context.read()
        }
    }

    // MARK: - Ends

    func channelInactive(context: ChannelHandlerContext) {
        fail(.broken)
        context.fireChannelInactive()
    }

    /// Its text may hold what must stay secret; that the connection broke is all that matters.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(.broken)
    }

    func tick(at now: ContinuousClock.Instant) {
        switch state {
        case .connecting(_, let end): if end.isOver(at: now) { fail(.timedOut) }
        case .busy(let answer): if answer.end.isOver(at: now), answer.heldBack == nil { fail(.timedOut) }
        case .idle(let since):
            if since.duration(to: now) > pool.times.idle || pool.isTooOld(openedAt, at: now) { close() }
        case .closed: break
        }
    }

    func shutDown() {
        fail(.broken)
    }
}
