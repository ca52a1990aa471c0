import Core

/// One value of a strict JSON text, as the bytes that came: numbers stay what they were.
package struct JSONValue: Sendable {
    private let text: [UInt8]
    private let range: Range<Int>

    /// - Parameter text: Nil when it is not one strict JSON value.
    package init?(_ text: [UInt8]) {
        guard JSONScanner.scan(text.span) else { return nil }
        // The value without the blanks around it.
        guard let first = text.firstIndex(where: { !$0.isJSONBlank }),
            let last = text.lastIndex(where: { !$0.isJSONBlank })
        else { return nil }
        self.init(text, first..<last + 1)
    }

    private init(_ text: [UInt8], _ range: Range<Int>) {
        self.text = text
        self.range = range
    }

    package var bytes: ArraySlice<UInt8> { text[range] }

    /// Whether it is a string, a number, or one of the three words.
    package var isScalar: Bool {
        text[range.lowerBound] != UInt8(ascii: "{") && text[range.lowerBound] != UInt8(ascii: "[")
    }

    package var isNull: Bool { text[range.lowerBound] == UInt8(ascii: "n") }

    /// The members of an object by their names; nil for another value, and where a member is repeated.
    ///
    /// Members with an escape in their name are left out.
    package var members: [String: JSONValue]? {
        guard text[range.lowerBound] == UInt8(ascii: "{") else { return nil }
        var members: [String: JSONValue] = [:]
        let isDistinct = JSONScanner.scan(text.span.extracting(range)) { member, json in
            guard member.depth == 0, !member.name.escaped else { return true }
            let value = range.lowerBound + member.value.lowerBound..<range.lowerBound + member.value.upperBound
            return members.updateValue(JSONValue(text, value), forKey: json.text(in: member.name.range)) == nil
        }
        return isDistinct ? members : nil
    }

    /// The elements of an array; nil for another value.
    package var elements: [JSONValue]? {
        JSONScanner.elements(of: text.span.extracting(range))?.map {
            JSONValue(text, range.lowerBound + $0.lowerBound..<range.lowerBound + $0.upperBound)
        }
    }

    /// The text of a string without escapes; nil for another value.
    package var plainText: String? {
        guard text[range.lowerBound] == UInt8(ascii: "\"") else { return nil }
        let inner = text[range].dropFirst().dropLast()
        return inner.contains(UInt8(ascii: "\\")) ? nil : String(decoding: inner, as: UTF8.self)
    }
}
