import NIOCore
import Testing

@testable import Edge

@Suite struct SpareBuffersTests {
    @Test func `a buffer is written again when it has no holder any more, and left alone until then`() {
        var buffers = BufferPool()
        var first = buffers.take(100)
        first.writeString("still being sent")
        let sent = first
        buffers.keep(first)
        var second = buffers.take(10)
        second.writeString("something else")
        #expect(String(buffer: sent) == "still being sent")
        #expect(String(buffer: second) == "something else")
        let capacity = second.capacity
        buffers.keep(second)
        second = ByteBuffer()
        let third = buffers.take(1)
        #expect(third.readableBytes == 0)
        #expect(third.capacity == capacity)
    }

    @Test func `few are kept, and no large ones`() {
        var buffers = BufferPool()
        for size in [1 << 20] + Array(repeating: 16, count: 100) { buffers.keep(ByteBuffer(repeating: 1, count: size)) }
        let capacities = (0..<100).map { _ in buffers.take(1).capacity }
        #expect(capacities.count { $0 >= 16 } == 64)
        #expect(capacities.allSatisfy { $0 < 1 << 20 })
    }
}
