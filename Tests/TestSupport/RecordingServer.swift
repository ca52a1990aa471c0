import NIOCore
import NIOPosix
import Synchronization

/// A server that keeps what it is sent and always says the same.
package final class RecordingServer: Sendable {
    package let url: String
    private let channel: any Channel
    private let kept: Kept

    /// Listens on a free port of 127.0.0.1.
    /// - Parameter answer: Sent for each read that begins a request.
    package init(_ answer: String) async throws {
        let kept = Kept()
        self.kept = kept
        channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(kept, answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        url = "http://127.0.0.1:\(channel.localAddress?.port ?? 0)"
    }

    /// The requests so far, as far as each came in one read: its head at least.
    package var requests: [String] { kept.requests.withLock(\.self) }

    package func stop() async { try? await channel.close() }

    private final class Kept: Sendable {
        let requests = Mutex<[String]>([])
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let kept: Kept
        private let answer: String

        init(_ kept: Kept, _ answer: String) {
            self.kept = kept
            self.answer = answer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let text = String(buffer: unwrapInboundIn(data))
            // A body may come in a read of its own.
            guard text.contains(" HTTP/1.1\r\n") else { return }
            kept.requests.withLock { $0.append(text) }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
