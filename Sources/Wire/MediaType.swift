import Core

/// The media type of a `Content-Type` field (RFC 9110 section 8.3.1).
package enum MediaType {
    /// Whether a `Content-Type` declares JSON, with or without parameters.
    package static func isJSON(_ contentType: String?) -> Bool { contentType?.utf8.span.isJSONType ?? false }
}

extension Span<UInt8> {
    /// Whether these bytes of a `Content-Type` declare JSON, with or without parameters.
    package var isJSONType: Bool { isJSONType(in: 0..<count) }

    func isJSONType(in range: Range<Int>) -> Bool {
        var end = range.lowerBound
        while end < range.upperBound, self[end] != UInt8(ascii: ";") { end += 1 }
        return equalsIgnoringCase("application/json", in: trimmed(range.lowerBound..<end))
    }
}
