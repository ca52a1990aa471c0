import Core
import Edge
import Flatpeak
import NIOCore
import NIOPosix
import Networking
import TestSupport
import Testing

import Wire
@testable import Relay

@Suite(.timeLimit(.minutes(1))) struct UpstreamPoolTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.any()

    private final class Receiver: AnswerReceiver {
        private(set) var failure: TransportFailure?
        private let ended: () -> Void

        init(ended: @escaping () -> Void = {}) { self.ended = ended }

        func answerBegan(_ head: AnswerHead, _ bytes: ByteBuffer, on connection: UpstreamConnection) {}
        func answerContinued(_ bytes: ByteBuffer, in range: Range<Int>) {}
        func answerPaused() {}
        func answerEnded(at now: ContinuousClock.Instant) { ended() }
        func answerFailed(_ failure: TransportFailure) { self.failure = failure }
    }

    /// Knows two addresses of upstream; no listener at the first.
    private struct TwoAddresses: Resolver {
        let loop: any EventLoop

        func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
            loop.makeCompletedFuture {
                try ["127.0.0.2", "127.0.0.1"].map { try SocketAddress(ipAddress: $0, port: port) }
            }
        }

        func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
            loop.makeSucceededFuture([])
        }

        func cancelQueries() {}
    }

    private static func request(_ path: String) -> ByteBuffer {
        ByteBuffer(string: "POST \(path) HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    }

    /// Runs `body` with a server and a pool of connections to it, which is used on its loop alone.
    private func withPool(
        _ resolver: TwoAddresses? = nil, _ body: (StagedServer, NIOLoopBound<UpstreamPool>) async throws -> Void
    ) async throws {
        let upstream = try await StagedServer()
        let address = try #require(UpstreamAddress("http://localhost:\(upstream.port)"))
        let pool = try await loop.submit { [loop] in
            let pool = UpstreamPool(
                on: loop, to: address, tls: nil, resolver: resolver, times: UpstreamTimes(), answerLimit: 1 << 10,
                flushes: FlushCoalescer(on: loop), now: { .now })
            return NIOLoopBound(pool, eventLoop: loop)
        }.get()
        try await body(upstream, pool)
        try await loop.submit { pool.value.shutDown() }.get()
        await upstream.stop()
    }

    @Test func `a connection to the second address of upstream is used again like any other`() async throws {
        try await withPool(TwoAddresses(loop: loop)) { upstream, pool in
            for _ in 0..<3 {
                let (ended, end) = AsyncStream<Void>.makeStream()
                loop.execute {
                    pool.value.send(Self.request("/"), for: Receiver { end.yield() }, until: .now + .seconds(15))
                }
                let call = try #require(await upstream.next())
                #expect(call.connection == 1)
                try await call.answer("{}")
                for await _ in ended { break }
            }
        }
    }

    @Test func `a connection that is given up while its address is looked up does not stay open`() async throws {
        try await withPool { upstream, pool in
            let failure = try await loop.submit {
                let first = Receiver(), late = ContinuousClock.now + .seconds(3)
                // What the look-up says waits for this turn of the loop to end.
                pool.value.send(Self.request("/first"), for: first, until: late)
                pool.value.tick(at: late)
                // Looked up after the first.
                pool.value.send(Self.request("/second"), for: Receiver(), until: late + .seconds(15))
                return first.failure
            }.get()
            #expect(failure == .notConnected)
            let call = try #require(await upstream.next())
            #expect(call.text.hasPrefix("POST /second "))
            try await until { upstream.connections == 2 && upstream.openConnections == 1 }
            #expect(call.channel.isActive)
        }
    }
}
