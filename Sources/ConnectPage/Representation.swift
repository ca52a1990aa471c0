import Core
package import NIOCore

/// The body of a document or asset, plain and compressed; made once, at the start.
package struct Representation: Equatable, Sendable {
    package let contentType: String
    package let plain: ByteBuffer
    /// In gzip; `nil` where that is not shorter.
    package let compressed: ByteBuffer?

    init(_ contentType: String, _ bytes: [UInt8]) {
        self.contentType = contentType
        plain = ByteBuffer(bytes: bytes)
        compressed = Gzip.compress(bytes).map { ByteBuffer(bytes: $0) }
    }

    /// The body for a client that sent `acceptEncoding`, and its `Content-Encoding`.
    package func body(acceptEncoding: String) -> (bytes: ByteBuffer, coding: String?) {
        guard let compressed, Self.prefersGzip(acceptEncoding) else { return (plain, nil) }
        return (compressed, "gzip")
    }

    /// Whether gzip is the better coding for a client (RFC 9110 section 12.5.3).
    ///
    /// A client that names no coding gets none: `*` comes from programs that take any answer and decode none.
    static func prefersGzip(_ acceptEncoding: String) -> Bool {
        let items = WeightedItem.list(acceptEncoding)
        let weight = { (coding: String) in items.first { $0.value.equalsBytes(of: coding) }?.weight }
        if let gzip = weight("gzip") ?? weight("x-gzip") { return gzip > 0 && gzip >= weight("identity") ?? 0 }
        return weight("identity") == 0 && weight("*") ?? 0 > 0
    }
}
