import Core

/// One pass over a JSON text that accepts RFC 8259 and nothing else, and reports each member of each object.
///
/// It builds no tree: the relay wants three fields of an envelope and must pass the rest on byte for byte.
/// Import-free and allocation-free, so that it can run on an event loop and be fuzzed alone.
package struct JSONScanner {
    /// Deeper nesting is refused; the deepest page of Connect has 8 levels (upstream.md §4.4).
    package static let maximumDepth = 32

    /// A string between its quotes; `escaped` says that it holds a backslash, so that its bytes are not its text.
    package struct Text {
        package var range: Range<Int>
        package var escaped: Bool
    }

    /// One `"name": value` of an object; `depth` is 0 for the outermost object.
    package struct Member {
        package var depth: Int
        package var name: Text
        /// The whole member, from the quote before its name to the end of its value.
        package var range: Range<Int> { name.range.lowerBound - 1..<value.upperBound }
        /// The value's bytes, quotes and brackets included.
        package var value: Range<Int>
        /// The value again when it is a string.
        package var string: Text?
    }

    private var index = 0

    /// Scans `json`; false when it is not one strict JSON value or when `visit` refused a member.
    ///
    /// A member is reported after its value was read, so inner members come before the one that holds them.
    package static func scan(
        _ json: Span<UInt8>, visit: (Member, Span<UInt8>) -> Bool = { _, _ in true }
    ) -> Bool {
        var scanner = JSONScanner()
        guard scanner.value(json, depth: 0, visit) else { return false }
        scanner.skipBlanks(json)
        return scanner.index == json.count
    }

    /// The values of a JSON array, each with its bytes; nil when `json` is not one strict array.
    /// - Parameter limit: So many values are read and no more, since a short value costs less memory than its range.
    package static func elements(of json: Span<UInt8>, limit: Int = .max) -> [Range<Int>]? {
        var scanner = JSONScanner()
        var elements: [Range<Int>] = []
        scanner.skipBlanks(json)
        guard scanner.take(UInt8(ascii: "["), json) else { return nil }
        scanner.skipBlanks(json)
        if !scanner.take(UInt8(ascii: "]"), json) {
            repeat {
                scanner.skipBlanks(json)
                let start = scanner.index
                guard scanner.value(json, depth: 1, { _, _ in true }) else { return nil }
                if elements.count < limit { elements.append(start..<scanner.index) }
                scanner.skipBlanks(json)
            } while scanner.take(UInt8(ascii: ","), json)
            guard scanner.take(UInt8(ascii: "]"), json) else { return nil }
        }
        scanner.skipBlanks(json)
        return scanner.index == json.count ? elements : nil
    }

    private func peek(_ json: Span<UInt8>) -> UInt8? {
        index < json.count ? json[index] : nil
    }

    private mutating func skipBlanks(_ json: Span<UInt8>) {
        while let byte = peek(json), byte.isJSONBlank { index += 1 }
    }

    private mutating func take(_ byte: UInt8, _ json: Span<UInt8>) -> Bool {
        guard peek(json) == byte else { return false }
        index += 1
        return true
    }

    private mutating func value(
        _ json: Span<UInt8>, depth: Int, _ visit: (Member, Span<UInt8>) -> Bool
    ) -> Bool {
        skipBlanks(json)
        switch peek(json) {
        case UInt8(ascii: "{"): return depth < Self.maximumDepth && object(json, depth: depth, visit)
        case UInt8(ascii: "["): return depth < Self.maximumDepth && array(json, depth: depth, visit)
        case UInt8(ascii: "\""): return string(json) != nil
        case UInt8(ascii: "t"): return literal("true", json)
        case UInt8(ascii: "f"): return literal("false", json)
        case UInt8(ascii: "n"): return literal("null", json)
        default: return number(json)
        }
    }

    private mutating func object(
        _ json: Span<UInt8>, depth: Int, _ visit: (Member, Span<UInt8>) -> Bool
    ) -> Bool {
        index += 1
        skipBlanks(json)
        if take(UInt8(ascii: "}"), json) { return true }
        while true {
            skipBlanks(json)
            guard let name = string(json) else { return false }
            skipBlanks(json)
            guard take(UInt8(ascii: ":"), json) else { return false }
            skipBlanks(json)
            let start = index
            var text: Text?
            if peek(json) == UInt8(ascii: "\"") {
                guard let found = string(json) else { return false }
                text = found
            } else if !value(json, depth: depth + 1, visit) {
                return false
            }
            guard visit(Member(depth: depth, name: name, value: start..<index, string: text), json) else {
                return false
            }
            skipBlanks(json)
            if take(UInt8(ascii: ","), json) { continue }
            return take(UInt8(ascii: "}"), json)
        }
    }

    private mutating func array(
        _ json: Span<UInt8>, depth: Int, _ visit: (Member, Span<UInt8>) -> Bool
    ) -> Bool {
        index += 1
        skipBlanks(json)
        if take(UInt8(ascii: "]"), json) { return true }
        while true {
            guard value(json, depth: depth + 1, visit) else { return false }
            skipBlanks(json)
            if take(UInt8(ascii: ","), json) { continue }
            return take(UInt8(ascii: "]"), json)
        }
    }

    private mutating func string(_ json: Span<UInt8>) -> Text? {
        guard take(UInt8(ascii: "\""), json) else { return nil }
        let start = index
        var escaped = false
        while true {
            // Nearly all of any text.
            index = json.endOfPlainString(from: index)
            guard let byte = peek(json) else { return nil }
            switch byte {
            case UInt8(ascii: "\""):
                index += 1
                return Text(range: start..<index - 1, escaped: escaped)
            case 0..<0x20: return nil
            case UInt8(ascii: "\\"):
                escaped = true
                guard escape(json) else { return nil }
            default: guard multibyte(json) else { return nil }
            }
        }
    }

    private mutating func escape(_ json: Span<UInt8>) -> Bool {
        index += 1
        guard let byte = peek(json) else { return false }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return true
        case UInt8(ascii: "u"):
            for _ in 0..<4 {
                guard let digit = peek(json), digit.isHexDigit else { return false }
                index += 1
            }
            return true
        default: return false
        }
    }

    /// One character of two to four bytes, by the table of RFC 3629 section 4: no overlong form, no surrogate.
    private mutating func multibyte(_ json: Span<UInt8>) -> Bool {
        let following: Int
        let second: ClosedRange<UInt8>
        switch json[index] {
        case 0xC2...0xDF: (following, second) = (1, 0x80...0xBF)
        case 0xE0: (following, second) = (2, 0xA0...0xBF)
        case 0xED: (following, second) = (2, 0x80...0x9F)
        case 0xE1...0xEF: (following, second) = (2, 0x80...0xBF)
        case 0xF0: (following, second) = (3, 0x90...0xBF)
        case 0xF1...0xF3: (following, second) = (3, 0x80...0xBF)
        case 0xF4: (following, second) = (3, 0x80...0x8F)
        default: return false
        }
        guard index + following < json.count, second.contains(json[index + 1]) else { return false }
        for offset in 1...following where !(0x80...0xBF).contains(json[index + offset]) { return false }
        index += following + 1
        return true
    }

    private mutating func number(_ json: Span<UInt8>) -> Bool {
        _ = take(UInt8(ascii: "-"), json)
        if !take(UInt8(ascii: "0"), json), !digits(json) { return false }
        if take(UInt8(ascii: "."), json), !digits(json) { return false }
        if take(UInt8(ascii: "e"), json) || take(UInt8(ascii: "E"), json) {
            if !take(UInt8(ascii: "+"), json) { _ = take(UInt8(ascii: "-"), json) }
            return digits(json)
        }
        return true
    }

    private mutating func digits(_ json: Span<UInt8>) -> Bool {
        let start = index
        while let byte = peek(json), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { index += 1 }
        return index > start
    }

    private mutating func literal(_ word: String, _ json: Span<UInt8>) -> Bool {
        for letter in word.utf8 where !take(letter, json) { return false }
        return true
    }
}

extension UInt8 {
    var isHexDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self | 0x20)
    }
}

extension UInt8 {
    /// Whether it stands between the tokens of JSON (RFC 8259 section 2).
    var isJSONBlank: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
}

extension Span<UInt8> {
    /// The first byte of the first token.
    var firstNonBlank: UInt8? {
        for index in indices where !self[index].isJSONBlank { return self[index] }
        return nil
    }
}
