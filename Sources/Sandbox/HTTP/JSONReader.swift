/// Reads one JSON document (RFC 8259).
///
/// By hand, since the standard decoder takes a second for ten thousand meter records: it finds the type of each value by
/// trying them all.
struct JSONReader {
    struct Malformed: Error {}

    /// Deeper documents are refused.
    private static let deepest = 200

    private let bytes: [UInt8]
    private var index = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The document's value; numbers without a fraction are integers where they fit.
    static func read(_ bytes: [UInt8]) throws(Malformed) -> JSON {
        var reader = JSONReader(bytes)
        let value = try reader.value(depth: 0)
        reader.skipBlanks()
        guard reader.index == bytes.count else { throw Malformed() }
        return value
    }

    private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { index += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        index += 1
        return true
    }

    private mutating func value(depth: Int) throws(Malformed) -> JSON {
        guard depth < Self.deepest else { throw Malformed() }
        skipBlanks()
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ text: StaticString, _ value: JSON) throws(Malformed) -> JSON {
        let word = Array(text.description.utf8)
        guard bytes[index...].starts(with: word) else { throw Malformed() }
        index += word.count
        return value
    }

    private mutating func object(depth: Int) throws(Malformed) -> JSON {
        index += 1
        var members: [String: JSON] = [:]
        skipBlanks()
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipBlanks()
            guard next == UInt8(ascii: "\"") else { throw Malformed() }
            let name = try string()
            skipBlanks()
            guard take(UInt8(ascii: ":")) else { throw Malformed() }
            members[name] = try value(depth: depth + 1)
            skipBlanks()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw Malformed() }
        }
    }

    private mutating func array(depth: Int) throws(Malformed) -> JSON {
        index += 1
        var items: [JSON] = []
        skipBlanks()
        if take(UInt8(ascii: "]")) { return .array(items) }
        while true {
            items.append(try value(depth: depth + 1))
            skipBlanks()
            if take(UInt8(ascii: "]")) { return .array(items) }
            guard take(UInt8(ascii: ",")) else { throw Malformed() }
        }
    }

    private mutating func string() throws(Malformed) -> String {
        index += 1
        let start = index
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { index += 1 }
        var text = Array(bytes[start..<index])
        while true {
            guard let byte = next, byte >= 0x20 else { throw Malformed() }
            index += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else { throw Malformed() }
                return string
            case UInt8(ascii: "\\"):
                text += try escaped()
            default:
                text.append(byte)
            }
        }
    }

    /// What follows a backslash, as UTF-8.
    private mutating func escaped() throws(Malformed) -> [UInt8] {
        guard let byte = next else { throw Malformed() }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"):
            var unit = try hexadecimal()
            if (0xd800..<0xdc00).contains(unit) {
                guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw Malformed() }
                let low = try hexadecimal()
                guard (0xdc00..<0xe000).contains(low) else { throw Malformed() }
                unit = 0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(unit) else { throw Malformed() }
            return Array(String(scalar).utf8)
        default: throw Malformed()
        }
    }

    private mutating func hexadecimal() throws(Malformed) -> UInt32 {
        guard index + 4 <= bytes.count else { throw Malformed() }
        var unit: UInt32 = 0
        for byte in bytes[index..<index + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { throw Malformed() }
            unit = unit << 4 + UInt32(digit)
        }
        index += 4
        return unit
    }

    private mutating func number() throws(Malformed) -> JSON {
        let start = index
        _ = take(UInt8(ascii: "-"))
        let leading = index
        guard digits() > 0, index == leading + 1 || bytes[leading] != UInt8(ascii: "0") else { throw Malformed() }
        var isWhole = true
        if take(UInt8(ascii: ".")) {
            isWhole = false
            guard digits() > 0 else { throw Malformed() }
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isWhole = false
            _ = take(UInt8(ascii: "+")) || take(UInt8(ascii: "-"))
            guard digits() > 0 else { throw Malformed() }
        }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        if isWhole, let value = Int(text) { return .int(value) }
        guard let value = Double(text), value.isFinite else { throw Malformed() }
        // As the standard decoder has it: 2.0 is an integer.
        return Int(exactly: value).map(JSON.int) ?? .double(value)
    }

    private mutating func digits() -> Int {
        let start = index
        while let byte = next, byte >= 0x30, byte <= 0x39 { index += 1 }
        return index - start
    }
}
