import Core
import Edge
package import Flatpeak
import NIOCore
import NIOPosix
package import Networking
import Synchronization

/// Flatpeak's API over connections of the relay's kind: a call stays on the event loop of the request that it is for, and
/// costs a fraction of what it does in a general HTTP client.
///
/// TLS is verified, redirects are not followed, and an answer must say how long it is.
package final class PooledTransport: UpstreamTransport {
    /// Where a host is, and the beginning of each request to it.
    struct Host: Sendable {
        let address: UpstreamAddress
        /// The fields that every call has, and the end of its request line.
        let start: [UInt8]

        init(_ url: String) throws(BadAddress) {
            guard let address = UpstreamAddress(url) else { throw BadAddress() }
            self.address = address
            let fields = [(name: "Host", value: address.authority)] + OutgoingHeaders.fixed
            start = Array((" HTTP/1.1\r\n" + fields.map { "\($0.name): \($0.value)\r\n" }.joined()).utf8)
        }
    }

    let api: Host
    let connect: Host
    let logos: Host?
    /// `nil` when no host is called over TLS.
    package let tls: UpstreamTLS?
    let times: UpstreamTimes
    let now: @Sendable () -> ContinuousClock.Instant
    /// Connections that each loop keeps to each host while they are unused: 64 in all.
    let mostIdle = max(1, 64 / MultiThreadedEventLoopGroup.singleton.makeIterator().reduce(0) { count, _ in count + 1 })
    private let loops = Mutex<Loops>(.running([:]))

    private enum Loops {
        case running([ObjectIdentifier: NIOLoopBound<PooledTransportLoop>])
        case shutDown
    }

    package struct BadAddress: Error {}

    /// Connects lazily; ``shutdown()`` must be called before the value goes away.
    /// - Parameters:
    ///   - api: Scheme, host and port of the API, without a slash at the end; `connect` and `logos` those of the other
    ///     hosts.
    ///   - certificateAuthorities: Certificates in PEM to trust instead of the system's roots.
    ///   - now: The monotonic clock that times calls out.
    package init(
        api: String, connect: String, logos: String? = nil, certificateAuthorities: [UInt8]? = nil,
        times: UpstreamTimes = UpstreamTimes(), now: @escaping @Sendable () -> ContinuousClock.Instant
    ) throws {
        self.api = try Host(api)
        self.connect = try Host(connect)
        self.logos = try logos.map { url throws(BadAddress) in try Host(url) }
        let isSecure = [self.api, self.connect, self.logos].contains { $0?.address.isSecure == true }
        tls = isSecure ? try UpstreamTLS(certificateAuthorities: certificateAuthorities) : nil
        self.times = times
        self.now = now
    }

    package func send(_ request: UpstreamRequest) async throws(TransportFailure) -> HTTPAnswer {
        let eventLoop = MultiThreadedEventLoopGroup.currentEventLoop ?? MultiThreadedEventLoopGroup.singleton.next()
        let end = now() + request.timeLimit
        let progress = NIOLoopBoundBox.makeBoxSendingValue(PooledCall.Progress.waiting, eventLoop: eventLoop)
        return try await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                eventLoop.perform {
                    guard case .waiting = progress.value else {
                        return continuation.resume(returning: Result<HTTPAnswer, TransportFailure>.failure(.cancelled))
                    }
                    guard let loop = self.loop(on: eventLoop) else {
                        return continuation.resume(returning: .failure(.notConnected))
                    }
                    let call = PooledCall(limit: request.operation.answerLimit, continuation)
                    progress.value = .sent(call)
                    loop.send(request, for: call, until: end)
                }
            }
        } onCancel: {
            eventLoop.execute {
                if case .sent(let call) = progress.value { call.cancel() }
                progress.value = .cancelled
            }
        }.get()
    }

    /// Must be called on `eventLoop`.
    /// - Returns: `nil` after ``shutdown()``.
    private func loop(on eventLoop: any EventLoop) -> PooledTransportLoop? {
        let key = ObjectIdentifier(eventLoop)
        return loops.withLock { state -> NIOLoopBound<PooledTransportLoop>? in
            guard case .running(var loops) = state else { return nil }
            if let known = loops[key] { return known }
            let bound = NIOLoopBound(PooledTransportLoop(self, on: eventLoop), eventLoop: eventLoop)
            loops[key] = bound
            state = .running(loops)
            return bound
        }?.value
    }

    /// Closes every connection; calls in flight fail, and later ones, too.
    package func shutdown() async {
        let all = running
        loops.withLock { $0 = .shutDown }
        for loop in all { try? await loop.eventLoop.submit { loop.value.shutDown() }.get() }
    }

    private var running: [NIOLoopBound<PooledTransportLoop>] {
        loops.withLock { if case .running(let loops) = $0 { Array(loops.values) } else { [] } }
    }

    /// How many connections there are.
    package var connections: Int {
        get async {
            var count = 0
            for loop in running { count += (try? await loop.eventLoop.submit { loop.value.count }.get()) ?? 0 }
            return count
        }
    }
}

extension EventLoop {
    /// Runs `work` at once when this is the event loop, and soon when it is not.
    fileprivate func perform(_ work: @escaping @Sendable () -> Void) {
        if inEventLoop { work() } else { execute(work) }
    }
}

/// What a ``PooledTransport`` has on one event loop; it is touched there alone.
final class PooledTransportLoop {
    private let transport: PooledTransport
    private let api: UpstreamPool
    private let connect: UpstreamPool
    private let logos: UpstreamPool?
    private let pools: [UpstreamPool]
    private var timer: RepeatedTask?

    /// The longest answer of any operation, in bytes; each call has a limit of its own.
    private static let answerLimit = 4 << 20
    private static let tick = TimeAmount.milliseconds(250)

    init(_ transport: PooledTransport, on eventLoop: any EventLoop) {
        self.transport = transport
        let flushes = FlushCoalescer(on: eventLoop)
        func pool(_ host: PooledTransport.Host, answerLimit: Int = PooledTransportLoop.answerLimit) -> UpstreamPool {
            UpstreamPool(
                on: eventLoop, to: host.address, tls: host.address.isSecure ? transport.tls?.context : nil,
                times: transport.times, answerLimit: answerLimit, mostIdle: transport.mostIdle, flushes: flushes,
                now: transport.now)
        }
        api = pool(transport.api)
        connect = pool(transport.connect)
        // Anyone may ask for a logo: the rest of one that is too long is not even read.
        logos = transport.logos.map { pool($0, answerLimit: Operation.logoLimit) }
        pools = [api, connect, logos].compactMap(\.self)
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        timer = eventLoop.scheduleRepeatedTask(initialDelay: Self.tick, delay: Self.tick) { _ in bound.value.check() }
    }

    func send(_ request: UpstreamRequest, for call: PooledCall, until end: ContinuousClock.Instant) {
        let (host, pool): (PooledTransport.Host, UpstreamPool)
        switch request.operation.host {
        case .api: (host, pool) = (transport.api, api)
        case .connect: (host, pool) = (transport.connect, connect)
        case .logos:
            guard let logos, let address = transport.logos else { return call.answerFailed(.notConnected) }
            (host, pool) = (address, logos)
        }
        let body = request.body.flatMap { $0.count > UnsentBody.threshold ? UnsentBody($0) : nil }
        let message = Self.message(request, to: host, hasBody: body == nil, pool.flushes)
        call.sent(on: pool.send(message, body: body, for: call, until: end))
    }

    /// - Parameter hasBody: Whether the request's body is part of it.
    private static func message(
        _ request: UpstreamRequest, to host: PooledTransport.Host, hasBody: Bool, _ flushes: FlushCoalescer
    ) -> ByteBuffer {
        var message = flushes.takeBuffer(1024 + (hasBody ? request.body?.count ?? 0 : 0))
        message.writeString(request.method.rawValue)
        message.writeStaticString(" ")
        message.writeBytes(request.url.utf8.dropFirst(host.address.originLength))
        message.writeBytes(host.start)
        for (name, value) in request.headers {
            message.writeString(name)
            message.writeStaticString(": ")
            message.writeString(value)
            message.writeStaticString("\r\n")
        }
        if let body = request.body {
            message.writeStaticString("Content-Length: ")
            message.writeDecimal(body.count)
            message.writeStaticString("\r\n\r\n")
            if hasBody { message.writeBytes(body) }
        } else {
            message.writeStaticString("\r\n")
        }
        return message
    }

    var count: Int { pools.reduce(0) { $0 + $1.count } }

    private func check() {
        let now = transport.now()
        for pool in pools { pool.tick(at: now) }
    }

    func shutDown() {
        timer?.cancel()
        for pool in pools { pool.shutDown() }
    }
}
