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
        /// Between requests. Goes to `reading`, `working`, `closing` or `closed`.
        case idle(Idle)
        /// The rest of a request is arriving. Goes to `working` or `closed`.
        case reading(Reading)
        /// A request waits for a slot, for the fast path, for the router, or for its refusal to be written; nothing of its
        /// response is written. Goes to `answering`, `idle`, `closing` or `closed`.
        case working(Working)
        /// The head of a response is written, and its body follows. Goes to `idle`, `closing` or `closed`.
        case answering(Answering)
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
        /// Why a fast path's request is refused as soon as its body was read, or more of it is to come.
        var refusal: BFFError?
        /// The router's work, which has begun; `nil` for the fast path.
        var exchange: RoutedExchange?
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
        let isStream: Bool
        /// What of the response is not handed to the socket yet.
        var pending: ByteBuffer?
        let isLast: Bool
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
    /// The request that owns the connection, from `reading` to `answering`.
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
        case .idle, .reading, .working, .answering: false
        }
    }

    /// Whether what arrives next belongs to the request that owns the connection, or may begin one.
    var readsRequests: Bool {
        switch state {
        case .idle, .reading: true
        case .working, .answering, .closing, .closed: false
        }
    }

    /// Whether what arrives next belongs to a later request.
    var holdsUnread: Bool {
        switch state {
        case .working, .answering: true
        case .idle, .reading, .closing, .closed: false
        }
    }

    /// What works for the request that owns the connection.
    var exchange: (any FastPathExchange)? {
        switch state {
        case .working(let working): working.exchange
        case .answering(let answering): answering.exchange
        case .reading(let reading): reading.exchange
        case .idle, .closing, .closed: nil
        }
    }

    // MARK: - Bytes

    enum BytesAction: Equatable { case read, drop, close }

    mutating func bytesArrived(_ count: Int) -> BytesAction {
        switch state {
        case .idle, .reading, .working, .answering: return .read
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

    /// A head of a request for the router was read, and the router's work has begun.
    /// - Parameter isTooLarge: Whether its body is announced to be longer than is read; it is refused at once then.
    mutating func routedHeadRead(
        _ request: ReceivedRequest, _ exchange: RoutedExchange, isTooLarge: Bool, from client: CallerKey
    ) -> HeadAction {
        self.request = request
        state = .reading(Reading(client: client, exchange: exchange, isLast: !request.keepsAlive))
        return .readBody(sendsContinue: request.head.expectsContinue && !isTooLarge)
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

    enum RefusalAction {
        case none
        case respond(BFFError, releasing: Int)
        /// The router's work learns that its request does not come whole.
        case failBody(RoutedExchange, BFFError, releasing: Int)
    }

    /// A piece of a body was read.
    /// - Parameters:
    ///   - limit: The longest body of a fast path's request.
    ///   - reserve: Takes memory for bytes of a body that has not arrived whole.
    mutating func bodyRead(_ bytes: ByteBuffer, limit: Int, reserve: (Int, CallerKey) -> Bool) -> RefusalAction {
        guard case .reading(var reading) = state, reading.refusal == nil else { return .none }
        // A route that takes no body has no use for one.
        guard let limit = reading.exchange.map(\.bodyLimit) ?? limit else { return .none }
        // In place: the buffer has no other owner then.
        state = .closed
        guard reserve(bytes.readableBytes, reading.client) else { return refuse(reading, .overloaded) }
        reading.reserved += bytes.readableBytes
        if reading.body?.writeImmutableBuffer(bytes) == nil { reading.body = bytes }
        guard reading.reserved <= limit else { return refuse(reading, .bodyTooLarge(limit: limit)) }
        state = .reading(reading)
        return .none
    }

    /// Gives up the rest of a request; the connection ends with its response.
    mutating func refuse(_ reading: Reading, _ error: BFFError) -> RefusalAction {
        state = .working(Working(exchange: reading.exchange, isLast: true))
        if let exchange = reading.exchange { return .failBody(exchange, error, releasing: reading.reserved) }
        return .respond(error, releasing: reading.reserved)
    }

    enum RequestEndAction {
        case none
        /// The request gets a slot, or waits for one.
        case acquireSlot(body: ByteBuffer, releasing: Int)
        case respond(BFFError, releasing: Int)
        /// The router's work gets the body.
        case deliver(RoutedExchange, body: ByteBuffer, releasing: Int)
    }

    mutating func requestEnded() -> RequestEndAction {
        guard case .reading(let reading) = state else { return .none }
        state = .working(Working(exchange: reading.exchange, isLast: reading.isLast))
        let body = reading.body ?? ByteBuffer()
        if let exchange = reading.exchange { return .deliver(exchange, body: body, releasing: reading.reserved) }
        if let refusal = reading.refusal { return .respond(refusal, releasing: reading.reserved) }
        return .acquireSlot(body: body, releasing: reading.reserved)
    }

    /// All that had arrived was read.
    /// - Returns: The refusal of a request of which more is to come: that is not worth waiting for.
    mutating func readCompleted() -> RefusalAction {
        guard case .reading(let reading) = state, let refusal = reading.refusal else { return .none }
        return refuse(reading, refusal)
    }

    // MARK: - A request that is not read to its end

    enum FaultAction {
        case none
        case close
        /// The head of the refused request is read from what arrived of it.
        case refuseHead(BFFError)
        case refuse(RefusalAction)
    }

    /// What arrives cannot be read: where the request ends is unknown, so nothing after it can be trusted.
    mutating func failed(_ error: BFFError) -> FaultAction {
        switch state {
        case .idle: .refuseHead(error)
        case .reading(let reading): .refuse(refuse(reading, error))
        case .working, .answering, .closing, .closed: .none
        }
    }

    /// The head that has begun is too large.
    /// - Returns: `refuseHead`, once all of it has arrived, or as much as is waited for.
    mutating func headOverflowed(_ unread: Span<UInt8>, _ error: BFFError, at now: Instant) -> FaultAction {
        guard case .idle(var idle) = state else { return failed(error) }
        var head = idle.head ?? ArrivingHead(began: StoredInstant(now))
        head.isOversized = true
        let isWhole = head.partial.isWhole(unread)
        idle.head = head
        state = .idle(idle)
        return isWhole ? .refuseHead(error) : .none
    }

    /// Bytes were read that are neither of a head nor of a body; chunks of a byte are refused.
    /// - Parameter limit: The longest body of a fast path's request, for the error.
    mutating func framingRead(_ count: Int, limit: Int) -> FaultAction {
        guard case .reading(var reading) = state else { return .none }
        reading.framing += count
        state = .reading(reading)
        return reading.framing <= Self.mostFraming ? .none : failed(.bodyTooLarge(limit: limit))
    }
}
