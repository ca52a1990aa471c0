import Core
package import Edge
package import Gateway
import HTTPTypes
package import Hummingbird
import NIOCore
import Synchronization
import Wire

/// The router of a table without sockets, behind the parsers of the edge alone.
package struct InProcessRouter: HTTPResponder {
    package struct Context: RequestContext {
        package var coreContext: CoreRequestContextStorage
        let channel: any Channel

        package init(source: ApplicationRequestContextSource) {
            coreContext = .init(source: source)
            channel = source.channel
        }
    }

    private let table: RouteTable
    private let peer: Peer?
    private let numbers = countingBytes()

    /// - Parameter peer: Who sends the requests; `nil` for the channel's own, which is unknown without a socket.
    package init(_ table: RouteTable, from peer: Peer? = nil) {
        self.table = table
        self.peer = peer
    }

    package func respond(to request: Request, context: Context) async throws -> Response {
        let received = received(request, on: context.channel)
        let call = table.call(for: received)
        let routed = RoutedRequest(received, request.head)
        if let limit = call.bodyLimit {
            let body = try? await request.body.collect(upTo: limit)
            routed.body.end(
                with: body.map { .success(Array($0.readableBytesView)) } ?? .failure(.bodyTooLarge(limit: limit)))
        }
        let response = await call.respond(routed)
        var bytes: [UInt8] = []
        switch response.body {
        case .bytes(let body): bytes = body
        case .shared(let body): bytes = Array(body.readableBytesView)
        case .omitted: break
        case .stream(let stream):
            let pieces = Pieces()
            try await stream(pieces)
            bytes = pieces.bytes
        }
        return Response(
            status: response.status, headers: response.headers, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// What is streamed, to its end.
    private final class Pieces: BodyWriter, Sendable {
        private let written = Mutex<[UInt8]>([])
        var bytes: [UInt8] { written.withLock { $0 } }
        func write(_ bytes: [UInt8]) async { written.withLock { $0 += bytes } }
    }

    /// Reads the head as it would have come over a socket.
    private func received(_ request: Request, on channel: any Channel) -> ReceivedRequest {
        var text = "\(request.method.rawValue) \(request.head.path ?? "/") HTTP/1.1\r\nHost: bff.test\r\n"
        for field in request.headers { text += "\(field.name.rawName): \(field.value)\r\n" }
        let bytes = Array((text + "\r\n").utf8)
        var reader = RequestReader()
        var offset = 0
        var facts = RequestHeadFacts()
        if case .head(let head) = reader.next(bytes.span, &offset) { facts = RequestHeadFacts(head, in: bytes.span) }
        return ReceivedRequest(
            number: RequestNumber(random: numbers(12)), method: request.method.rawValue,
            path: request.head.path == "*" ? "" : request.uri.path,
            head: facts, from: peer ?? Peer(channel), at: .now)
    }
}
