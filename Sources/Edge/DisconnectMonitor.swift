import Core
package import NIOCore
package import NIOHTTPTypes

/// Notices that a client closed its connection while its answer was still being made.
///
/// A client that closes only its sending side is taken for one that left; no HTTP client that waits does so.
package final class DisconnectMonitor: ChannelInboundHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPRequestPart

    /// HTTP/1.1 answers one request at a time, so there is at most one who wants to know.
    private var waiting: AsyncStream<Never>.Continuation?
    /// It may leave before anybody asks.
    private var hasLeft = false

    private func left() {
        hasLeft = true
        waiting?.finish()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { left() }
        context.fireUserInboundEventTriggered(event)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        left()
        context.fireChannelInactive()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A request that is given up unread has a client who waits for the answer.
        if !(error is BFFError) { left() }
        context.fireErrorCaught(error)
    }

    /// Does `work` and cancels it when the client of `channel` leaves.
    package static func cancelOnDisconnect<Value: Sendable>(
        _ channel: any Channel, _ work: @escaping @Sendable () async -> Value
    ) async -> Value? {
        let (left, continuation) = AsyncStream<Never>.makeStream()
        channel.eventLoop.execute {
            guard let watch = try? channel.pipeline.syncOperations.handler(type: DisconnectMonitor.self) else {
                // A client that has left took the monitor along. Without one, as in tests without sockets, no client leaves.
                return channel.closeFuture.whenComplete { _ in continuation.finish() }
            }
            watch.waiting = continuation
            if watch.hasLeft || !channel.isActive { continuation.finish() }
        }
        return await withTaskGroup(of: Value?.self) { group in
            group.addTask { await work() }
            group.addTask {
                for await _ in left {}
                return nil
            }
            defer { group.cancelAll() }
            for await value in group {
                if let value { return value }
                group.cancelAll()
            }
            return nil
        }
    }
}
