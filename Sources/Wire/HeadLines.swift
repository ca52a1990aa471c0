import Core

/// Walks over the lines of a head, of a request or of an answer.
///
/// Every line ends with a carriage return and a line feed. A blank before a colon, a folded line and a control character
/// are refused (RFC 9112 section 5).
struct HeadLines {
    private(set) var index: Int

    init(at index: Int) {
        self.index = index
    }

    /// Why reading ended early.
    enum Stop: Error { case incomplete, refused }

    func peek(_ bytes: Span<UInt8>) throws(Stop) -> UInt8 {
        guard index < bytes.count else { throw .incomplete }
        return bytes[index]
    }

    mutating func take(_ byte: UInt8, _ bytes: Span<UInt8>) throws(Stop) {
        guard try peek(bytes) == byte else { throw .refused }
        index += 1
    }

    mutating func take(_ text: String, _ bytes: Span<UInt8>) throws(Stop) {
        for letter in text.utf8 { try take(letter, bytes) }
    }

    mutating func digit(_ bytes: Span<UInt8>) throws(Stop) -> Int {
        let digit = try peek(bytes) &- UInt8(ascii: "0")
        guard digit < 10 else { throw .refused }
        index += 1
        return Int(digit)
    }

    /// The bytes from here on that belong together; the byte behind them has arrived.
    mutating func run(_ bytes: Span<UInt8>, _ belongs: (UInt8) -> Bool) throws(Stop) -> Range<Int> {
        let start = index
        index = bytes.end(of: belongs, from: start)
        _ = try peek(bytes)
        return start..<index
    }

    mutating func endOfLine(_ bytes: Span<UInt8>) throws(Stop) {
        try take(UInt8(ascii: "\r"), bytes)
        try take(UInt8(ascii: "\n"), bytes)
    }

    /// Up to the first byte that no field's value holds.
    mutating func skipText(_ bytes: Span<UInt8>) throws(Stop) {
        while true {
            index = bytes.endOfText(from: index)
            guard try peek(bytes).isFieldText else { return }
            index += 1
        }
    }

    /// One field, its value without the white space around it.
    mutating func field(_ bytes: Span<UInt8>) throws(Stop) -> (name: Range<Int>, value: Range<Int>) {
        let name = try run(bytes) { $0.isTokenByte }
        guard !name.isEmpty else { throw .refused }
        try take(UInt8(ascii: ":"), bytes)
        let start = index
        try skipText(bytes)
        let value = bytes.trimmed(start..<index)
        try endOfLine(bytes)
        return (name, value)
    }
}
