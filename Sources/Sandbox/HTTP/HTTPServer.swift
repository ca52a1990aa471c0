import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A small HTTP/1.1 server that can also misbehave: see ``HTTPAnswer/Delivery``.
final class HTTPServer: Sendable {
    /// Seconds without a byte after which a connection is closed; longer than the longest scripted wait.
    private static let idleLimit = TimeAmount.seconds(90)

    private let listener: any Channel
    private let connections: Connections

    private init(listener: any Channel, connections: Connections) {
        self.listener = listener
        self.connections = connections
    }

    /// Binds the port, 0 for any free one; `answer` runs on an event loop and must not wait.
    ///
    /// - Parameter bodyLimit: The longest request body in bytes; a longer one is 413.
    static func listen(
        host: String, port: Int, bodyLimit: Int, answer: @escaping @Sendable (HTTPRequest) -> HTTPAnswer
    ) async throws -> HTTPServer {
        let connections = Connections()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                connections.add(channel)
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(IdleStateHandler(allTimeout: idleLimit))
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(HTTPExchange(bodyLimit: bodyLimit, answer: answer))
                }
            }
            .bind(host: host, port: port).get()
        return HTTPServer(listener: listener, connections: connections)
    }

    var port: Int { listener.localAddress?.port ?? 0 }

    /// Closes the port and every connection.
    func stop() async {
        try? await listener.close()
        for channel in connections.drain() { try? await channel.close() }
    }
}

/// The open connections of a server.
private final class Connections: Sendable {
    private struct State {
        var open: [ObjectIdentifier: any Channel] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())

    /// A connection that arrives while the server stops is closed at once.
    func add(_ channel: any Channel) {
        let accepted = state.withLock { state in
            if !state.isClosed { state.open[ObjectIdentifier(channel)] = channel }
            return !state.isClosed
        }
        guard accepted else {
            channel.close(promise: nil)
            return
        }
        channel.closeFuture.whenComplete { _ in
            self.state.withLock { _ = $0.open.removeValue(forKey: ObjectIdentifier(channel)) }
        }
    }

    func drain() -> [any Channel] {
        state.withLock { state in
            defer { state = State(isClosed: true) }
            return Array(state.open.values)
        }
    }
}

/// Collects one request, asks for the answer and delivers it.
private final class HTTPExchange: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let bodyLimit: Int
    private let answer: @Sendable (HTTPRequest) -> HTTPAnswer
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var bodyIsTooLarge = false

    init(bodyLimit: Int, answer: @escaping @Sendable (HTTPRequest) -> HTTPAnswer) {
        self.bodyLimit = bodyLimit
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
            bodyIsTooLarge = false
        case .body(let bytes):
            // What exceeds the limit is read and dropped, so that the refusal arrives.
            bodyIsTooLarge = bodyIsTooLarge || body.count + bytes.readableBytes > bodyLimit
            if !bodyIsTooLarge { body += bytes.readableBytesView }
        case .end:
            guard let head else { return }
            self.head = nil
            guard !bodyIsTooLarge else {
                send(.message("Request body too large", status: 413), keepAlive: false, context: context)
                return
            }
            let request = HTTPRequest(
                method: head.method.rawValue, target: head.uri,
                headers: head.headers.map { (name: $0.name, value: $0.value) }, body: body)
            deliver(answer(request), keepAlive: head.isKeepAlive, context: context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func deliver(_ answer: HTTPAnswer, keepAlive: Bool, context: ChannelHandlerContext) {
        let loop = context.eventLoop.assumeIsolated()
        switch answer.delivery {
        case .whole:
            send(answer, keepAlive: keepAlive, context: context)
        case .delayed(let seconds):
            loop.scheduleTask(in: TimeAmount(seconds: seconds)) {
                self.send(answer, keepAlive: keepAlive, context: context)
            }
        case .reset:
            let close = { context.close(promise: nil) }
            guard let socket = context.channel as? any SocketOptionProvider else { return close() }
            socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).assumeIsolated().whenComplete { _ in close() }
        case .drip(let seconds):
            writeHead(answer, keepAlive: keepAlive, context: context)
            context.flush()
            drip(answer.body[...], every: TimeAmount(seconds: seconds), keepAlive: keepAlive, context: context)
        case .truncated:
            writeHead(answer, keepAlive: keepAlive, context: context)
            writeBody(answer.body.prefix(answer.body.count / 2), context: context)
            context.flush()
            context.close(promise: nil)
        }
    }

    private func send(_ answer: HTTPAnswer, keepAlive: Bool, context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        writeHead(answer, keepAlive: keepAlive, context: context)
        writeBody(answer.body[...], context: context)
        finish(keepAlive: keepAlive, context: context)
    }

    private func drip(
        _ rest: ArraySlice<UInt8>, every pause: TimeAmount, keepAlive: Bool, context: ChannelHandlerContext
    ) {
        guard !rest.isEmpty else { return finish(keepAlive: keepAlive, context: context) }
        context.eventLoop.assumeIsolated().scheduleTask(in: pause) {
            guard context.channel.isActive else { return }
            self.writeBody(rest.prefix(1), context: context)
            context.flush()
            self.drip(rest.dropFirst(), every: pause, keepAlive: keepAlive, context: context)
        }
    }

    private func writeHead(_ answer: HTTPAnswer, keepAlive: Bool, context: ChannelHandlerContext) {
        var headers = HTTPHeaders(answer.headers.map { ($0.name, $0.value) })
        if answer.status != 204 { headers.replaceOrAdd(name: "Content-Length", value: String(answer.body.count)) }
        if !keepAlive { headers.replaceOrAdd(name: "Connection", value: "close") }
        let status = HTTPResponseStatus(statusCode: answer.status)
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))), promise: nil)
    }

    private func writeBody(_ bytes: ArraySlice<UInt8>, context: ChannelHandlerContext) {
        guard !bytes.isEmpty else { return }
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
    }

    private func finish(keepAlive: Bool, context: ChannelHandlerContext) {
        let written = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        if !keepAlive { written.assumeIsolated().whenComplete { _ in context.close(promise: nil) } }
    }
}

extension TimeAmount {
    fileprivate init(seconds: Double) { self = .nanoseconds(Int64(seconds * 1e9)) }
}
