import Core
package import NIOCore
package import NIOHTTPTypes

/// Notices that a client closed its connection while its answer was still being made.
///
/// A client that closes only its sending side is taken for one that left; no HTTP client that waits does so.
package final class DisconnectMonitor: ChannelInboundHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPRequestPart

    /// HTTP/1.1 answers one request at a time, so there is at most one that waits.
    private var waiting: (@Sendable () -> Void)?
    /// It may leave before anybody asks.
    private var hasLeft = false

    private func left() {
        hasLeft = true
        waiting?()
        waiting = nil
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

    /// Calls `body` once the client of `channel` has left, on any thread.
    package static func onDisconnect(_ channel: any Channel, _ body: @escaping @Sendable () -> Void) {
        channel.eventLoop.execute {
            guard let monitor = try? channel.pipeline.syncOperations.handler(type: DisconnectMonitor.self) else {
                // A client that has left took the monitor along. Without one, as in tests without sockets, no client
                // leaves.
                return channel.closeFuture.whenComplete { _ in body() }
            }
            if monitor.hasLeft || !channel.isActive { body() } else { monitor.waiting = body }
        }
    }
}
