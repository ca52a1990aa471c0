import Core

/// The body of a document or asset, plain and compressed; made once, at the start.
package struct Representation: Equatable, Sendable {
    package let contentType: String
    package let plain: [UInt8]
    /// In gzip; `nil` where that is not shorter.
    package let compressed: [UInt8]?

    init(_ contentType: String, _ bytes: [UInt8]) {
        self.contentType = contentType
        plain = bytes
        compressed = Gzip.compress(bytes)
    }

    /// The body for a client that sent `acceptEncoding`, and its `Content-Encoding`.
    package func body(acceptEncoding: String) -> (bytes: [UInt8], coding: String?) {
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
