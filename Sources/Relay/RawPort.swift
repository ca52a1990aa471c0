import NIOCore

/// The end of the pipeline at the socket: whole answers leave here, past the encoder that the router's answers need.
final class RawPort: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = ByteBuffer

    private var context: ChannelHandlerContext?
    /// Let go of when it leaves the pipeline.
    var handler: LaneHandler?

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        handler?.bytesArrived(unwrapInboundIn(data))
        context.fireChannelRead(data)
    }

    func send(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>? = nil) {
        guard let context else { return promise.map { $0.fail(ChannelError.ioOnClosedChannel) } ?? () }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
    }
}
