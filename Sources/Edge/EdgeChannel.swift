import Core
import HTTPTypes
import HummingbirdCore
package import Logging
package import NIOCore
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import Resilience
import Wire

/// A client's connection, with the edge on it and the router behind.
///
/// Behind the edge stands what `HTTP1Channel.setup` of Hummingbird 2.28.1 puts on a connection.
package struct EdgeChannel: ServerChildChannel {
    package struct Value: ServerChildChannelValue {
        let requests: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
        let routed: PendingRequest
        package var channel: any Channel { requests.channel }
    }

    private let router: any RequestRouter
    private let connections: ClientConnections

    package init(router: any RequestRouter, connections: ClientConnections) {
        self.router = router
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
        let connection = Connection { [router, connections] request, writer, channel in
            // The edge put it there before the head of the request went on.
            guard let received = value.routed.take() else { throw ChannelError.inappropriateOperationForState }
            let body = request.body
            let routed = RoutedRequest(received, request.head, on: channel) { (limit) throws(BFFError) in
                try await body.bytes(
                    upTo: limit, declared: received.head.contentLength, in: connections.policy.bodies,
                    for: connections.policy.client(of: received))
            }
            var response = await router.respond(to: routed)
            response.headers[.date] = CivilTime(secondsSince1970: connections.secondsSince1970()).httpDate
            try await writer.write(response)
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

extension RequestBody {
    fileprivate func bytes(
        upTo limit: Int, declared: Int?, in memory: BodyMemory, for client: CallerKey
    ) async throws(BFFError) -> [UInt8] {
        if let declared, declared > limit { throw .bodyTooLarge(limit: limit) }
        var bytes: [UInt8] = []
        var reserved = 0
        defer { memory.release(reserved, for: client) }
        do {
            for try await piece in self {
                guard bytes.count + piece.readableBytes <= limit else { throw BFFError.bodyTooLarge(limit: limit) }
                guard memory.reserve(piece.readableBytes, for: client) else { throw BFFError.overloaded }
                reserved += piece.readableBytes
                bytes.append(contentsOf: piece.readableBytesView)
            }
            return bytes
        } catch let error as BFFError {
            throw error
        } catch {
            // The client went away; the answer reaches no one.
            throw .malformedJSON
        }
    }
}

extension ResponseWriter {
    @concurrent fileprivate consuming func write(_ response: RoutedResponse) async throws {
        var head = HTTPResponse(status: response.status, headerFields: response.headers)
        switch response.body {
        case .bytes(let bytes):
            head.headerFields[.contentLength] = "\(bytes.count)"
            try await write(response: head, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
        case .omitted(let length):
            if let length { head.headerFields[.contentLength] = "\(length)" }
            try await write(response: head, body: .init())
        case .stream(let stream):
            let writer = try await writeHead(head)
            try await stream(StreamWriter(writer))
            try await writer.finish(nil)
        }
    }
}

private struct StreamWriter<Writer: ResponseBodyWriter>: BodyWriter {
    private let writer: Writer

    init(_ writer: Writer) {
        self.writer = writer
    }

    @concurrent func write(_ bytes: [UInt8]) async throws {
        var writer = writer
        try await writer.write(ByteBuffer(bytes: bytes))
    }
}
