import NIOCore
import NIOHTTP1
import NIOPosix

/// One POST over a connection of its own.
enum DeliveryClient {
    /// Where a receiver is, taken from its URL.
    struct Address: Sendable {
        let host: String
        let port: Int
        let path: String

        /// Accepts `http://host[:port][/path]`.
        init?(_ url: String) {
            guard url.hasPrefix("http://") else { return nil }
            let rest = url.dropFirst(7)
            let authority = rest.prefix { $0 != "/" }
            let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
            guard let host = parts.first, !host.isEmpty, parts.count <= 2 else { return nil }
            guard let port = parts.count == 2 ? Int(parts[1]) : 80, (1...65535).contains(port) else { return nil }
            self.host = String(host)
            self.port = port
            path = authority.endIndex == rest.endIndex ? "/" : String(rest[authority.endIndex...])
        }
    }

    /// Flatpeak gives a receiver 10 seconds (upstream.md §5.3).
    private static let timeout = TimeAmount.seconds(10)

    /// - Returns: The status that was answered; fails when there was none in time.
    static func post(
        to address: Address, headers: [(name: String, value: String)], body: [UInt8], on loop: any EventLoop
    ) -> EventLoopFuture<Int> {
        let answer = loop.makePromise(of: Int.self)
        ClientBootstrap(group: loop)
            .connectTimeout(.seconds(5))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(
                        DeliveryExchange(address: address, headers: headers, body: body, answer: answer))
                }
            }
            .connect(host: address.host, port: address.port)
            .whenComplete { result in
                switch result {
                case .success(let channel):
                    loop.scheduleTask(in: timeout) { channel.close(promise: nil) }
                case .failure(let error): answer.fail(error)
                }
            }
        return answer.futureResult
    }
}

private final class DeliveryExchange: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let address: DeliveryClient.Address
    private let headers: [(name: String, value: String)]
    private let body: [UInt8]
    private var answer: EventLoopPromise<Int>?

    init(
        address: DeliveryClient.Address, headers: [(name: String, value: String)], body: [UInt8],
        answer: EventLoopPromise<Int>
    ) {
        self.address = address
        self.headers = headers
        self.body = body
        self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
        var fields = HTTPHeaders(headers.map { ($0.name, $0.value) })
        fields.add(name: "Host", value: "\(address.host):\(address.port)")
        fields.add(name: "Content-Length", value: String(body.count))
        fields.add(name: "Connection", value: "close")
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: address.path, headers: fields)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data) else { return }
        answer?.succeed(Int(head.status.code))
        answer = nil
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        answer?.fail(ChannelError.eof)
        answer = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
