import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// A collector of traces, which takes whatever it is sent and keeps it.
final class Collector: Sendable {
    private let listener: any Channel
    private let documents = Record()

    /// Listens on a free port of 127.0.0.1.
    init() async throws {
        let documents = documents
        listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(documents))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var url: String { "http://127.0.0.1:\(listener.localAddress?.port ?? 0)/v1/traces" }

    /// What came so far, a document a line.
    var text: String { documents.text }

    func stop() async {
        try? await listener.close()
        Canary.keep(.trace, text)
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        private let documents: Record
        private var body = ""

        init(_ documents: Record) {
            self.documents = documents
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head: body = ""
            case .body(let bytes): body += String(buffer: bytes)
            case .end:
                documents.append(body + "\n")
                let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: ["content-length": "0"])
                context.write(wrapOutboundOut(.head(head)), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}
