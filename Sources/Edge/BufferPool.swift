import NIOCore

/// Buffers that were sent, kept to be written again: a call would otherwise ask the heap for each of its two, and twice.
struct BufferPool {
    private var spare = CircularBuffer<ByteBuffer>()
    private let allocator = ByteBufferAllocator()

    private static let most = 64
    private static let largest = 8 << 10

    /// An empty buffer for at least `capacity` bytes.
    mutating func take(_ capacity: Int) -> ByteBuffer {
        guard var buffer = spare.popFirst() else { return allocator.buffer(capacity: capacity) }
        // Of one that is still being sent nothing is touched; this makes a new one then.
        buffer.clear(minimumCapacity: capacity)
        return buffer
    }

    /// Keeps a buffer that is not written any more.
    mutating func keep(_ buffer: ByteBuffer) {
        if spare.count < Self.most, 1...Self.largest ~= buffer.capacity { spare.append(buffer) }
    }
}
