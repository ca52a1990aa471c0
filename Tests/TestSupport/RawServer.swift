import NIOCore
import NIOPosix
package import NIOSSL
import Synchronization
import Wire

/// A server that says exactly what a test wants, right or wrong, once the first bytes of a request have come.
package final class RawServer: Sendable {
    /// What it does to a connection.
    package enum Behaviour: Sendable {
        case silence
        /// Sends these bytes; `closes` ends the connection after them.
        case sends(String, closes: Bool)
        /// Sends the first bytes at once and then one byte each 20 ms, for ever.
        case drips(String)
    }

    package let port: Int
    private let channel: any Channel
    private let counter: Counter

    /// Listens on a free port of 127.0.0.1.
    package init(
        tls: NIOSSLContext? = nil, _ behaviour: @escaping @Sendable (_ request: Int) -> Behaviour
    ) async throws {
        let counter = Counter()
        channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    counter.connected()
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try channel.pipeline.syncOperations.addHandler(Handler(counter, behaviour))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
        self.counter = counter
    }

    package var connections: Int { counter.connections }
    package var requests: Int { counter.requests }

    package func stop() async {
        try? await channel.close()
    }

    private final class Counter: Sendable {
        private let seen = Mutex((connections: 0, requests: 0))
        var connections: Int { seen.withLock(\.connections) }
        var requests: Int { seen.withLock(\.requests) }
        func connected() { seen.withLock { $0.connections += 1 } }
        func requested() -> Int {
            seen.withLock { seen in
                seen.requests += 1
                return seen.requests
            }
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let counter: Counter
        private let behaviour: @Sendable (Int) -> Behaviour

        init(_ counter: Counter, _ behaviour: @escaping @Sendable (Int) -> Behaviour) {
            self.counter = counter
            self.behaviour = behaviour
        }

        /// One read is one request: the clients of these tests send small ones, one at a time.
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch behaviour(counter.requested()) {
            case .silence: break
            case .sends(let text, let closes):
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
                if closes { context.close(promise: nil) }
            case .drips(let text):
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
                let channel = context.channel
                _ = context.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(20)) { task in
                    if !channel.isActive { return task.cancel() }
                    channel.writeAndFlush(ByteBuffer(string: " "), promise: nil)
                }
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
