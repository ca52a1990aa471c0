import Core
package import Edge
package import Flatpeak
package import NIOCore
import NIOSSL
import Networking
package import Resilience
package import Sessions
import Synchronization
package import Tracing

/// The Connect session relay: `POST /` and `POST /v1/connect`.
///
/// It passes calls of tokens that this service minted to Flatpeak, on the event loop of the client's connection, and adds
/// nothing to a good answer.
package final class SessionRelay: FastPath {
    let admission: RelayAdmission
    let calls: RelayCalls
    let slots: AdmissionControl
    private let times: UpstreamTimes
    package let paths: [String]
    /// Our name in `Via`, unlike that of any other instance.
    let via: String
    /// The head of an upstream request up to the fields that vary.
    let requestStart: ByteBuffer
    /// `nil` when tracing is disabled.
    let tracer: (any Tracer)?
    private let address: UpstreamAddress
    private let tls: NIOSSLContext?
    private let buckets: Mutex<RateLimiter?>
    private let loops = Mutex<[NIOLoopBound<RelayLoop>]>([])

    /// Connections that each loop opens ahead of the first calls.
    private static let warmConnections = 2

    package struct BadAddress: Error {}

    /// - Parameters:
    ///   - tls: Required when Connect is called over TLS.
    ///   - instance: Unique to this process, of `[A-Za-z0-9_-]`.
    ///   - limit: Calls per connect token; nil for no limit.
    ///   - slots: Those of ``EdgePolicy/fastPathSlots``.
    ///   - tracer: `nil` when tracing is disabled.
    package init(
        at paths: [String], sessions: Sessions, calls: RelayCalls, slots: AdmissionControl,
        tls: UpstreamTLS?, instance: String, limit: RateLimit?, times: UpstreamTimes = UpstreamTimes(),
        tracer: (any Tracer)? = nil
    ) throws {
        guard let address = UpstreamAddress(calls.url) else { throw BadAddress() }
        self.address = address
        guard !address.isSecure || tls != nil else { throw BadAddress() }
        self.tls = address.isSecure ? tls?.context : nil
        self.paths = paths
        admission = sessions.relay
        self.calls = calls
        self.slots = slots
        self.times = times
        self.tracer = tracer
        buckets = Mutex(limit.map { RateLimiter($0, capacity: 100_000) })
        via = "connect-bff-\(instance)"
        // All that ever travels besides these is `Accept-Language` and the length of the body.
        requestStart = ByteBuffer(
            string: "POST \(calls.path) HTTP/1.1\r\nHost: \(address.authority)\r\nVia: 1.1 \(via)\r\n"
                + OutgoingHeaders.fixed.map { "\($0.name): \($0.value)\r\n" }.joined()
                + "Content-Type: application/json\r\n")
    }

    /// Takes one call of the session's budget, over all connections together.
    func take(_ token: ConnectToken, at now: ContinuousClock.Instant) throws(BFFError) {
        guard let decision = buckets.withLock({ $0?.take(token, at: now) }), !decision.isAllowed else { return }
        throw .rateLimited(retryAfter: decision.wait.wholeSeconds)
    }

    // MARK: - Event loops

    package func makeLoop(on eventLoop: any EventLoop, _ flushes: FlushCoalescer) -> any FastPathLoop {
        let pool = UpstreamPool(
            on: eventLoop, to: address, tls: tls, times: times, answerLimit: calls.answerLimit, flushes: flushes,
            now: calls.now)
        let loop = RelayLoop(self, on: eventLoop, pool)
        let bound = NIOLoopBound(loop, eventLoop: eventLoop)
        loops.withLock { $0.append(bound) }
        pool.warm(Self.warmConnections)
        return loop
    }

    /// How many connections to upstream there are.
    package var upstreamConnections: Int { get async { await sum { $0.pool.count } } }

    /// How many of them are not read, since a client has fallen behind.
    package var heldBackConnections: Int { get async { await sum { $0.pool.heldBackCount } } }

    private func sum(_ count: @escaping @Sendable (RelayLoop) -> Int) async -> Int {
        var sum = 0
        for loop in loops.withLock(\.self) {
            sum += (try? await loop.eventLoop.submit { count(loop.value) }.get()) ?? 0
        }
        return sum
    }
}
