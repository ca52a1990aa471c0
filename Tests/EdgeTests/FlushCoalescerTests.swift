import NIOCore
import NIOEmbedded
import Testing

@testable import Edge

@Suite struct FlushCoalescerTests {
    /// Writes its buffers by way of a coalescer.
    private final class Writer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        let flushes: FlushCoalescer
        init(_ flushes: FlushCoalescer) { self.flushes = flushes }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let text = String(buffer: unwrapInboundIn(data))
            var buffer = flushes.takeBuffer(1000)
            buffer.writeString(text)
            context.write(wrapOutboundOut(buffer), promise: nil)
            flushes.soon(context)
            flushes.keepAfterFlush(buffer)
        }
    }

    @Test func `a buffer is taken again only after its flush`() throws {
        let channel = EmbeddedChannel()
        let flushes = FlushCoalescer(on: channel.embeddedEventLoop)
        try channel.pipeline.syncOperations.addHandler(Writer(flushes))
        for turn in 0..<3 {
            for text in ["one", "two", "three"] { try channel.writeInbound(ByteBuffer(string: "\(text) \(turn)")) }
            #expect(try channel.readOutbound(as: ByteBuffer.self) == nil, "all of a turn is flushed together")
            channel.embeddedEventLoop.run()
            for text in ["one", "two", "three"] {
                let sent = try #require(try channel.readOutbound(as: ByteBuffer.self))
                #expect(String(buffer: sent) == "\(text) \(turn)")
            }
        }
        let kept = (0..<4).map { _ in flushes.takeBuffer(1).capacity }
        #expect(kept.count { $0 >= 1000 } == 3, "the three of a turn served all turns")
        _ = try channel.finish()
    }
}
