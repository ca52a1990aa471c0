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
        case connecting
        /// Goes to `busy` or `closed`.
        case idle
        /// Goes to `idle`, `abandoned` or `closed`.
        case busy
        /// The answer is read to its end and dropped: a connection costs more. Goes to `idle` or `closed`.
        case abandoned
        case closed
    }
    struct Call {
        let request: ByteBuffer
        let receiver: any AnswerReceiver
        let end: ContinuousClock.Instant
    }

    /// The two hold each other until the connection is closed, which it is at the latest with the relay.
    private let pool: UpstreamPool
    private let isSecure: Bool
    private let openedAt: ContinuousClock.Instant
    private var context: ChannelHandlerContext?
    private var state = State.connecting
    /// What a connection that is being made is for.
    private var waiting: Call?
    /// The receiver of the answer under way.
    private var receiver: (any AnswerReceiver)?
    private var idleSince: ContinuousClock.Instant
    /// When a connection that is being made, or a call on it, is given up.
    private var end: ContinuousClock.Instant
    private var reader = AnswerReader()
    /// The beginning of a head whose end has not arrived.
    private var begun: ByteBuffer?
    private var received = 0
    /// Since when it is not read, because the answer's reader has fallen behind.
    private var heldBackSince: ContinuousClock.Instant?
    private var wantsToRead = false
    /// Where the pool keeps it.
    var index = 0

    init(
        _ pool: UpstreamPool, isSecure: Bool, for call: Call?, until end: ContinuousClock.Instant,
        at now: ContinuousClock.Instant
    ) {
        self.pool = pool
        self.isSecure = isSecure
        self.end = end
        openedAt = now
        idleSince = now
        waiting = call
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
        guard state == .connecting else { return }
        guard let call = waiting else { return rest(at: pool.now()) }
        waiting = nil
        send(call, context)
    }

    /// Whether it has not been given up before it had a channel.
    var isWanted: Bool { state != .closed }

    /// Waits for the next call.
    private func rest(at now: ContinuousClock.Instant) {
        state = .idle
        idleSince = now
        pool.gotIdle(self)
    }

    func couldNotConnect() {
        fail(.notConnected)
    }

    // MARK: - One call

    /// Sends a call on an idle connection.
    /// - Returns: False when it was closed meanwhile; nothing was sent then.
    func send(_ call: Call) -> Bool {
        guard state == .idle, let context else { return false }
        send(call, context)
        return true
    }

    private func send(_ call: Call, _ context: ChannelHandlerContext) {
        state = .busy
        receiver = call.receiver
        end = call.end
        received = 0
        reader = AnswerReader()
        context.write(wrapOutboundOut(call.request), promise: nil)
        pool.flushes.soon(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if begun != nil {
            begun?.writeBuffer(&bytes)
            bytes = begun ?? bytes
            begun = nil
        }
        var offset = 0
        received += bytes.readableBytes
        while true {
            switch state {
            case .busy, .abandoned: break
            case .idle, .connecting:
                // No call is under way: whatever this is, the next call must not take it for its answer.
                return close()
            case .closed: return
            }
            switch reader.next(bytes.readableBytesUInt8Span, &offset) {
            case .head(let head):
                if case .length(let length) = head.framing, length > pool.answerLimit { return fail(.unreadable) }
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
                    received -= bytes.readableBytes
                    begun = bytes
                }
                receiver?.answerPaused()
                return
            }
        }
    }

    /// The receiver is called last, since its next call may want this connection.
    private func ended(isClean: Bool) {
        let receiver = receiver
        self.receiver = nil
        holdBack(false)
        let now = pool.now()
        if isClean, reader.keepsAlive, !pool.isTooOld(openedAt, at: now) { rest(at: now) } else { close() }
        receiver?.answerEnded(at: now)
    }

    private func fail(_ failure: TransportFailure) {
        let (call, receiver) = (waiting, receiver)
        close()
        receiver?.answerFailed(failure)
        if let call { call.receiver.answerFailed(pool.now() >= call.end ? .timedOut : .notConnected) }
    }

    private func close() {
        state = .closed
        waiting = nil
        receiver = nil
        begun = nil
        pool.forget(self)
        context?.close(promise: nil)
    }

    /// Drops the rest of the answer.
    func abandonResponse() {
        guard state == .busy else { return }
        state = .abandoned
        receiver = nil
        holdBack(false)
    }

    // MARK: - Back-pressure

    var isHeldBack: Bool { heldBackSince != nil }

    /// Stops reading, or goes on: the answer's reader has fallen behind, or has caught up.
    ///
    /// What the reader takes is not upstream's delay: the call's deadline moves by it.
    func holdBack(_ isHeldBack: Bool) {
        guard isHeldBack != self.isHeldBack else { return }
        if let heldBackSince { end += heldBackSince.duration(to: pool.now()) }
        heldBackSince = isHeldBack ? pool.now() : nil
        if !isHeldBack, wantsToRead {
            wantsToRead = false
            context?.read()
        }
    }

    func read(context: ChannelHandlerContext) {
        if isHeldBack {
            wantsToRead = true
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
        case .connecting, .busy, .abandoned:
            if now >= end, !isHeldBack { fail(.timedOut) }
        case .idle:
            if idleSince.duration(to: now) > pool.times.idle || pool.isTooOld(openedAt, at: now) {
                close()
            }
        case .closed: break
        }
    }

    func shutDown() {
        fail(.broken)
    }
}
