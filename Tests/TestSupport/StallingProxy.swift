import NIOCore
import NIOPosix
import Synchronization

/// A proxy in front of PostgreSQL's socket whose first connection that says `LISTEN` brings nothing after its answer, as
/// a connection does that stalls.
package final class StallingProxy: Sendable {
    private let listener: any Channel
    private let state = StalledFlag()
    /// The URL of the database through it.
    package let url: String

    /// - Parameter direct: A URL of ``PostgresServer/newDatabase()`` of a server that listens on a socket of a folder.
    package init(before direct: String) async throws {
        let parts = direct.split(separator: "?host=")
        let name = parts[0].split(separator: "/").last ?? "", socket = "\(parts[1])/.s.PGSQL.5432"
        let state = state
        listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { client in
                client.eventLoop.makeCompletedFuture {
                    try client.pipeline.syncOperations.addHandler(ClientHandler(socket, state))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        url = "postgres://bff@127.0.0.1:\(listener.localAddress?.port ?? 0)/\(name)"
    }

    /// Whether a connection stalled.
    package var hasStalled: Bool { state.isRaised }

    package func stop() async {
        try? await listener.close()
    }

    private final class StalledFlag: Sendable {
        private let flag = Mutex(false)
        var isRaised: Bool { flag.withLock { $0 } }
        /// - Returns: Whether this raised it.
        func raise() -> Bool {
            flag.withLock { flag in
                defer { flag = true }
                return !flag
            }
        }
    }

    /// Passes on what a client sends; the connection to the server is of the same event loop.
    private final class ClientHandler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let socket: String
        private let state: StalledFlag
        private var server: EventLoopFuture<any Channel>?
        private var isStalling = false
        private var answers = 0

        init(_ socket: String, _ state: StalledFlag) {
            self.socket = socket
            self.state = state
        }

        func channelActive(context: ChannelHandlerContext) {
            let handler = NIOLoopBound(ServerHandler(context.channel, self), eventLoop: context.eventLoop)
            server = ClientBootstrap(group: context.eventLoop)
                .channelInitializer { server in
                    server.eventLoop.makeCompletedFuture {
                        try server.pipeline.syncOperations.addHandler(handler.value)
                    }
                }
                .connect(unixDomainSocketPath: socket)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            if String(buffer: bytes).contains("LISTEN "), state.raise() { isStalling = true }
            server?.whenSuccess { $0.writeAndFlush(bytes, promise: nil) }
        }

        /// Whether what the server sends now reaches the client.
        func passes() -> Bool {
            guard isStalling else { return true }
            answers += 1
            return answers == 1
        }

        func channelInactive(context: ChannelHandlerContext) {
            server?.whenSuccess { $0.close(promise: nil) }
        }
    }

    private final class ServerHandler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let client: any Channel
        private let handler: ClientHandler

        init(_ client: any Channel, _ handler: ClientHandler) {
            self.client = client
            self.handler = handler
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if handler.passes() { client.writeAndFlush(unwrapInboundIn(data), promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            client.close(promise: nil)
        }
    }
}
