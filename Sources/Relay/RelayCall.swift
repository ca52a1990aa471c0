import Core
import Edge
import Flatpeak
import NIOCore
import Networking
import Sessions
import Wire

/// One relayed call, from its first try to the end of its answer.
///
/// It outlives a client that leaves: Flatpeak has taken the customer's step, and where that led must be known.
final class RelayCall: AnswerReceiver, FastPathExchange {
    /// Everything that belongs to this call, so that its object can serve another call later.
    struct State {
        let envelope: Envelope
        let session: AdmittedSession
        /// The call as it goes over the wire.
        var request: ByteBuffer
        let number: RequestNumber
        let trace: CallTrace?
        /// Let go of when the call is over, which it always is in the end.
        var client: (any FastPathClient)?
        let end: StoredInstant

        var attempt = 1
        var tryStarted: StoredInstant
        var connection: UpstreamConnection?
        var status = 0
        var retryAfter: Int?
        var page = AnsweredPage()
        /// What has arrived of an error, none of which goes on before all of it was read; nil while the answer is none.
        var refusal: [UInt8]?
    }

    private let relay: SessionRelay
    private let loop: RelayLoop
    private var state: State

    var traceID: String? { state.trace?.id }

    init(_ state: State, on loop: RelayLoop) {
        self.state = state
        self.loop = loop
        relay = loop.relay
    }

    /// Becomes another call; the last one is over, and nothing else refers to this object.
    func become(_ state: State) { self.state = state }

    /// Makes the first try; the call's slot is released at its end.
    func start() throws(BFFError) {
        try relay.calls.start(for: state.session.caller, attempt: state.attempt, at: state.tryStarted.instant)
        loop.pool.send(state.request, for: self, until: state.end.instant)
    }

    /// The response is read no more.
    func clientLeft() {
        state.client = nil
        state.connection?.holdBack(false)
    }

    /// The client has fallen behind, or has caught up.
    func holdBack(_ isHeldBack: Bool) {
        state.connection?.holdBack(isHeldBack)
    }

    func requestEnded(_ line: RequestLine) {
        state.trace?.requestEnded(line)
    }

    // MARK: - The answer

    /// Judges status and content type.
    ///
    /// A redirect of the host itself means nothing to the web app. An error is read whole before any of it goes on,
    /// since the web app reads no other form of one than Flatpeak's error object.
    func answerBegan(_ head: AnswerHead, _ bytes: ByteBuffer, on connection: UpstreamConnection) {
        state.connection = connection
        state.status = head.status
        state.retryAfter = head.retryAfter.flatMap { relay.calls.retryAfter(bytes.readableBytesUInt8Span.text(in: $0)) }
        if state.status >= 400 {
            if head.isJSON { state.refusal = [] } else { refused() }
            return
        }
        guard head.isJSON, state.status < 300 else {
            connection.abandonResponse()
            let now = relay.calls.now()
            tried(at: now)
            recordLost(at: now)
            return over { $0.fail(.upstreamInvalidAnswer, connectToken: state.envelope.connectToken, hasBegun: false) }
        }
        state.client?.responseBegan(state.status, head.framing, retryAfter: state.retryAfter)
    }

    func answerContinued(_ bytes: ByteBuffer, in range: Range<Int>) {
        if !state.page.isRead { state.page.read(bytes.readableBytesUInt8Span, in: range) }
        if let begun = state.refusal?.count {
            guard begun + range.count <= AnsweredError.longestBody else { return refused() }
            state.refusal? += bytes.getBytes(at: bytes.readerIndex + range.lowerBound, length: range.count) ?? []
            return
        }
        state.client?.responseContinued(bytes, in: range)
    }

    func answerPaused() {
        state.client?.responsePaused()
    }

    func answerEnded(at now: ContinuousClock.Instant) {
        tried(at: now)
        // Connect refuses a step in JSON, with a status of its own.
        let isRefusal = (400..<500).contains(state.status)
        record(
            RelayedStep(
                envelope: state.envelope, answeredRoute: state.page.route, redirectURL: state.page.redirectURL,
                isLost: state.page.route == nil && !isRefusal), at: now)
        if let refusal = state.refusal { return refuse(with: refusal) }
        over { $0.responseEnded(at: now) }
    }

    func answerFailed(_ failure: TransportFailure) {
        let hasBegun = state.connection != nil
        let now = relay.calls.now()
        let wait = relay.calls.failed(
            failure, for: state.session.caller, attempt: state.attempt, started: state.tryStarted.instant,
            until: state.end.instant,
            at: now)
        guard let wait else {
            if hasBegun || failure != .notConnected { recordLost(at: now) }
            // Its status came; what it meant to say does not matter more than that.
            if state.refusal != nil { return refuse(with: nil) }
            return over { $0.fail(failure.bffError, connectToken: state.envelope.connectToken, hasBegun: hasBegun) }
        }
        state.attempt += 1
        loop.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(wait)) { self.tryAgain() }
    }

    /// Ends the call with an error of which no more is read.
    private func refused() {
        state.connection?.abandonResponse()
        let now = relay.calls.now()
        tried(at: now)
        recordLost(at: now)
        refuse(with: nil)
    }

    /// Ends the call with Flatpeak's status of 400 or more.
    /// - Parameter json: The whole body; `nil` when it is no JSON, is too long, or did not arrive whole.
    private func refuse(with json: [UInt8]?) {
        let error = AnsweredError(
            json, status: state.status, retryAfter: state.retryAfter, connectToken: state.envelope.connectToken,
            requestID: RequestID(state.number))
        let response = FastPathResponse(
            status: error.status, body: error.body, retryAfter: state.retryAfter, code: error.code,
            upstreamRequest: error.upstreamRequest)
        over { $0.respond(response) }
    }

    /// Only after a try of which nothing was sent.
    private func tryAgain() {
        state.tryStarted = StoredInstant(relay.calls.now())
        do throws(BFFError) {
            try start()
        } catch {
            over { $0.fail(error, connectToken: state.envelope.connectToken, hasBegun: false) }
        }
    }

    /// Records the facts of a call that was sent, and of whose answer nothing is known.
    private func recordLost(at now: ContinuousClock.Instant) {
        record(RelayedStep(envelope: state.envelope, answeredRoute: nil, redirectURL: nil, isLost: true), at: now)
    }

    private func record(_ step: RelayedStep, at now: ContinuousClock.Instant) {
        relay.admission.record(step, in: state.session, after: state.tryStarted.duration(to: now))
    }

    /// Records with the policy how upstream answered.
    private func tried(at now: ContinuousClock.Instant) {
        relay.calls.answered(
            state.status, retryAfter: state.retryAfter, for: state.session.caller, attempt: state.attempt,
            started: state.tryStarted.instant, at: now)
    }

    private func over(_ notify: (any FastPathClient) -> Void) {
        relay.slots.release()
        loop.pool.flushes.keepBuffer(state.request)
        state.request = ByteBuffer()
        state.trace?.callEnded(state.status)
        state.connection = nil
        let client = state.client
        state.client = nil
        if let client { notify(client) }
        state.refusal = nil
        loop.keep(self)
    }
}
