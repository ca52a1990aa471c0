import Core
import NIOCore
import NIOPosix
import Networking
import TestSupport
import Testing

@testable import Flatpeak
@testable import Relay

/// Bodies that are sent piece by piece, as the connection takes them.
@Suite(.timeLimit(.minutes(1))) struct LongBodyTests {
    /// Longer than what is sent together with its request.
    private static func body(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(ascii: "a") + UInt8(truncatingIfNeeded: $0 % 23) }
    }

    private func request(_ url: String, _ body: [UInt8]) -> UpstreamRequest {
        UpstreamRequest(
            operation: .meterIntervals, method: .PUT, url: "\(url)/meters/interval", headers: [(name: "a", value: "b")],
            body: body,
            timeLimit: .seconds(30))
    }

    @Test(arguments: [0, 1, UnsentBody.threshold, UnsentBody.threshold + 1, 2 << 20])
    func `a body of any length arrives whole, and its connection is used again`(count: Int) async throws {
        let upstream = try await StagedServer(), url = "http://127.0.0.1:\(upstream.port)"
        let transport = try PooledTransport(api: url, connect: url, now: { .now })
        let body = Self.body(count), request = request(url, body)
        // Each event loop has connections of its own.
        let loops = MultiThreadedEventLoopGroup.singleton.makeIterator().reduce(0) { count, _ in count + 1 }
        var connections: Set<Int> = []
        for _ in 0...loops {
            let sending = Task { try await transport.send(request) }
            let call = try #require(await upstream.next())
            #expect(call.head.hasPrefix("PUT /meters/interval HTTP/1.1\r\n"))
            #expect(call.head.contains("Content-Length: \(count)"))
            #expect(Array(call.body.utf8) == body)
            connections.insert(call.connection)
            try await call.answer("{}")
            #expect(try await sending.value.status == 200)
        }
        #expect(connections.count <= loops)
        await transport.shutdown()
        await upstream.stop()
    }

    /// Answers the beginning of a request, and reads no more of it.
    private final class Impatient: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        func channelActive(context: ChannelHandlerContext) { context.read() }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let answer = "HTTP/1.1 422 Unprocessable\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
        }
    }

    @Test func `an answer before the end of a body is taken, and its connection is not used again`() async throws {
        let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_rcvbuf), value: 64 << 10)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Impatient())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let url = "http://127.0.0.1:\(server.localAddress?.port ?? 0)"
        let transport = try PooledTransport(api: url, connect: url, now: { .now })
        // More than the kernel takes on both sides.
        let request = request(url, Self.body(24 << 20))
        for _ in 0..<2 {
            #expect(try await transport.send(request).status == 422)
            try await until { await transport.connections == 0 }
        }
        await transport.shutdown()
        try await server.close()
    }
}
