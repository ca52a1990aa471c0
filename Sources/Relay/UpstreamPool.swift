import Core
import Edge
import Flatpeak
import NIOCore
import NIOPosix
import NIOSSL

/// The connections to upstream of one event loop: a call never leaves the loop on which its client is.
///
/// How many there are is bounded by the slots that the policy gives to relayed calls, and by what upstream's idle time
/// lets live.
final class UpstreamPool {
    private let loop: any EventLoop
    private let address: UpstreamAddress
    private let tls: NIOSSLContext?
    private let resolver: (any Resolver & Sendable)?
    let times: UpstreamTimes
    let answerLimit: Int
    private let mostIdle: Int
    let flushes: FlushCoalescer
    let now: @Sendable () -> ContinuousClock.Instant
    private var connections: [UpstreamConnection] = []
    /// The one used last is used next, so that those beyond the need grow old.
    private var idle: [UpstreamConnection] = []

    /// - Parameters:
    ///   - tls: Nil for plain connections, which the settings allow to loopback addresses alone.
    ///   - resolver: Nil for the system's.
    ///   - mostIdle: Connections that are kept while unused.
    init(
        on loop: any EventLoop, to address: UpstreamAddress, tls: NIOSSLContext?,
        resolver: (any Resolver & Sendable)? = nil, times: UpstreamTimes, answerLimit: Int,
        mostIdle: Int = .max, flushes: FlushCoalescer, now: @escaping @Sendable () -> ContinuousClock.Instant
    ) {
        self.loop = loop
        self.address = address
        self.tls = tls
        self.resolver = resolver
        self.times = times
        self.answerLimit = answerLimit
        self.mostIdle = mostIdle
        self.now = now
        self.flushes = flushes
    }

    /// Sends `request`, ready for the wire, over an idle connection or a new one.
    /// - Parameter body: What follows it; `nil` when the request is whole.
    /// - Returns: The connection that carries it.
    @discardableResult
    func send(
        _ request: ByteBuffer, body: UnsentBody? = nil, for receiver: any AnswerReceiver,
        until end: ContinuousClock.Instant
    ) -> UpstreamConnection {
        let call = UpstreamConnection.Call(
            request: request, body: body, receiver: receiver, end: StoredInstant(end))
        while let connection = idle.popLast() {
            if connection.send(call) { return connection }
        }
        return connect(for: call)
    }

    /// Opens connections ahead of the first calls.
    func warm(_ count: Int) {
        for _ in 0..<count { _ = connect(for: nil) }
    }

    private func connect(for call: UpstreamConnection.Call?) -> UpstreamConnection {
        let now = now()
        let connection = UpstreamConnection(
            self, isSecure: tls != nil, for: call,
            until: min(now + times.connect, call?.end.instant ?? now + times.connect),
            at: now)
        connection.index = connections.count
        connections.append(connection)
        // The name is resolved for each connection: upstream may move while we run.
        ClientBootstrap(group: loop)
            .resolver(resolver)
            .connectTimeout(TimeAmount(times.connect))
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 8 << 10))
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(host: address.host, port: address.port)
            .assumeIsolated()
            .flatMapThrowing { try self.install(connection, on: $0) }
            .whenFailure { _ in connection.couldNotConnect() }
        return connection
    }

    /// Gives a connection the channel that won.
    ///
    /// Only then: a name has many addresses, and the channels to those that failed, or were slower, end after this one
    /// has opened.
    private func install(_ connection: UpstreamConnection, on channel: any Channel) throws {
        do {
            guard connection.isWanted else { throw ChannelError.alreadyClosed }
            if let tls {
                try channel.pipeline.syncOperations.addHandler(
                    NIOSSLClientHandler(context: tls, serverHostname: address.serverName))
            }
            try channel.pipeline.syncOperations.addHandler(connection)
        } catch {
            channel.close(promise: nil)
            throw error
        }
    }

    var count: Int { connections.count }
    var heldBackCount: Int { connections.count { $0.isHeldBack } }

    // MARK: - Connections

    /// Whether a connection is kept that has no call.
    func keeps(_ openedAt: StoredInstant, at now: ContinuousClock.Instant) -> Bool {
        idle.count < mostIdle && !isTooOld(openedAt, at: now)
    }

    func gotIdle(_ connection: UpstreamConnection) {
        idle.append(connection)
    }

    func forget(_ connection: UpstreamConnection) {
        guard connection.index < connections.count, connections[connection.index] === connection else { return }
        let last = connections.removeLast()
        if last !== connection {
            last.index = connection.index
            connections[last.index] = last
        }
        if let place = idle.lastIndex(where: { $0 === connection }) { idle.remove(at: place) }
    }

    func isTooOld(_ openedAt: StoredInstant, at now: ContinuousClock.Instant) -> Bool {
        openedAt.duration(to: now) > times.age
    }

    // MARK: - Time

    /// One coarse timer of the loop serves all deadlines; one for each call would cost more than the call's checks.
    func tick(at now: ContinuousClock.Instant) {
        for connection in connections { connection.tick(at: now) }
    }

    func shutDown() {
        for connection in connections { connection.shutDown() }
    }
}
