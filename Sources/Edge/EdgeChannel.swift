package import HummingbirdCore
package import Logging
package import NIOCore
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// Answers a request that the fast path does not, with what the edge learnt of it.
package typealias RequestResponder =
    @concurrent @Sendable (Request, ReceivedRequest, consuming ResponseWriter, any Channel) async throws -> Void

/// A client's connection, with the edge on it and the router behind.
///
/// Behind the edge stands what `HTTP1Channel.setup` of Hummingbird 2.28.1 puts on a connection.
package struct EdgeChannel: ServerChildChannel {
    package struct Value: ServerChildChannelValue {
        let requests: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
        let routed: RoutedRequest
        package var channel: any Channel { requests.channel }
    }

    private let responder: RequestResponder
    private let connections: ClientConnections

    package init(responder: @escaping RequestResponder, connections: ClientConnections) {
        self.responder = responder
        self.connections = connections
    }

    package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let routed = try connections.install(on: channel)
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
            try pipeline.addHandler(DisconnectMonitor())
            // It does not see the fast path's requests and would close a busy connection; the edge times out idle ones.
            try pipeline.addHandler(HTTPConnectionStateHandler(idleTimeout: nil, logger: logger))
            let requests = try NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
            return Value(requests: requests, routed: routed)
        }
    }

    package func handle(value: Value, logger: Logger) async {
        let connection = Connection { [responder] request, writer, channel in
            // The edge put it there before the head of the request went on.
            guard let received = value.routed.take() else { throw ChannelError.inappropriateOperationForState }
            try await responder(request, received, writer, channel)
        }
        await connection.handleHTTP(asyncChannel: value.requests, logger: logger)
    }

    /// Lends Hummingbird's loop over the requests of one connection.
    private struct Connection: HTTPChannelHandler {
        let responder: HTTPChannelHandler.Responder

        func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<EdgeChannel.Value> {
            channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }

        func handle(value: EdgeChannel.Value, logger: Logger) async {}
    }
}
