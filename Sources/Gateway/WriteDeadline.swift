import NIOCore

/// Closes a connection whose client does not read what was written to it.
///
/// For listeners without the relay's lane, which has a deadline of its own.
final class WriteDeadline: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    /// A client that does not read is closed after that.
    private static let limit = TimeAmount.seconds(10)

    private var deadline: Scheduled<Void>?

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline =
            context.channel.isWritable
            ? nil : context.eventLoop.assumeIsolated().scheduleTask(in: Self.limit) { context.close(promise: nil) }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = nil
        context.fireChannelInactive()
    }
}
