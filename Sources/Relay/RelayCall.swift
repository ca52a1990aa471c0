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
    private let relay: SessionRelay
    private let loop: RelayLoop
    /// Let go of when the call is over, which it always is in the end.
    private var client: (any FastPathClient)?
    private let envelope: Envelope
    private let session: AdmittedSession
    private let request: ByteBuffer
    private let number: RequestNumber
    private let end: ContinuousClock.Instant

    private var attempt = 1
    private var tryStarted: ContinuousClock.Instant
    private var page = AnsweredPage()
    private var status = 0
    private var retryAfter: Int?
    /// What has arrived of an error, none of which goes on before all of it was read; nil while the answer is none.
    private var refusal: [UInt8]?
    private var connection: UpstreamConnection?
    private let trace: CallTrace?

    var traceID: String? { trace?.id }

    /// - Parameter request: The call as it goes over the wire.
    init(
        _ envelope: Envelope, in session: AdmittedSession, as request: ByteBuffer, number: RequestNumber,
        for client: any FastPathClient, on loop: RelayLoop, in trace: CallTrace?, at now: ContinuousClock.Instant
    ) {
        self.envelope = envelope
        self.session = session
        self.request = request
        self.number = number
        self.client = client
        self.loop = loop
        self.trace = trace
        relay = loop.relay
        tryStarted = now
        end = now + relay.calls.deadline
    }

    /// Makes the first try; the call's slot is released at its end.
    func start() throws(BFFError) {
        try relay.calls.start(for: session.caller, attempt: attempt, at: tryStarted)
        loop.pool.send(request, for: self, until: end)
    }

    /// The response is read no more.
    func clientLeft() {
        client = nil
        connection?.holdBack(false)
    }

    /// The client has fallen behind, or has caught up.
    func holdBack(_ isHeldBack: Bool) {
        connection?.holdBack(isHeldBack)
    }

    func requestEnded(_ line: RequestLine) {
        trace?.requestEnded(line)
    }

    // MARK: - The answer

    /// Judges status and content type.
    ///
    /// A redirect of the host itself means nothing to the web app. An error is read whole before any of it goes on,
    /// since the web app reads no other form of one than Flatpeak's error object.
    func answerBegan(_ head: AnswerHead, _ bytes: ByteBuffer, on connection: UpstreamConnection) {
        self.connection = connection
        status = head.status
        retryAfter = head.retryAfter.flatMap { relay.calls.retryAfter(bytes.readableBytesUInt8Span.text(in: $0)) }
        if status >= 400 {
            if head.isJSON { refusal = [] } else { refused() }
            return
        }
        guard head.isJSON, status < 300 else {
            connection.abandonResponse()
            tried(at: relay.calls.now())
            return over { $0.fail(.upstreamInvalidAnswer, connectToken: envelope.connectToken, hasBegun: false) }
        }
        client?.responseBegan(status, head.framing, retryAfter: retryAfter)
    }

    func answerContinued(_ bytes: ByteBuffer, in range: Range<Int>) {
        if !page.isRead { page.read(bytes.readableBytesUInt8Span, in: range) }
        if let begun = refusal?.count {
            guard begun + range.count <= AnsweredError.longestBody else { return refused() }
            refusal? += bytes.getBytes(at: bytes.readerIndex + range.lowerBound, length: range.count) ?? []
            return
        }
        client?.responseContinued(bytes, in: range)
    }

    func answerPaused() {
        client?.responsePaused()
    }

    func answerEnded(at now: ContinuousClock.Instant) {
        tried(at: now)
        relay.admission.record(
            RelayedStep(envelope: envelope, answeredRoute: page.route, redirectURL: page.redirectURL), in: session)
        if let refusal {
            return refuse(with: refusal)
        }
        over { $0.responseEnded(at: now) }
    }

    func answerFailed(_ failure: TransportFailure) {
        let hasBegun = connection != nil
        let now = relay.calls.now()
        let wait = relay.calls.failed(
            failure, for: session.caller, attempt: attempt, started: tryStarted, until: end, at: now)
        guard let wait else {
            // Its status came; what it meant to say does not matter more than that.
            if refusal != nil { return refuse(with: nil) }
            return over { $0.fail(failure.bffError, connectToken: envelope.connectToken, hasBegun: hasBegun) }
        }
        attempt += 1
        loop.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(wait)) { self.tryAgain() }
    }

    /// Ends the call with an error of which no more is read.
    private func refused() {
        connection?.abandonResponse()
        tried(at: relay.calls.now())
        refuse(with: nil)
    }

    /// Ends the call with Flatpeak's status of 400 or more.
    /// - Parameter json: The whole body; `nil` when it is no JSON, is too long, or did not arrive whole.
    private func refuse(with json: [UInt8]?) {
        let error = AnsweredError(
            json, status: status, retryAfter: retryAfter, connectToken: envelope.connectToken,
            requestID: RequestID(number))
        let response = FastPathResponse(
            status: error.status, body: error.body, retryAfter: retryAfter, code: error.code,
            upstreamRequest: error.upstreamRequest)
        over { $0.respond(response) }
    }

    /// Only after a try of which nothing was sent.
    private func tryAgain() {
        tryStarted = relay.calls.now()
        do throws(BFFError) {
            try start()
        } catch {
            over { $0.fail(error, connectToken: envelope.connectToken, hasBegun: false) }
        }
    }

    /// Records with the policy how upstream answered.
    private func tried(at now: ContinuousClock.Instant) {
        relay.calls.answered(
            status, retryAfter: retryAfter, for: session.caller, attempt: attempt, started: tryStarted, at: now)
    }

    private func over(_ notify: (any FastPathClient) -> Void) {
        relay.slots.release()
        loop.pool.flushes.keepBuffer(request)
        trace?.callEnded(status)
        connection = nil
        let client = client
        self.client = nil
        if let client { notify(client) }
    }
}
