import Core
import NIOCore
import Resilience

/// Decides everything about a client's connection: whose request owns it, what is read, how it is answered and when the
/// connection ends.
///
/// One request at a time owns the connection. What arrives for later ones is not read before its response is written, so
/// that pipelined requests are answered in their order, whoever answers them. Pure: the driver is
/// ``ClientConnectionHandler``, which feeds events and performs the one action that each returns.
struct ClientConnectionStateMachine {
    typealias Instant = ContinuousClock.Instant

    enum State {
        /// Between requests. Goes to `reading`, `working`, `routed`, `closing` or `closed`.
        case idle(Idle)
        /// The body of a fast path's request is arriving. Goes to `working` or `closed`.
        case reading(Reading)
        /// A request waits for a slot, for the fast path, or for its refusal to be written; nothing of its response is
        /// written. Goes to `answering`, `idle`, `closing` or `closed`.
        case working(Working)
        /// The head of a fast path's response is written. Goes to `idle`, `closing` or `closed`.
        case answering(Answering)
        /// The router has a request. Goes to `idle`, `closing` or `closed`.
        case routed(Routed)
        /// The last response is written; what still arrives is dropped. Goes to `closed`.
        case closing(Closing)
        /// Nothing is sent any more. The last state.
        case closed
    }

    struct Idle {
        /// When the connection fell idle.
        var since: StoredInstant
        /// The head that has begun to arrive.
        var head: ArrivingHead?
    }

    struct ArrivingHead {
        var began: StoredInstant
        /// Whether it is too large, and its end is waited for: a page reads the refusal only if its origin is known, which
        /// may stand behind what is too large.
        var isOversized = false
        var partial = PartialHead()
    }

    struct Reading {
        var body: ByteBuffer?
        /// Bytes of ``EdgePolicy/bodies`` that are taken for the body.
        var reserved = 0
        /// Whose share of that memory it is.
        let client: CallerKey
        /// Why the request is refused as soon as its body was read, or more of it is to come.
        var refusal: BFFError?
        /// Bytes besides the head and the body: those of chunks' frames.
        var framing = 0
        var isLast: Bool
    }

    struct Working {
        var exchange: (any FastPathExchange)?
        /// Whether the connection ends with this response.
        var isLast: Bool
    }

    struct Answering {
        let exchange: (any FastPathExchange)?
        let status: Int
        let isChunked: Bool
        /// What of the response is not handed to the socket yet.
        var pending: ByteBuffer?
        let isLast: Bool
    }

    struct Routed {
        enum Request { case arriving, read, abandoned }
        enum Response { case none, begun, written }

        var request = Request.arriving
        var response = Response.none
        var framing = 0
        /// Bytes of the request that arrived after it was abandoned.
        var surplus = 0
        var isLast: Bool
        /// When its head was read, or the rest of it was abandoned.
        var since: StoredInstant
    }

    struct Closing {
        var since: StoredInstant
        /// Whether the last response has left; before that there is nothing to linger for.
        var isSent = false
        var surplus = 0
    }

    enum Drain { case none, draining, ending }
    enum Input { case open, ended, reported }

    var state: State
    /// The request that owns the connection, from `reading` to `routed`.
    ///
    /// Not a part of those states: each change of state would copy it.
    var request: ReceivedRequest?
    var drain = Drain.none
    var input = Input.open

    /// What a client may send after the last response before it is cut off.
    static let mostSurplus = 256 << 10
    /// What the frames of a body's chunks may have.
    static let mostFraming = 48 << 10

    /// - Parameter now: When the connection was accepted.
    init(at now: Instant, isDraining: Bool) {
        state = .idle(Idle(since: StoredInstant(now)))
        if isDraining { drain = .draining }
    }

    // MARK: - What is asked of the state

    var isIdle: Bool { if case .idle = state { true } else { false } }
    var isClosing: Bool {
        switch state {
        case .closing, .closed: true
        case .idle, .reading, .working, .answering, .routed: false
        }
    }
    var isRouted: Bool { if case .routed = state { true } else { false } }

    /// Whether what arrives next belongs to the request that owns the connection, or may begin one.
    var readsRequests: Bool {
        switch state {
        case .idle, .reading: true
        case .routed(let routed): routed.request == .arriving
        case .working, .answering, .closing, .closed: false
        }
    }

    /// Whether what arrives next belongs to a later request.
    var holdsUnread: Bool {
        switch state {
        case .working, .answering: true
        case .routed(let routed): routed.request == .read
        case .idle, .reading, .closing, .closed: false
        }
    }

    /// What works for the request that owns the connection.
    var exchange: (any FastPathExchange)? {
        switch state {
        case .working(let working): working.exchange
        case .answering(let answering): answering.exchange
        case .idle, .reading, .routed, .closing, .closed: nil
        }
    }

    // MARK: - Bytes

    enum BytesAction: Equatable { case read, drop, close }

    mutating func bytesArrived(_ count: Int) -> BytesAction {
        switch state {
        case .idle, .reading, .working, .answering: return .read
        case .routed(var routed):
            guard routed.request == .abandoned else { return .read }
            routed.surplus += count
            state = .routed(routed)
            return routed.surplus > Self.mostSurplus ? .close : .drop
        case .closing(var closing):
            closing.surplus += count
            state = .closing(closing)
            return closing.surplus > Self.mostSurplus ? .close : .drop
        case .closed: return .drop
        }
    }

    /// Nothing more can be read of what has arrived.
    /// - Parameter unread: Bytes that are kept.
    mutating func readerPaused(unread: Int, at now: Instant) {
        guard case .idle(var idle) = state else { return }
        // An empty line came whole, in two pieces: no head has begun.
        if unread == 0 {
            idle.head = nil
        } else if idle.head == nil {
            idle.head = ArrivingHead(began: StoredInstant(now))
        }
        state = .idle(idle)
    }

    // MARK: - A request arrives

    enum HeadAction: Equatable {
        /// The rest of the request is read, after an interim response where the client waits for one.
        case readBody(sendsContinue: Bool)
        case respond(BFFError)
    }

    /// A head of a fast path's request was read.
    /// - Parameter refusal: What is wrong with the request, as far as its head says.
    mutating func fastPathHeadRead(
        _ request: ReceivedRequest, refusal: BFFError?, from client: CallerKey
    ) -> HeadAction {
        self.request = request
        state = .reading(Reading(client: client, refusal: refusal, isLast: !request.keepsAlive))
        return .readBody(sendsContinue: request.head.expectsContinue && refusal == nil)
    }

    /// A head of a request for the router was read.
    mutating func routedHeadRead(_ request: ReceivedRequest) -> HeadAction {
        self.request = request
        state = .routed(Routed(isLast: !request.keepsAlive, since: StoredInstant(request.receivedAt)))
        return .readBody(sendsContinue: request.head.expectsContinue)
    }

    /// A head was read, or given up, that is refused before its route is asked; no more of the request is read.
    mutating func headRefused(_ request: ReceivedRequest, _ error: BFFError) -> HeadAction {
        self.request = request
        state = .working(Working(isLast: true))
        return .respond(error)
    }

    enum WholeAction: Equatable { case acquireSlot, respond(BFFError) }

    /// A fast path's request came whole.
    mutating func wholeRequestRead(_ request: ReceivedRequest, refusal: BFFError?) -> WholeAction {
        self.request = request
        state = .working(Working(isLast: !request.keepsAlive))
        return refusal.map { .respond($0) } ?? .acquireSlot
    }

    enum BodyAction {
        case none
        /// The router gets the piece.
        case forward
        case respond(BFFError, releasing: Int)
    }

    /// A piece of a body was read.
    /// - Parameters:
    ///   - limit: The longest body of a fast path's request.
    ///   - reserve: Takes memory for bytes of a body that has not arrived whole.
    mutating func bodyRead(_ bytes: ByteBuffer, limit: Int, reserve: (Int, CallerKey) -> Bool) -> BodyAction {
        switch state {
        case .routed: return .forward
        case .reading(var reading):
            guard reading.refusal == nil else { return .none }
            // In place: the buffer has no other owner then.
            state = .closed
            guard reserve(bytes.readableBytes, reading.client) else { return refuse(reading, .overloaded) }
            reading.reserved += bytes.readableBytes
            if reading.body?.writeImmutableBuffer(bytes) == nil { reading.body = bytes }
            guard reading.reserved <= limit else { return refuse(reading, .bodyTooLarge(limit: limit)) }
            state = .reading(reading)
            return .none
        case .idle, .working, .answering, .closing, .closed: return .none
        }
    }

    private mutating func refuse(_ reading: Reading, _ error: BFFError) -> BodyAction {
        state = .working(Working(isLast: true))
        return .respond(error, releasing: reading.reserved)
    }

    enum RequestEndAction {
        case none
        /// The request gets a slot, or waits for one.
        case acquireSlot(body: ByteBuffer, releasing: Int)
        case respond(BFFError, releasing: Int)
        /// The router gets the end.
        /// - Parameter isOver: Whether it had answered before, so that the next request may be read.
        case forward(isOver: Bool)
    }

    mutating func requestEnded(at now: Instant) -> RequestEndAction {
        switch state {
        case .reading(let reading):
            state = .working(Working(isLast: reading.isLast))
            if let refusal = reading.refusal { return .respond(refusal, releasing: reading.reserved) }
            return .acquireSlot(body: reading.body ?? ByteBuffer(), releasing: reading.reserved)
        case .routed(var routed):
            routed.request = .read
            state = .routed(routed)
            return .forward(isOver: endRoutedIfOver(routed, at: now))
        case .idle, .working, .answering, .closing, .closed: return .none
        }
    }

    /// All that had arrived was read.
    /// - Returns: The refusal of a request of which more is to come: that is not worth waiting for.
    mutating func readCompleted() -> BodyAction {
        guard case .reading(let reading) = state, let refusal = reading.refusal else { return .none }
        return refuse(reading, refusal)
    }

    // MARK: - A request that is not read to its end

    enum FaultAction {
        case none
        case close
        /// The head of the refused request is read from what arrived of it.
        case refuseHead(BFFError)
        case respond(BFFError, releasing: Int)
        /// The router learns that the rest of its request is given up, unless it has begun to answer.
        case abandon(BFFError, notifiesRouter: Bool)
    }

    /// What arrives cannot be read: where the request ends is unknown, so nothing after it can be trusted.
    mutating func failed(_ error: BFFError, at now: Instant) -> FaultAction {
        switch state {
        case .idle: return .refuseHead(error)
        case .reading(let reading):
            state = .working(Working(isLast: true))
            return .respond(error, releasing: reading.reserved)
        case .routed(var routed):
            guard routed.request == .arriving else { return .none }
            routed.request = .abandoned
            routed.since = StoredInstant(now)
            state = .routed(routed)
            return .abandon(error, notifiesRouter: routed.response == .none)
        case .working, .answering, .closing, .closed: return .none
        }
    }

    /// The head that has begun is too large.
    /// - Returns: `refuseHead`, once all of it has arrived, or as much as is waited for.
    mutating func headOverflowed(_ unread: Span<UInt8>, _ error: BFFError, at now: Instant) -> FaultAction {
        guard case .idle(var idle) = state else { return failed(error, at: now) }
        var head = idle.head ?? ArrivingHead(began: StoredInstant(now))
        head.isOversized = true
        let isWhole = head.partial.isWhole(unread)
        idle.head = head
        state = .idle(idle)
        return isWhole ? .refuseHead(error) : .none
    }

    /// Bytes were read that are neither of a head nor of a body; chunks of a byte are refused.
    /// - Parameter limit: The longest body of a fast path's request, for the error.
    mutating func framingRead(_ count: Int, limit: Int, at now: Instant) -> FaultAction {
        switch state {
        case .reading(var reading):
            reading.framing += count
            guard reading.framing <= Self.mostFraming else { return failed(.bodyTooLarge(limit: limit), at: now) }
            state = .reading(reading)
        case .routed(var routed):
            routed.framing += count
            state = .routed(routed)
            if routed.framing > Self.mostFraming { return failed(.bodyTooLarge(limit: limit), at: now) }
        case .idle, .working, .answering, .closing, .closed: break
        }
        return .none
    }
}
