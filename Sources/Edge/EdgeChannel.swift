package import HummingbirdCore
package import Logging
package import NIOCore
package import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// Answers a request that the fast path does not; Hummingbird's, spelled out.
package typealias RequestResponder =
    @concurrent @Sendable (Request, consuming ResponseWriter, any Channel) async throws -> Void

/// A client's connection, with the edge on it and the router behind.
///
/// Behind the edge stands what `HTTP1Channel.setup` of Hummingbird 2.28.1 puts on a connection.
package struct EdgeChannel: ServerChildChannel, HTTPChannelHandler {
    package typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    package let responder: RequestResponder
    private let connections: ClientConnections

    package init(responder: @escaping RequestResponder, connections: ClientConnections) {
        self.responder = responder
        self.connections = connections
    }

    package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            try connections.install(on: channel)
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
            try pipeline.addHandler(DisconnectMonitor())
            // It does not see the fast path's requests and would close a busy connection; the edge times out idle ones.
            try pipeline.addHandler(HTTPConnectionStateHandler(idleTimeout: nil, logger: logger))
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }

    package func handle(value: Value, logger: Logger) async {
        await handleHTTP(asyncChannel: value, logger: logger)
    }
}
