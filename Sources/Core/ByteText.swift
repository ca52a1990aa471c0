/// Text from outside, compared and taken apart by its bytes.
///
/// Swift's own rules for strings are about what people see: the Kelvin sign equals `K`, a comma with an accent behind it
/// is no comma, and `lowercased()` turns letters of other alphabets into ASCII. Two readers of one header must not
/// disagree like that, so that whatever decides about a request goes through these. `scripts/check-modules` holds it.
///
/// Inlinable: in another module each byte would otherwise pass through the witness tables of `StringProtocol`.
extension StringProtocol {
    /// Whether both are the same bytes.
    @inlinable package func equalsBytes(of other: some StringProtocol) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }

    @inlinable package func hasBytePrefix(_ prefix: some StringProtocol) -> Bool { utf8.starts(with: prefix.utf8) }

    /// Whether both are the same bytes, but for the case of ASCII letters.
    @inlinable package func equalsIgnoringASCIICase(_ other: some StringProtocol) -> Bool {
        utf8.elementsEqual(other.utf8) { $0.lowercasedASCII == $1.lowercasedASCII }
    }

    /// The pieces between each `separator`, empty ones included.
    @inlinable package func splitBytes(at separator: Unicode.Scalar, maxSplits: Int = .max) -> [SubSequence] {
        let byte = UInt8(truncatingIfNeeded: separator.value)
        return utf8.split(maxSplits: maxSplits, omittingEmptySubsequences: false) { $0 == byte }
            .map { self[$0.startIndex..<$0.endIndex] }
    }

    /// Whether there is nothing but ASCII digits.
    @inlinable package var isDigits: Bool { utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } }
}

extension StringProtocol where UTF8View: BidirectionalCollection {
    @inlinable package func hasByteSuffix(_ suffix: some StringProtocol) -> Bool {
        utf8.reversed().starts(with: suffix.utf8.reversed())
    }

    /// Without spaces and tabs at either end (RFC 9110 section 5.6.3).
    @inlinable package var withoutBlankEnds: SubSequence {
        guard let first = utf8.firstIndex(where: { !$0.isBlank }), let last = utf8.lastIndex(where: { !$0.isBlank })
        else {
            return self[endIndex...]
        }
        return self[first..<utf8.index(after: last)]
    }

    /// Without the quotes around it, if there are any.
    @inlinable package var withoutQuotes: SubSequence {
        let quote = UInt8(ascii: "\"")
        guard utf8.count > 1, utf8.first == quote, utf8.last == quote else { return self[...] }
        return self[utf8.index(after: startIndex)..<utf8.index(before: endIndex)]
    }
}

extension UInt8 {
    /// A space or a tab.
    @inlinable package var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }

    @inlinable package var lowercasedASCII: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }
}

extension Span<UInt8> {
    /// Whether the bytes of `range` are those of `literal`, which is short enough not to allocate (15 bytes).
    package func matches(_ literal: String, in range: Range<Int>) -> Bool {
        guard range.count == literal.utf8.count else { return false }
        let (letters, bytes) = (literal.utf8.span, extracting(range))
        for index in letters.indices where bytes[index] != letters[index] { return false }
        return true
    }

    /// The bytes as text.
    package var text: String { text(in: 0..<count) }

    /// Those of `range` as text.
    package func text(in range: Range<Int>) -> String {
        // Safe: the pointer does not outlive the call, and `range` was checked by `extracting`.
        unsafe extracting(range).withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
