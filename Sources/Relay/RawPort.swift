import NIOCore
import NIOHTTP1

/// The end of the pipeline at the socket: whole answers leave here, past the encoder that the router's answers need.
final class RawPort: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let flushes: Flushes
    private var context: ChannelHandlerContext?
    /// Let go of when it leaves the pipeline.
    var handler: LaneHandler?
    private var hasDecoder = false

    init(_ flushes: Flushes) {
        self.flushes = flushes
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        if handler?.takesWhole(bytes) == true { return }
        if !hasDecoder { addDecoder(context) }
        handler?.bytesArrived(bytes)
        context.fireChannelRead(data)
    }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        handler?.readOn()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        handler?.readOn()
    }

    /// Not every connection needs one, and it takes memory.
    private func addDecoder(_ context: ChannelHandlerContext) {
        hasDecoder = true
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = 16 << 10
        limits.maxHeaderListSize = 16 << 10
        limits.maxHeaderFieldCount = 100
        do {
            try context.pipeline.syncOperations.configureHTTPServerPipeline(
                position: .after(self), withPipeliningAssistance: false, withErrorHandling: false,
                withOutboundHeaderValidation: false, withEncoderConfiguration: .init(),
                withDecoderLimitConfiguration: limits)
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
