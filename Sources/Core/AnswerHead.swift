/// The head of an upstream answer, as far as the relay needs it.
///
/// One unambiguous spelling of HTTP/1.1 is accepted and anything else is refused: of two lengths, or of a length and
/// chunks, nobody can say which one counts, and without either a torn answer cannot be told from a whole one.
package struct AnswerHead: Equatable, Sendable {
    /// How the end of the body is known.
    package enum Framing: Equatable, Sendable {
        case length(Int)
        case chunked
    }

    package var status: Int
    package var framing = Framing.length(0)
    /// Whether the connection may carry another call after this answer.
    package var keepsAlive = true
    package var isJSON = false
    /// The value of `Retry-After`.
    package var retryAfter: Range<Int>?

    /// The longest head that is read, in bytes, and the most fields in it.
    package static let maximumLength = 16 << 10
    fileprivate static let maximumFields = 100

    enum Found {
        /// `next` is where the body begins, or the head that follows an interim one.
        case head(AnswerHead, next: Int)
        case incomplete
        case refused
    }

    /// Reads the head that begins at `start`.
    static func read(_ bytes: Span<UInt8>, from start: Int) -> Found {
        var reader = HeadReader(index: start)
        do throws(HeadReader.Stop) {
            let head = try reader.read(bytes)
            return reader.index - start <= maximumLength ? .head(head, next: reader.index) : .refused
        } catch {
            return error == .incomplete && bytes.count - start <= maximumLength ? .incomplete : .refused
        }
    }
}

/// One pass over one head.
private struct HeadReader {
    private(set) var index: Int
    private var length: Int?
    private var isChunked = false
    private var keepsAlive = true
    private var isJSON: Bool?
    private var retryAfter: Range<Int>?

    init(index: Int) {
        self.index = index
    }

    /// Why reading ended early.
    enum Stop: Error { case incomplete, refused }

    mutating func read(_ bytes: Span<UInt8>) throws(Stop) -> AnswerHead {
        let status = try statusLine(bytes)
        var fields = 0
        while try peek(bytes) != UInt8(ascii: "\r") {
            fields += 1
            guard fields <= AnswerHead.maximumFields else { throw .refused }
            try field(bytes)
        }
        try endOfLine(bytes)
        var head = AnswerHead(status: status, keepsAlive: keepsAlive, isJSON: isJSON ?? false, retryAfter: retryAfter)
        switch status {
        case 101: throw .refused
        case 100..<200, 204, 304:
            // They have no body. One that announces a body is believed by some readers and not by others.
            guard !isChunked, length ?? 0 == 0 else { throw .refused }
        default:
            guard isChunked || length != nil else { throw .refused }
            head.framing = length.map { .length($0) } ?? .chunked
        }
        return head
    }

    // MARK: - Lines

    /// `HTTP/1.1 200 OK`, whatever the reason says.
    private mutating func statusLine(_ bytes: Span<UInt8>) throws(Stop) -> Int {
        for letter in "HTTP/1.1 ".utf8 { try take(letter, bytes) }
        var status = 0
        for _ in 0..<3 {
            let digit = try peek(bytes) &- UInt8(ascii: "0")
            guard digit < 10 else { throw .refused }
            status = status * 10 + Int(digit)
            index += 1
        }
        guard (100..<600).contains(status) else { throw .refused }
        if try peek(bytes) != UInt8(ascii: "\r") {
            try take(UInt8(ascii: " "), bytes)
            try skipText(bytes)
        }
        try endOfLine(bytes)
        return status
    }

    /// One field: no blank before the colon, no folded line, no control character.
    private mutating func field(_ bytes: Span<UInt8>) throws(Stop) {
        let start = index
        while try peek(bytes).isTokenByte { index += 1 }
        let name = start..<index
        guard !name.isEmpty else { throw .refused }
        try take(UInt8(ascii: ":"), bytes)
        while try peek(bytes).isBlank { index += 1 }
        let valueStart = index
        try skipText(bytes)
        var valueEnd = index
        while valueEnd > valueStart, bytes[valueEnd - 1].isBlank { valueEnd -= 1 }
        try endOfLine(bytes)
        try note(name, valueStart..<valueEnd, bytes)
    }

    private mutating func note(_ name: Range<Int>, _ value: Range<Int>, _ bytes: Span<UInt8>) throws(Stop) {
        switch name.count {
        case 10 where bytes.says("connection", in: name): try connection(value, bytes)
        case 11 where bytes.says("retry-after", in: name):
            guard retryAfter == nil else { throw .refused }
            retryAfter = value
        case 12 where bytes.says("content-type", in: name):
            guard isJSON == nil else { throw .refused }
            isJSON = bytes.isJSONType(in: value)
        case 14 where bytes.says("content-length", in: name):
            guard length == nil, !isChunked, let number = bytes.decimal(in: value) else { throw .refused }
            length = number
        case 16 where bytes.says("content-encoding", in: name):
            // Identity was asked for; what is encoded all the same is nothing that a client said it can read.
            guard bytes.says("identity", in: value) else { throw .refused }
        case 17 where bytes.says("transfer-encoding", in: name):
            guard length == nil, !isChunked, bytes.says("chunked", in: value) else { throw .refused }
            isChunked = true
        default: break
        }
    }

    /// A list of options, of which `close` alone matters.
    private mutating func connection(_ value: Range<Int>, _ bytes: Span<UInt8>) throws(Stop) {
        var start = value.lowerBound
        while start < value.upperBound {
            var end = start
            while end < value.upperBound, bytes[end] != UInt8(ascii: ",") { end += 1 }
            if bytes.says("close", in: bytes.trimmed(start..<end)) { keepsAlive = false }
            start = end + 1
        }
    }

    // MARK: - Bytes

    private func peek(_ bytes: Span<UInt8>) throws(Stop) -> UInt8 {
        guard index < bytes.count else { throw .incomplete }
        return bytes[index]
    }

    private mutating func take(_ byte: UInt8, _ bytes: Span<UInt8>) throws(Stop) {
        guard try peek(bytes) == byte else { throw .refused }
        index += 1
    }

    private mutating func endOfLine(_ bytes: Span<UInt8>) throws(Stop) {
        try take(UInt8(ascii: "\r"), bytes)
        try take(UInt8(ascii: "\n"), bytes)
    }

    /// Up to the first byte that no field value holds.
    private mutating func skipText(_ bytes: Span<UInt8>) throws(Stop) {
        while true {
            index = bytes.endOfText(from: index)
            let byte = try peek(bytes)
            guard byte >= 0x80 || byte == UInt8(ascii: "\t") else { return }
            index += 1
        }
    }
}

extension UInt8 {
    fileprivate var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }

    /// A character of a field's name (RFC 9110 section 5.6.2).
    fileprivate var isTokenByte: Bool {
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

extension Span<UInt8> {
    /// Whether the bytes of `range` are those of `word`, which is in lower case, in any case.
    package func says(_ word: String, in range: Range<Int>) -> Bool {
        guard range.count == word.utf8.count else { return false }
        // A span: a string's own iterator takes twice the time, for each field of each call.
        let (letters, bytes) = (word.utf8.span, extracting(range))
        for index in letters.indices {
            let (byte, letter) = (bytes[index], letters[index])
            guard byte == letter || (byte | 0x20 == letter && (byte &- UInt8(ascii: "A")) < 26) else { return false }
        }
        return true
    }

    /// The same for all of the bytes.
    package func says(_ word: String) -> Bool { says(word, in: 0..<count) }

    /// `range` without the blanks at either end.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, self[start].isBlank { start += 1 }
        while end > start, self[end - 1].isBlank { end -= 1 }
        return start..<end
    }

    /// A number of at most ten digits and nothing else: no sign, no list, no blank.
    package func decimal(in range: Range<Int>) -> Int? {
        guard (1...10).contains(range.count) else { return nil }
        var number = 0
        for index in range {
            let digit = self[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            number = number * 10 + Int(digit)
        }
        return number
    }
}
