import Core
import NIOCore

extension ClientConnectionStateMachine {
    // MARK: - The response

    enum SlotAction: Equatable { case work, respond(BFFError), releaseSlot, none }

    /// The wait for a slot is over.
    mutating func slotDecided(_ isGranted: Bool, for request: ReceivedRequest) -> SlotAction {
        // Otherwise the client has left; the slot is the next one's.
        guard isWaiting(for: request.number) else { return isGranted ? .releaseSlot : .none }
        return isGranted ? .work : .respond(.overloaded)
    }

    /// Whether a request's response is still wanted and has not begun.
    func isWaiting(for number: RequestNumber) -> Bool {
        if case .working = state { request?.number == number } else { false }
    }

    mutating func exchangeBegan(_ exchange: any FastPathExchange) {
        guard case .working(var working) = state else { return }
        working.exchange = exchange
        state = .working(working)
    }

    /// The head of a response to the owning request is about to be written.
    /// - Returns: Whether it may say that another request can follow; the connection then keeps that word.
    mutating func responseHeadWritten() -> Bool {
        switch state {
        case .working(var working):
            if isDraining { working.isLast = true }
            state = .working(working)
            return !working.isLast
        case .idle, .reading, .answering, .closing, .closed: return false
        }
    }

    /// The router's response is about to be written.
    ///
    /// When the request has not arrived whole, the rest is not worth reading: an early refusal would otherwise take in
    /// all that a client likes to send.
    /// - Parameter isRefusal: Whether it refuses the size of the body, which may have come whole; a client that sends such
    ///   a thing is not waited for.
    /// - Returns: The memory of the body; `nil` when the response comes too late.
    mutating func routedResponseBegan(for number: RequestNumber, isRefusal: Bool) -> Int? {
        guard request?.number == number else { return nil }
        switch state {
        case .reading(let reading):
            state = .working(Working(exchange: reading.exchange, isLast: true))
            return reading.reserved
        case .working(var working):
            if isRefusal { working.isLast = true }
            state = .working(working)
            return 0
        case .idle, .answering, .closing, .closed: return nil
        }
    }

    /// The head of a response is written into `pending`, and its body follows.
    /// - Parameter isStream: Whether it lasts as long as the router likes; a client that does not read it is noticed.
    mutating func responseBegan(_ status: Int, isChunked: Bool, isStream: Bool = false, _ pending: ByteBuffer) {
        guard case .working(let working) = state else { return }
        state = .answering(
            Answering(
                exchange: working.exchange, status: status, isChunked: isChunked, isStream: isStream, pending: pending,
                isLast: working.isLast))
    }

    /// The head of the response that has begun.
    var begunResponse: (status: Int, isChunked: Bool)? {
        if case .answering(let answering) = state { (answering.status, answering.isChunked) } else { nil }
    }

    /// Changes what of the response is not handed to the socket yet, in place.
    mutating func withPending<Result>(_ body: (inout ByteBuffer?, _ isChunked: Bool) -> Result) -> Result? {
        guard case .answering(var answering) = state else { return nil }
        // In place: the buffer has no other owner then.
        state = .closed
        defer { state = .answering(answering) }
        return body(&answering.pending, answering.isChunked)
    }

    enum FinishAction: Equatable {
        case none
        case readNext
        /// The connection ends when the response has left.
        case close
    }

    /// The whole response to the owning request is written.
    mutating func responseFinished(at now: Instant) -> FinishAction {
        switch state {
        case .working(let working): finish(isLast: working.isLast || isEnding, at: now)
        case .answering(let answering): finish(isLast: answering.isLast || isEnding, at: now)
        case .idle, .reading, .closing, .closed: .none
        }
    }

    private mutating func finish(isLast: Bool, at now: Instant) -> FinishAction {
        request = nil
        guard isLast else {
            state = .idle(Idle(since: StoredInstant(now)))
            return .readNext
        }
        state = .closing(Closing(since: StoredInstant(now)))
        return .close
    }

    /// The response broke after its head was written; the connection is torn.
    mutating func responseBroke(at now: Instant) {
        request = nil
        state = .closing(Closing(since: StoredInstant(now)))
    }

    // MARK: - The end of the connection

    /// The service is about to stop: the next response to begin is the last one.
    mutating func startDraining() {
        if drain == .none { drain = .draining }
    }

    /// The service stops; the current response is the last one.
    mutating func startEnding() {
        drain = .ending
    }

    var isDraining: Bool { drain != .none }
    var isEnding: Bool { drain == .ending }

    enum InputAction: Equatable { case readOn, close, none }

    /// The client has ended its side.
    mutating func inputEnded() -> InputAction {
        if input == .open { input = .ended }
        guard isClosing else { return .readOn }
        // What was written last goes out first.
        if case .closing(let closing) = state, !closing.isSent { return .none }
        return .close
    }

    enum ReportAction {
        case none
        /// The connection ends when all responses have left.
        case close
        case refuseHead(BFFError)
        case refuse(RefusalAction)
        /// The work for the owning request learns that its client may have left.
        case notify
    }

    /// What came before the end of the client's side was read, as far as it can be.
    /// - Parameter unread: Bytes that are kept; of later requests, where one is answered.
    mutating func inputMayBeReported(unread: Int, at now: Instant) -> ReportAction {
        guard input == .ended else { return .none }
        switch state {
        case .idle(let idle):
            input = .reported
            guard unread > 0 else {
                state = .closing(Closing(since: StoredInstant(now)))
                return .close
            }
            return .refuseHead(idle.head?.isOversized == true ? .headersTooLarge : .malformedHeader)
        case .reading(let reading):
            input = .reported
            return .refuse(refuse(reading, .malformedHeader))
        case .working, .answering: return unread > 0 ? .none : .notify
        case .closing, .closed: return .none
        }
    }

    var isInputUnreported: Bool { input == .ended }

    enum SentAction: Equatable { case closeOutput, close }

    /// The last response has left.
    ///
    /// Closing at once could cut it off, since what the client still sends would be answered with a reset; so only our
    /// side ends, and the rest after a while.
    mutating func lastResponseSent(at now: Instant) -> SentAction {
        if case .closing(var closing) = state {
            closing.isSent = true
            closing.since = StoredInstant(now)
            state = .closing(closing)
        }
        return input == .open ? .closeOutput : .close
    }

    /// The connection is gone.
    /// - Returns: The request that is left unanswered, what works for it, and the memory of its body.
    mutating func connectionClosed() -> (request: ReceivedRequest, exchange: (any FastPathExchange)?, releasing: Int)? {
        defer {
            state = .closed
            request = nil
        }
        guard let request else { return nil }
        let reserved = if case .reading(let reading) = state { reading.reserved } else { 0 }
        return (request, exchange, reserved)
    }

    // MARK: - Time

    /// Looks for what has taken too long.
    mutating func tick(at now: Instant, _ times: ConnectionTimes) -> FaultAction {
        func isOver(_ since: StoredInstant, _ limit: Duration) -> Bool { since.duration(to: now) > limit }
        let received = StoredInstant(request?.receivedAt ?? now)
        switch state {
        case .idle(let idle):
            guard let head = idle.head else {
                return isOver(idle.since, isEnding ? times.farewell : times.idle) ? .close : .none
            }
            if isOver(head.began, times.head) {
                return .refuseHead(head.isOversized ? .headersTooLarge : .requestTimedOut)
            }
            return isOver(idle.since, times.idle) ? .close : .none
        case .reading: return isOver(received, times.body) ? failed(.requestTimedOut) : .none
        case .answering(let answering): return !answering.isStream && isOver(received, times.answer) ? .close : .none
        case .closing(let closing):
            return isOver(closing.since, closing.isSent ? times.linger : times.write) ? .close : .none
        case .working, .closed: return .none
        }
    }
}
