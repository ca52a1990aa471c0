import Core
import Flatpeak
import NIOCore
import Networking
import Sessions
import Wire

/// The client of a relayed call, which hears its answer as it arrives.
protocol CallClient: AnyObject {
    func callAnswered(_ status: Int, _ framing: AnswerHead.Framing, retryAfter: Int?)
    func callContinued(_ bytes: ByteBuffer, in range: Range<Int>)
    /// What was handed over should be on its way.
    func callPaused()
    func callEnded(at now: ContinuousClock.Instant)
    /// Flatpeak refused or failed, with a status of 400 or more; nothing of its answer was handed over.
    ///
    /// - Parameter json: Its body; nil when it is no JSON, is too long, or did not arrive whole.
    func callRefused(_ status: Int, _ json: [UInt8]?, retryAfter: Int?)
    /// - Parameter hasBegun: Whether a part of the answer was handed over already.
    func callFailed(_ error: BFFError, hasBegun: Bool)
}

/// One relayed call, from its first try to the end of its answer.
///
/// It outlives a client that leaves: Flatpeak has taken the customer's step, and where that led must be known.
final class RelayCall: AnswerReceiver {
    private let lane: Lane
    private let loop: LaneLoop
    /// Let go of when the call is over, which it always is in the end.
    private var client: (any CallClient)?
    private let envelope: Envelope
    private let session: Sessions.AdmittedSession
    private let request: ByteBuffer
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

    var connectToken: ConnectToken { envelope.connectToken }

    /// - Parameter request: The call as it goes over the wire.
    init(
        _ envelope: Envelope, in session: Sessions.AdmittedSession, as request: ByteBuffer, for client: any CallClient,
        on loop: LaneLoop, in trace: CallTrace?, at now: ContinuousClock.Instant
    ) {
        self.envelope = envelope
        self.session = session
        self.request = request
        self.client = client
        self.loop = loop
        self.trace = trace
        lane = loop.lane
        tryStarted = now
        end = now + lane.calls.deadline
    }

    /// Makes the first try; the place that the call has among the requests under way is given back at its end.
    func start() throws(BFFError) {
        try lane.calls.start(for: session.caller, attempt: attempt, at: tryStarted)
        loop.pool.send(request, for: self, until: end)
    }

    /// Nobody reads the answer any more.
    func clientLeft() {
        client = nil
        connection?.holdBack(false)
    }

    /// The client has fallen behind, or has caught up.
    func holdBack(_ isHeldBack: Bool) {
        connection?.holdBack(isHeldBack)
    }

    // MARK: - The answer

    /// Judges status and content type.
    ///
    /// A redirect of the host itself means nothing to the web app. An error is read whole before any of it goes on,
    /// since the web app reads no other form of one than Flatpeak's error object.
    func answerBegan(_ head: AnswerHead, _ bytes: ByteBuffer, on connection: UpstreamConnection) {
        self.connection = connection
        status = head.status
        retryAfter = head.retryAfter.flatMap { lane.calls.retryAfter(bytes.readableBytesUInt8Span.text(in: $0)) }
        if status >= 400 {
            if head.isJSON { refusal = [] } else { refused() }
            return
        }
        guard head.isJSON, status < 300 else {
            connection.leaveUnheard()
            tried(at: lane.calls.now())
            return over { $0.callFailed(.upstreamInvalidAnswer, hasBegun: false) }
        }
        client?.callAnswered(status, head.framing, retryAfter: retryAfter)
    }

    func answerContinued(_ bytes: ByteBuffer, in range: Range<Int>) {
        if !page.isRead { page.read(bytes.readableBytesUInt8Span, in: range) }
        if let begun = refusal?.count {
            guard begun + range.count <= AnsweredError.longestBody else { return refused() }
            refusal? += bytes.getBytes(at: bytes.readerIndex + range.lowerBound, length: range.count) ?? []
            return
        }
        client?.callContinued(bytes, in: range)
    }

    func answerPaused() {
        client?.callPaused()
    }

    func answerEnded(at now: ContinuousClock.Instant) {
        tried(at: now)
        lane.sessions.note(
            RelayedStep(envelope: envelope, answeredRoute: page.route, redirectURL: page.redirectURL), in: session)
        if let refusal {
            return over { [status, retryAfter] in $0.callRefused(status, refusal, retryAfter: retryAfter) }
        }
        over { $0.callEnded(at: now) }
    }

    func answerFailed(_ failure: TransportFailure) {
        let hasBegun = connection != nil
        let now = lane.calls.now()
        let wait = lane.calls.failed(
            failure, for: session.caller, attempt: attempt, started: tryStarted, until: end, at: now)
        guard let wait else {
            // Its status came; what it meant to say does not matter more than that.
            if refusal != nil {
                return over { [status, retryAfter] in $0.callRefused(status, nil, retryAfter: retryAfter) }
            }
            return over { $0.callFailed(failure.bffError, hasBegun: hasBegun) }
        }
        attempt += 1
        loop.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(wait)) { self.tryAgain() }
    }

    /// Ends the call with an error of which no more is read.
    private func refused() {
        connection?.leaveUnheard()
        tried(at: lane.calls.now())
        over { [status, retryAfter] in $0.callRefused(status, nil, retryAfter: retryAfter) }
    }

    /// Only after a try of which nothing was sent.
    private func tryAgain() {
        tryStarted = lane.calls.now()
        do throws(BFFError) {
            try start()
        } catch {
            over { $0.callFailed(error, hasBegun: false) }
        }
    }

    /// Tells the policy that upstream works, or what it complained of.
    private func tried(at now: ContinuousClock.Instant) {
        lane.calls.answered(
            status, retryAfter: retryAfter, for: session.caller, attempt: attempt, started: tryStarted, at: now)
    }

    private func over(_ tell: (any CallClient) -> Void) {
        lane.rules.leave()
        loop.buffers.keep(request)
        trace?.callEnded(status)
        connection = nil
        let client = client
        self.client = nil
        if let client { tell(client) }
    }
}
