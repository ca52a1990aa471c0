import Core
import Edge
package import Gateway
package import Hummingbird
import NIOCore
import Wire

/// The router of a table without sockets, behind the parsers of the edge alone.
package struct InProcessRouter: HTTPResponder {
    package typealias Context = GatewayContext

    private let router: RouterResponder<GatewayContext>
    private let numbers = countingBytes()

    package init(_ table: RouteTable) {
        router = table.router().buildResponder()
    }

    package func respond(to request: Request, context: GatewayContext) async throws -> Response {
        var context = context
        context.received = received(request, on: context.channel)
        return try await router.respond(to: request, context: context)
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
            number: RequestNumber(random: numbers(12)), method: request.method.rawValue, path: request.uri.path,
            head: facts, from: Peer(channel), at: .now)
    }
}
