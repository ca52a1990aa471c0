import NIOCore

/// The rest of a long request body, which is copied piece by piece as its connection takes it: a body of some megabytes is
/// then in memory once, and not again for the socket and for TLS.
///
/// It is touched on its event loop alone.
final class UnsentBody {
    private var rest: ArraySlice<UInt8>
    /// Whether pieces are being written.
    var isSending = false

    /// Longer bodies are not written together with their request.
    static let threshold = 64 << 10

    init(_ bytes: [UInt8]) {
        rest = bytes[...]
    }

    var isEmpty: Bool { rest.isEmpty }

    /// Takes the next piece; `nil` when there is none.
    func next() -> ByteBuffer? {
        guard !rest.isEmpty else { return nil }
        let piece = rest.prefix(Self.threshold)
        rest = rest.dropFirst(piece.count)
        return ByteBuffer(bytes: piece)
    }
}
