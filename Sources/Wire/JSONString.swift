import Core

extension Span<UInt8> {
    /// The text of a JSON string whose bytes are in `range` (RFC 8259 section 7).
    ///
    /// - Parameter replacement: Takes the place of an escape that stands for no character.
    /// - Returns: `nil` when an escape stands for no character, and has no replacement.
    func unescaped(in range: Range<Int>, replacement: Unicode.Scalar? = nil) -> String? {
        guard range.contains(where: { self[$0] == UInt8(ascii: "\\") }) else { return text(in: range) }
        var bytes: [UInt8] = []
        var index = range.lowerBound
        while index < range.upperBound {
            guard self[index] == UInt8(ascii: "\\"), index + 1 < range.upperBound else {
                bytes.append(self[index])
                index += 1
                continue
            }
            let escape = self[index + 1]
            index += 2
            switch escape {
            case UInt8(ascii: "b"): bytes.append(0x08)
            case UInt8(ascii: "f"): bytes.append(0x0C)
            case UInt8(ascii: "n"): bytes.append(0x0A)
            case UInt8(ascii: "r"): bytes.append(0x0D)
            case UInt8(ascii: "t"): bytes.append(0x09)
            case UInt8(ascii: "u"):
                guard let scalar = scalar(at: &index, in: range) ?? replacement else { return nil }
                bytes += Array(String(Character(scalar)).utf8)
            default: bytes.append(escape)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads the digits of an escape, and those of its pair; passes over digits that stand for no character.
    private func scalar(at index: inout Int, in range: Range<Int>) -> Unicode.Scalar? {
        let unit = codeUnit(at: index, in: range)
        index = Swift.min(index + 4, range.upperBound)
        guard let unit else { return nil }
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard UTF16.isLeadSurrogate(unit), index + 1 < range.upperBound, self[index] == UInt8(ascii: "\\"),
            self[index + 1] == UInt8(ascii: "u"), let trail = codeUnit(at: index + 2, in: range),
            UTF16.isTrailSurrogate(trail)
        else { return nil }
        index += 6
        return String(decoding: [unit, trail], as: UTF16.self).unicodeScalars.first
    }

    private func codeUnit(at index: Int, in range: Range<Int>) -> UInt16? {
        index + 4 <= range.upperBound ? UInt16(text(in: index..<index + 4), radix: 16) : nil
    }
}
