import Core

/// A cache of header values that many requests repeat, such as their `Origin`, so that each is allocated once.
///
/// A direct-mapped cache: its memory is bounded, and a miss costs one allocation.
final class TextCache {
    private var texts: [String] = []

    private static let size = 64
    private static let longest = 128
    /// Shorter texts are stored in the string itself.
    private static let shortest = 16

    /// The bytes of `range` as text.
    func text(_ bytes: Span<UInt8>, in range: Range<Int>) -> String {
        guard Self.shortest...Self.longest ~= range.count else { return bytes.text(in: range) }
        if texts.isEmpty { texts = Array(repeating: "", count: Self.size) }
        var hash = UInt32(2_166_136_261)
        for offset in range { hash = (hash ^ UInt32(truncatingIfNeeded: bytes[offset])) &* 16_777_619 }
        let index = Int(truncatingIfNeeded: hash >> 16) % Self.size
        if bytes.matches(texts[index], in: range) { return texts[index] }
        let text = bytes.text(in: range)
        texts[index] = text
        return text
    }
}
