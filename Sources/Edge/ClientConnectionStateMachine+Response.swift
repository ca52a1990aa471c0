import Core
import NIOCore

extension ClientConnectionStateMachine {
    // MARK: - The fast path's response

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
        case .routed(var routed):
            if isDraining { routed.isLast = true }
            state = .routed(routed)
            return !routed.isLast
        case .idle, .reading, .answering, .closing, .closed: return false
        }
    }

    /// The head of the fast path's response is written into `pending`.
    mutating func responseBegan(_ status: Int, isChunked: Bool, _ pending: ByteBuffer) {
        guard case .working(let working) = state else { return }
        state = .answering(
            Answering(
                exchange: working.exchange, status: status, isChunked: isChunked, pending: pending,
                isLast: working.isLast))
    }

    /// The head of the fast path's response that has begun.
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
        case .idle, .reading, .routed, .closing, .closed: .none
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

    // MARK: - The router's response

    /// The router begins its response.
    /// - Parameter isRefusal: Whether it refuses the size of the body, which may have come whole; who sends such a thing is
    ///   not waited for.
    /// - Returns: Whether the connection ends with it; `nil` when the response comes too late.
    ///
    /// When the request has not arrived whole, the rest is not worth reading: an early refusal would otherwise take in
    /// all that a client likes to send.
    mutating func routedResponseBegan(isRefusal: Bool) -> Bool? {
        guard case .routed(var routed) = state else { return nil }
        routed.response = .begun
        if routed.request != .read || isRefusal { routed.isLast = true }
        state = .routed(routed)
        return !responseHeadWritten()
    }

    /// The router's response is written.
    /// - Returns: `none` when the request still arrives.
    mutating func routedResponseEnded(at now: Instant) -> FinishAction {
        guard case .routed(var routed) = state else { return .none }
        routed.response = .written
        state = .routed(routed)
        guard endRoutedIfOver(routed, at: now) else { return .none }
        return isClosing ? .close : .readNext
    }

    /// - Returns: Whether both sides of the router's request are over.
    mutating func endRoutedIfOver(_ routed: Routed, at now: Instant) -> Bool {
        guard routed.response == .written, routed.request == .read || routed.isLast else { return false }
        _ = finish(isLast: routed.isLast, at: now)
        return true
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
        case refuseHead(BFFError)
        case respond(BFFError, releasing: Int)
        /// The router learns it, after that the rest of its request is given up where more was to come.
        case forward(abandon: BFFError?, notifiesRouter: Bool)
    }

    /// What came before the end of the client's side was read, as far as it can be.
    /// - Parameter unread: Bytes that are kept.
    mutating func inputMayBeReported(unread: Int, at now: Instant) -> ReportAction {
        guard input == .ended, !isClosing else { return .none }
        // The router would end the connection; later requests are still to be answered.
        if holdsUnread, !isRouted || unread > 0 { return .none }
        input = .reported
        switch state {
        case .idle(let idle):
            guard unread > 0 else { return .forward(abandon: nil, notifiesRouter: false) }
            return .refuseHead(idle.head?.isOversized == true ? .headersTooLarge : .malformedHeader)
        case .reading(let reading):
            state = .working(Working(isLast: true))
            return .respond(.malformedHeader, releasing: reading.reserved)
        case .routed:
            guard case .abandon(let error, let notifiesRouter) = failed(.malformedHeader, at: now) else {
                return .forward(abandon: nil, notifiesRouter: false)
            }
            return .forward(abandon: error, notifiesRouter: notifiesRouter)
        case .working, .answering, .closing, .closed: return .forward(abandon: nil, notifiesRouter: false)
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
    /// - Returns: The fast path's request that is left unanswered, what works for it, and the memory of its body.
    mutating func connectionClosed() -> (request: ReceivedRequest, exchange: (any FastPathExchange)?, releasing: Int)? {
        defer {
            state = .closed
            request = nil
        }
        guard let request, !isRouted else { return nil }
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
        case .reading:
            return isOver(received, times.body) ? failed(.requestTimedOut, at: now) : .none
        case .routed(let routed):
            guard routed.request != .read, isOver(routed.since, times.body) else { return .none }
            // For the second time: the router has not answered, or does not end.
            return routed.request == .abandoned ? .close : failed(.requestTimedOut, at: now)
        case .answering: return isOver(received, times.answer) ? .close : .none
        case .closing(let closing):
            return isOver(closing.since, closing.isSent ? times.linger : times.write) ? .close : .none
        case .working, .closed: return .none
        }
    }
}
