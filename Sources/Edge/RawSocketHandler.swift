import NIOCore
import NIOHTTP1

/// The end of the pipeline at the socket: bytes go from here to the handler, and whole answers leave here, past the
/// encoder that the router's answers need.
final class RawSocketHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let flushes: FlushCoalescer
    private var context: ChannelHandlerContext?
    /// Let go of when it leaves the pipeline.
    var handler: ClientConnectionHandler?
    private var hasEncoder = false

    init(_ flushes: FlushCoalescer) {
        self.flushes = flushes
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        handler?.bytesArrived(unwrapInboundIn(data))
    }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        handler?.readOn()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        handler?.readOn()
    }

    /// Puts the encoder there that the router's answers need: not every connection has one, and it takes memory.
    func addEncoder() {
        guard !hasEncoder, let context else { return }
        hasEncoder = true
        var configuration = HTTPResponseEncoder.Configuration()
        // It would put chunks into answers for clients that know none.
        configuration.automaticallySetFramingHeaders = false
        do {
            try context.pipeline.syncOperations.addHandler(
                HTTPResponseEncoder(configuration: configuration), position: .after(self))
        } catch {
            // The connection is gone.
            context.close(promise: nil)
        }
    }

    func send(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>? = nil) {
        guard let context else { return promise.map { $0.fail(ChannelError.ioOnClosedChannel) } ?? () }
        context.write(wrapOutboundOut(bytes), promise: promise)
        flushes.soon(context)
    }
}
