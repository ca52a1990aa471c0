package import NIOCore
import NIOPosix
package import NIOSSL
import Synchronization

/// An HTTP/1.1 server whose every answer a test writes by hand, byte by byte, at the moment that it chooses.
package final class StagedServer: Sendable {
    /// One request that came whole, and the connection that it came on.
    package struct Call: Sendable {
        /// As it came.
        package let text: String
        /// Which connection it came on, from 1.
        package let connection: Int
        package let channel: any Channel

        package var head: String { text.components(separatedBy: "\r\n\r\n").head }
        package var body: String { text.components(separatedBy: "\r\n\r\n").rest }

        package func send(_ text: String) async throws {
            try await channel.writeAndFlush(ByteBuffer(string: text))
        }

        /// A whole answer of JSON.
        package func answer(_ body: String, status: String = "200 OK", fields: String = "") async throws {
            try await send(
                "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\n\(fields)Content-Length: \(body.utf8.count)"
                    + "\r\n\r\n\(body)")
        }

        package func close() async {
            try? await channel.close()
        }
    }

    package let port: Int
    private let listener: any Channel
    private let calls: AsyncStream<Call>
    private let counter: Counter

    /// Listens on a free port of 127.0.0.1.
    package init(tls: NIOSSLContext? = nil) async throws {
        let (calls, continuation) = AsyncStream<Call>.makeStream()
        let counter = Counter()
        listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // So that what a relay does not read stays here, and not in the kernel.
            .childChannelOption(.socketOption(.so_sndbuf), value: 64 << 10)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try channel.pipeline.syncOperations.addHandler(Handler(counter, continuation))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = listener.localAddress?.port ?? 0
        self.calls = calls
        self.counter = counter
    }

    /// The next request that comes, or has come and was not taken.
    package func next() async -> Call? {
        for await call in calls { return call }
        return nil
    }

    package var connections: Int { counter.state.withLock { $0.connections } }
    package var openConnections: Int { counter.state.withLock { $0.open.count { $0.isActive } } }
    package var requests: Int { counter.state.withLock { $0.requests } }

    /// Closes every connection; the next ones are taken as before.
    package func closeConnections() async {
        let open = counter.state.withLock { state in
            defer { state.open = [] }
            return state.open
        }
        for channel in open { try? await channel.close() }
    }

    package func stop() async {
        try? await listener.close()
        await closeConnections()
    }

    private final class Counter: Sendable {
        let state = Mutex((connections: 0, requests: 0, open: [any Channel]()))
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let counter: Counter
        private let calls: AsyncStream<Call>.Continuation
        private var connection = 0
        private var text = ""

        init(_ counter: Counter, _ calls: AsyncStream<Call>.Continuation) {
            self.counter = counter
            self.calls = calls
        }

        func channelActive(context: ChannelHandlerContext) {
            let channel = context.channel
            connection = counter.state.withLock { state in
                state.connections += 1
                state.open.append(channel)
                return state.connections
            }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            text += String(buffer: unwrapInboundIn(data))
            let parts = text.components(separatedBy: "\r\n\r\n")
            guard parts.hasRest, parts.rest.utf8.count >= Self.length(parts.head) else { return }
            counter.state.withLock { $0.requests += 1 }
            calls.yield(Call(text: text, connection: connection, channel: context.channel))
            text = ""
        }

        private static func length(_ head: String) -> Int {
            let line = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
            return line.flatMap { Int($0.dropFirst(15).drop { $0 == " " }) } ?? 0
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}

extension String {
    /// The text up to the first occurrence of `separator`, and what follows it.
    fileprivate func components(separatedBy separator: String) -> (head: String, rest: String, hasRest: Bool) {
        guard let range = firstRange(of: separator) else { return (self, "", false) }
        return (String(self[..<range.lowerBound]), String(self[range.upperBound...]), true)
    }
}
