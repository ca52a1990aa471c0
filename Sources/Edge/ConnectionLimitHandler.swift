import NIOCore

/// Takes no more connections than a listening socket may have; others wait in the kernel's queue.
final class ConnectionLimitHandler: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never
    typealias OutboundOut = Never

    private let limit: Int
    private var count = 0
    private var wantsToRead = false

    init(_ limit: Int) {
        self.limit = limit
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        count += 1
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        unwrapInboundIn(data).closeFuture.hop(to: context.eventLoop).whenComplete { _ in
            bound.value.handler.connectionClosed(bound.value.context)
        }
        context.fireChannelRead(data)
    }

    private func connectionClosed(_ context: ChannelHandlerContext) {
        count -= 1
        guard wantsToRead else { return }
        wantsToRead = false
        context.read()
    }

    func read(context: ChannelHandlerContext) {
        if count < limit { context.read() } else { wantsToRead = true }
    }
}
