/// Whose turn it is on a client's connection.
///
/// One request at a time owns it. What arrives for later ones waits until the current answer is written, so that
/// pipelined requests are answered in their order, whoever answers them.
struct Turns: Equatable {
    enum Turn: Equatable {
        /// Between requests. Goes to `reading` or `passing`.
        case idle
        /// A request of ours is arriving. Goes to `asked`, or on a refusal to `idle` or `closing`.
        case reading
        /// It is whole and being worked on; nothing of its answer is written. Goes to `answering`, `idle` or `closing`.
        case asked
        /// The head of its answer is written. Goes to `idle` or `closing`.
        case answering
        /// The router has a request. Goes to `idle` or `closing`.
        case passing
        /// The last answer is written, or will be; whatever still comes is dropped.
        case closing
    }

    private(set) var turn = Turn.idle
    /// Whether the client may send another request after this answer.
    private var keepsAlive = true
    /// Whether each answer from now on says that it is the connection's last one.
    private var isDraining = false
    /// Whether the connection ends with the answer under way, whatever that said.
    private(set) var isEnding = false
    private var hasPassedRequest = false
    private var hasPassedAnswer = false
    /// Whether the router has begun to answer.
    private(set) var hasPassedAnswerBegun = false

    /// Whether the next part that arrives belongs to a later request.
    var mustHold: Bool {
        switch turn {
        case .asked, .answering: true
        case .passing: hasPassedRequest
        case .idle, .reading, .closing: false
        }
    }

    /// Whether the router would end the connection if it learnt now that the client or the service wants to.
    var isOurs: Bool { turn == .reading || turn == .asked || turn == .answering }

    mutating func headArrived(isOurs: Bool, keepsAlive: Bool) {
        self.keepsAlive = keepsAlive
        hasPassedRequest = false
        hasPassedAnswer = false
        hasPassedAnswerBegun = false
        turn = isOurs ? .reading : .passing
    }

    mutating func bodyArrived() {
        turn = .asked
    }

    /// The head of an answer of ours is written now.
    /// - Returns: Whether it may say that another request can follow; the connection then keeps that word.
    mutating func headWritten() -> Bool {
        if isDraining { keepsAlive = false }
        return keepsAlive
    }

    mutating func answerBegan() {
        turn = .answering
    }

    /// The current answer is the last one: its request was not read to the end, or cannot be trusted.
    mutating func endAfterAnswer() {
        keepsAlive = false
    }

    /// The service is about to stop: the next answer to begin is the last one.
    mutating func drain() {
        isDraining = true
    }

    /// The service stops; the current answer is the last one.
    mutating func end() {
        isDraining = true
        isEnding = true
    }

    /// An answer of ours is written.
    mutating func answered() {
        turn = keepsAlive && !isEnding ? .idle : .closing
    }

    mutating func closed() {
        turn = .closing
    }

    // MARK: - What the router does

    /// The router got the end of its request.
    /// - Returns: Whether it had answered already.
    mutating func requestPassed() -> Bool {
        hasPassedRequest = true
        return passingMayEnd()
    }

    /// The router begins its answer.
    /// - Returns: Whether the connection ends with it.
    ///
    /// When the request has not arrived whole, the rest is not worth reading: an early refusal would otherwise take in
    /// all that a client likes to send.
    mutating func passedAnswerBegan() -> Bool {
        hasPassedAnswerBegun = true
        if !hasPassedRequest { keepsAlive = false }
        return !headWritten()
    }

    /// The router's answer is written.
    /// - Returns: Whether the turn is over.
    mutating func answerPassed() -> Bool {
        hasPassedAnswer = true
        return passingMayEnd()
    }

    private mutating func passingMayEnd() -> Bool {
        guard turn == .passing, hasPassedAnswer, hasPassedRequest || !keepsAlive else { return false }
        turn = keepsAlive ? .idle : .closing
        return true
    }
}
