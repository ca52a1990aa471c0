import Core
package import Flatpeak
package import NIOCore
import NIOSSL
import Networking
package import Resilience
package import Sessions
import Synchronization
package import Tracing

/// The session relay's fast lane: `POST /` and `POST /v1/connect`, answered on the event loop of their connection.
///
/// It passes calls of tokens that we minted to Flatpeak and says nothing of its own in between. Every other request goes
/// on to the router behind it, on the same connection.
package final class Lane: Sendable {
    let sessions: Sessions
    let calls: RelayCalls
    let rules: any LaneRules
    let times: LaneTimes
    /// Whether calls that come whole and in the plain shape pass over the reader that all others need.
    let readsPlain: Bool
    /// Where the relay is found; nowhere on a listener that has none.
    let paths: [String]
    /// Our name in `Via`, unlike that of any other instance.
    let via: String
    /// The head of an upstream request up to the fields that vary.
    let requestStart: ByteBuffer
    /// The wall clock, for the `Date` of answers.
    package let secondsSince1970: @Sendable () -> Int
    /// Nil where nobody looks at traces.
    let tracer: (any Tracer)?
    private let address: UpstreamAddress
    private let tls: NIOSSLContext?
    private let randomBytes: @Sendable (Int) -> [UInt8]
    private let buckets: Mutex<RateLimiter?>
    private let draining = Atomic(false)
    private let ending = Atomic(false)
    private let loops = Mutex<[ObjectIdentifier: NIOLoopBound<LaneLoop>]>([:])

    /// The paths that are ours; the first is what the reference web app calls.
    package static let paths = ["/", "/v1/connect"]
    /// Connections that each loop opens ahead of the first calls.
    private static let warmConnections = 2

    package struct BadAddress: Error {}

    /// - Parameters:
    ///   - certificateAuthorities: Certificates in PEM to trust instead of the system's roots.
    ///   - paths: Where the relay is found.
    ///   - instance: Unique to this process, of `[A-Za-z0-9_-]`.
    ///   - limit: Calls per connect token; nil for no limit.
    ///   - tracer: Nil where nobody looks at traces.
    ///   - secondsSince1970: The wall clock, for the `Date` of answers.
    package init(
        sessions: Sessions, calls: RelayCalls, rules: any LaneRules, certificateAuthorities: [UInt8]? = nil,
        instance: String, limit: RateLimit?, times: LaneTimes = LaneTimes(), readsPlain: Bool = true,
        paths: [String] = Lane.paths,
        tracer: (any Tracer)? = nil,
        secondsSince1970: @escaping @Sendable () -> Int, randomBytes: @escaping @Sendable (Int) -> [UInt8]
    ) throws {
        guard let address = UpstreamAddress(calls.url) else { throw BadAddress() }
        self.address = address
        tls =
            address.isSecure
            ? try NIOSSLContext(configuration: .flatpeak(certificateAuthorities: certificateAuthorities)) : nil
        self.sessions = sessions
        self.calls = calls
        self.rules = rules
        self.times = times
        self.readsPlain = readsPlain
        self.paths = paths
        self.tracer = tracer
        self.secondsSince1970 = secondsSince1970
        self.randomBytes = randomBytes
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

    // MARK: - Connections

    /// Puts the lane on a connection, from the socket to where a router's codec comes next.
    package func install(on channel: any Channel) throws {
        if let options = channel.syncOptions {
            // `RawPort` asks for more.
            try options.setOption(.autoRead, value: false)
            try options.setOption(.maxMessagesPerRead, value: 1)
            try options.setOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4 << 10))
            // With one read of upstream on top of it, this stays below the 64 KiB that a slow client may cost.
            try options.setOption(.writeBufferWaterMark, value: .init(low: 16 << 10, high: 32 << 10))
        }
        let loop = loop(of: channel.eventLoop)
        let port = RawPort(loop.pool.flushes)
        let handler = LaneHandler(loop, port, peer: Peer(channel))
        try channel.pipeline.syncOperations.addHandlers(port, handler)
    }

    /// Must be called on `eventLoop`.
    private func loop(of eventLoop: any EventLoop) -> LaneLoop {
        let key = ObjectIdentifier(eventLoop)
        if let known = loops.withLock({ $0[key] }) { return known.value }
        let pool = UpstreamPool(
            on: eventLoop, to: address, tls: tls, times: times, answerLimit: calls.answerLimit, now: calls.now)
        let loop = LaneLoop(self, on: eventLoop, pool, numbers: RequestNumbers(random: randomBytes(12)))
        let bound = NIOLoopBound(loop, eventLoop: eventLoop)
        loops.withLock { $0[key] = bound }
        loop.start()
        return loop
    }

    // MARK: - Life

    /// Gets every loop of `group` ready for the first calls.
    package func start(on group: any EventLoopGroup) {
        for eventLoop in group.makeIterator() {
            eventLoop.execute { self.loop(of: eventLoop).pool.warm(Self.warmConnections) }
        }
    }

    /// Whether every answer tells its client to leave.
    var isDraining: Bool { draining.load(ordering: .relaxed) }

    /// From now on each answer is the last one of its connection, so that clients find another process.
    package func drain() {
        draining.store(true, ordering: .relaxed)
        for loop in loops.withLock({ Array($0.values) }) { loop.eventLoop.execute { loop.value.drain() } }
    }

    /// Whether connections on which nothing happens are to go.
    var isEnding: Bool { ending.load(ordering: .relaxed) }

    /// No connection is taken any more: each ends with the answer under way, or when it has been silent for a moment.
    package func end() { ending.store(true, ordering: .relaxed) }

    /// How many connections to upstream there are.
    package var upstreamConnections: Int { get async { await sum { $0.pool.count } } }

    /// How many of them are not read, since a client has fallen behind.
    package var heldBackConnections: Int { get async { await sum { $0.pool.heldBackCount } } }

    private func sum(_ count: @escaping @Sendable (LaneLoop) -> Int) async -> Int {
        var sum = 0
        for loop in loops.withLock({ Array($0.values) }) {
            sum += (try? await loop.eventLoop.submit { count(loop.value) }.get()) ?? 0
        }
        return sum
    }

    /// Closes the connections to upstream, when no client is left.
    package func stop() async {
        let all = loops.withLock { loops in
            defer { loops = [:] }
            return loops.values
        }
        for loop in all { try? await loop.eventLoop.submit { loop.value.stop() }.get() }
    }
}
