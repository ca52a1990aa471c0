package import Core
package import NIOCore
package import Wire

/// A service that answers on the event loop of its client's connection, past the router.
///
/// The edge reads, bounds and admits its requests, and writes its responses; what they mean is the service's.
package protocol FastPath: AnyObject, Sendable {
    /// Where it is found, by POST alone.
    var paths: [String] { get }
    /// Its part on one event loop; called there.
    func makeLoop(on eventLoop: any EventLoop, _ flushes: FlushCoalescer) -> any FastPathLoop
}

/// What a fast path has on one event loop; it is touched there alone.
package protocol FastPathLoop: AnyObject {
    /// Answers a whole request that was admitted.
    ///
    /// The request has a slot of ``EdgePolicy/fastPathSlots``, which is released when the work for it is over, also when
    /// the client has left before.
    /// - Parameter now: When it got its slot.
    func respond(
        to request: ReceivedRequest, _ body: ByteBuffer, for client: any FastPathClient,
        at now: ContinuousClock.Instant)
    /// Looks for what has taken too long.
    func tick(at now: ContinuousClock.Instant)
    func shutDown()
}

/// The client of a fast path, which takes one response: its head, pieces of its body, its end; or one whole response; or
/// an error.
package protocol FastPathClient: AnyObject {
    /// Whether the request's response is still wanted and has not begun.
    func isWaiting(for number: RequestNumber) -> Bool
    /// The work for the request has begun; from now on it learns of back-pressure and of the client's end.
    func exchangeBegan(_ exchange: any FastPathExchange)
    func responseBegan(_ status: Int, _ framing: AnswerHead.Framing, retryAfter: Int?)
    func responseContinued(_ bytes: ByteBuffer, in range: Range<Int>)
    /// Flushes what was handed over.
    func responsePaused()
    func responseEnded(at now: ContinuousClock.Instant)
    /// Sends a whole JSON response.
    func respond(_ response: FastPathResponse)
    /// - Parameters:
    ///   - connectToken: The session that the error is about, where that is known.
    ///   - hasBegun: Whether a part of the response was handed over already.
    func fail(_ error: BFFError, connectToken: ConnectToken?, hasBegun: Bool)
}

/// A whole JSON response of a fast path.
package struct FastPathResponse {
    package let status: Int
    package let body: [UInt8]
    package let retryAfter: Int?
    /// The public code for the log; `nil` where the error is upstream's own.
    package let code: String?
    /// Upstream's id of the request, where that is what the client reads.
    package let upstreamRequest: String?

    package init(status: Int, body: [UInt8], retryAfter: Int?, code: String?, upstreamRequest: String?) {
        self.status = status
        self.body = body
        self.retryAfter = retryAfter
        self.code = code
        self.upstreamRequest = upstreamRequest
    }
}

/// The work for one request of a fast path.
package protocol FastPathExchange: AnyObject {
    /// The id of its trace; `nil` when tracing is disabled.
    var traceID: String? { get }
    /// The client has fallen behind, or has caught up.
    func holdBack(_ isHeldBack: Bool)
    func clientLeft()
    /// The response is written; its access log line says how it went.
    func requestEnded(_ line: RequestLine)
    /// Whether the access log line is written elsewhere.
    var isLoggedByRouter: Bool { get }
    /// All that has arrived of the request was read, and more of it is to come.
    func requestPaused()
    /// The client has ended its side, and may have left.
    func inputEnded()
    /// The service stops.
    func serviceStops()
    /// Looks for what has taken too long.
    func tick(at now: ContinuousClock.Instant)
}

extension FastPathExchange {
    package var isLoggedByRouter: Bool { false }
    package func requestPaused() {}
    package func inputEnded() {}
    package func serviceStops() {}
    package func tick(at now: ContinuousClock.Instant) {}
}
