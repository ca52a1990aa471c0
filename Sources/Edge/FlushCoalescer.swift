package import NIOCore

/// What was written to the connections of one event loop and is sent together, when all that had arrived is worked on.
///
/// A process at the other end, such as a reverse proxy's worker, is then woken once for many answers and not for each:
/// for a busy relay that costs more than writing them.
package final class FlushCoalescer {
    private let loop: any EventLoop
    private var waiting: [ChannelHandlerContext] = []
    /// Those whose turn it is, or an empty array that is kept for its memory.
    private var flushing: [ChannelHandlerContext] = []
    private var buffers = BufferPool()
    /// Buffers that were written and are not flushed.
    private var written: [ByteBuffer] = []

    package init(on loop: any EventLoop) {
        self.loop = loop
    }

    /// Flushes the connection at the end of this turn of the loop.
    package func soon(_ context: ChannelHandlerContext) {
        if waiting.isEmpty { loop.assumeIsolated().execute { self.flush() } }
        waiting.append(context)
    }

    /// An empty buffer for at least `capacity` bytes.
    package func takeBuffer(_ capacity: Int) -> ByteBuffer { buffers.take(capacity) }

    /// Keeps a buffer that is not written any more.
    package func keepBuffer(_ buffer: ByteBuffer) { buffers.keep(buffer) }

    /// Keeps a buffer that was written to a connection, once it is flushed: until then its memory is still in use, and
    /// whoever took it would get new memory.
    func keepAfterFlush(_ buffer: ByteBuffer) {
        if waiting.isEmpty { keepBuffer(buffer) } else { written.append(buffer) }
    }

    private func flush() {
        // What is written meanwhile asks anew.
        swap(&waiting, &flushing)
        for index in flushing.indices { flushing[index].flush() }
        flushing.removeAll(keepingCapacity: true)
        for buffer in written { buffers.keep(buffer) }
        written.removeAll(keepingCapacity: true)
    }
}
