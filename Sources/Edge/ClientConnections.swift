import Core
import NIOCore
import Synchronization

/// The client connections of one listener.
package final class ClientConnections: Sendable {
    let policy: EdgePolicy
    /// Answers what the fast path does not.
    let router: any RequestRouter
    let fastPath: (any FastPath)?
    /// Where the fast path is found.
    let fastPaths: [String]
    var times: ConnectionTimes { policy.settings.times }
    /// Whether requests that come whole and in the plain shape pass over the reader that all others need.
    var readsPlain: Bool { policy.settings.readsPlainCalls }
    let now: @Sendable () -> ContinuousClock.Instant
    /// The wall clock, for the `Date` of responses.
    package let secondsSince1970: @Sendable () -> Int
    private let randomBytes: @Sendable (Int) -> [UInt8]
    private let draining = Atomic(false)
    private let ending = Atomic(false)
    private let loops = Mutex<[ObjectIdentifier: NIOLoopBound<EdgeLoop>]>([:])

    /// - Parameters:
    ///   - fastPath: `nil` where the router answers everything.
    ///   - randomBytes: Makes request numbers.
    package init(
        _ policy: EdgePolicy, router: any RequestRouter, fastPath: (any FastPath)?,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        secondsSince1970: @escaping @Sendable () -> Int, randomBytes: @escaping @Sendable (Int) -> [UInt8]
    ) {
        self.policy = policy
        self.router = router
        self.fastPath = fastPath
        fastPaths = fastPath?.paths ?? []
        self.now = now
        self.secondsSince1970 = secondsSince1970
        self.randomBytes = randomBytes
    }

    /// Puts the edge on a connection.
    func install(on channel: any Channel) throws {
        if let options = channel.syncOptions {
            // `ClientConnectionHandler` asks for more.
            try options.setOption(.autoRead, value: false)
            try options.setOption(.maxMessagesPerRead, value: 1)
            // SwiftNIO keeps this buffer as long as the connection, idle ones too. Nearly every request fits.
            try options.setOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 2 << 10))
            // With one read of upstream on top of it, this stays below the 64 KiB that a slow client may cost.
            try options.setOption(.writeBufferWaterMark, value: .init(low: 16 << 10, high: 32 << 10))
        }
        let loop = loop(of: channel.eventLoop)
        try channel.pipeline.syncOperations.addHandler(ClientConnectionHandler(loop, peer: Peer(channel)))
    }

    /// Must be called on `eventLoop`.
    private func loop(of eventLoop: any EventLoop) -> EdgeLoop {
        let key = ObjectIdentifier(eventLoop)
        if let known = loops.withLock({ $0[key] }) { return known.value }
        let loop = EdgeLoop(self, on: eventLoop, numbers: RequestNumbers(random: randomBytes(12)))
        let bound = NIOLoopBound(loop, eventLoop: eventLoop)
        loops.withLock { $0[key] = bound }
        loop.start()
        return loop
    }

    // MARK: - Life

    /// Gets every loop of `group` ready for the first requests.
    func start(on group: any EventLoopGroup) {
        for eventLoop in group.makeIterator() {
            eventLoop.execute { _ = self.loop(of: eventLoop) }
        }
    }

    /// Whether every response asks its client to leave.
    var isDraining: Bool { draining.load(ordering: .relaxed) }

    /// From now on each response is the last one of its connection, so that clients find another process.
    package func drain() {
        draining.store(true, ordering: .relaxed)
        for loop in loops.withLock({ Array($0.values) }) { loop.eventLoop.execute { loop.value.drain() } }
    }

    /// Whether connections on which nothing happens are to go.
    var isEnding: Bool { ending.load(ordering: .relaxed) }

    /// No connection is accepted any more: each ends with the response under way, or when it has been silent for a
    /// moment.
    func end() { ending.store(true, ordering: .relaxed) }

    /// Closes every connection at once.
    func close() {
        for loop in loops.withLock({ Array($0.values) }) { loop.eventLoop.execute { loop.value.close() } }
    }

    /// Ends the fast path, when no client is left.
    func stop() async {
        let all = loops.withLock { loops in
            defer { loops = [:] }
            return loops.values
        }
        for loop in all { try? await loop.eventLoop.submit { loop.value.stop() }.get() }
    }
}
