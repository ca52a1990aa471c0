/// Whether a `Content-Type` declares JSON, with or without parameters.
package func isJSON(contentType: String?) -> Bool {
    guard let contentType else { return false }
    return contentType.utf8.span.isJSONType
}

extension Span<UInt8> {
    /// The same for a field's value that is still bytes.
    package var isJSONType: Bool { isJSONType(in: 0..<count) }

    func isJSONType(in range: Range<Int>) -> Bool {
        var end = range.lowerBound
        while end < range.upperBound, self[end] != UInt8(ascii: ";") { end += 1 }
        return says("application/json", in: trimmed(range.lowerBound..<end))
    }
}
