import Core

/// Optional white space and lists, as every field of HTTP has them. There is no other reading of either.
extension Span<UInt8> {
    /// `range` without the optional white space at its ends: spaces and tabs (RFC 9110 section 5.6.3).
    package func trimmed(_ range: Range<Int>) -> Range<Int> {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, self[start].isBlank { start += 1 }
        while end > start, self[end - 1].isBlank { end -= 1 }
        return start..<end
    }

    /// Hands over the elements of a comma-separated list, trimmed; empty ones are left out (RFC 9110 section 5.6.1.2).
    ///
    /// For lists of tokens alone: a comma in a quoted string separates, too.
    package func forEachElement(of range: Range<Int>, _ body: (Range<Int>) -> Void) {
        var start = range.lowerBound
        while start < range.upperBound {
            var end = start
            while end < range.upperBound, self[end] != UInt8(ascii: ",") { end += 1 }
            let element = trimmed(start..<end)
            if !element.isEmpty { body(element) }
            start = end + 1
        }
    }

    /// Whether `word`, which is in lower case, is an element of the list in `range`, in any case.
    package func lists(_ word: String, in range: Range<Int>) -> Bool {
        var isListed = false
        forEachElement(of: range) { if equalsIgnoringCase(word, in: $0) { isListed = true } }
        return isListed
    }
}

extension UInt8 {
    /// A byte that a field's value or a chunk extension may hold: no control character but the tab (RFC 9110 section 5.5).
    var isFieldText: Bool { (self >= 0x20 && self != 0x7F) || self == UInt8(ascii: "\t") }

    /// A character of a token: a method, or a field's name (RFC 9110 section 5.6.2).
    var isTokenByte: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        case UInt8(ascii: "!"), UInt8(ascii: "#")...UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
            UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
