import Core

/// The head of an upstream answer, as far as the relay needs it.
///
/// One unambiguous spelling of HTTP/1.1 is accepted and anything else is refused: of two lengths, or of a length and
/// chunks, which one counts is undefined, and without either a torn answer looks like a whole one.
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
    /// Whether the body is compressed, though identity was asked for: nothing that a client said it can read.
    package var isEncoded = false
    /// The value of `Content-Type`.
    package var contentType: Range<Int>?
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
    private var lines: HeadLines
    private var length: Int?
    private var isChunked = false
    private var keepsAlive = true
    private var isEncoded = false
    private var contentType: Range<Int>?
    private var retryAfter: Range<Int>?

    typealias Stop = HeadLines.Stop

    var index: Int { lines.index }

    init(index: Int) {
        lines = HeadLines(at: index)
    }

    mutating func read(_ bytes: Span<UInt8>) throws(Stop) -> AnswerHead {
        let status = try statusLine(bytes)
        var fields = 0
        while try lines.peek(bytes) != UInt8(ascii: "\r") {
            fields += 1
            guard fields <= AnswerHead.maximumFields else { throw .refused }
            let (name, value) = try lines.field(bytes)
            try note(name, value, bytes)
        }
        try lines.endOfLine(bytes)
        var head = AnswerHead(
            status: status, keepsAlive: keepsAlive, isJSON: contentType.map { bytes.isJSONType(in: $0) } ?? false,
            isEncoded: isEncoded, contentType: contentType, retryAfter: retryAfter)
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

    /// `HTTP/1.1 200 OK`, whatever the reason says.
    private mutating func statusLine(_ bytes: Span<UInt8>) throws(Stop) -> Int {
        try lines.take("HTTP/1.1 ", bytes)
        var status = 0
        for _ in 0..<3 { status = try status * 10 + lines.digit(bytes) }
        guard (100..<600).contains(status) else { throw .refused }
        if try lines.peek(bytes) != UInt8(ascii: "\r") {
            try lines.take(UInt8(ascii: " "), bytes)
            try lines.skipText(bytes)
        }
        try lines.endOfLine(bytes)
        return status
    }

    private mutating func note(_ name: Range<Int>, _ value: Range<Int>, _ bytes: Span<UInt8>) throws(Stop) {
        switch name.count {
        case 10 where bytes.equalsIgnoringCase("connection", in: name):
            // Of its options, `close` alone matters.
            if bytes.lists("close", in: value) { keepsAlive = false }
        case 11 where bytes.equalsIgnoringCase("retry-after", in: name):
            guard retryAfter == nil else { throw .refused }
            retryAfter = value
        case 12 where bytes.equalsIgnoringCase("content-type", in: name):
            guard contentType == nil else { throw .refused }
            contentType = value
        case 14 where bytes.equalsIgnoringCase("content-length", in: name):
            guard length == nil, !isChunked, let number = bytes.decimal(in: value) else { throw .refused }
            length = number
        case 16 where bytes.equalsIgnoringCase("content-encoding", in: name):
            if !bytes.equalsIgnoringCase("identity", in: value) { isEncoded = true }
        case 17 where bytes.equalsIgnoringCase("transfer-encoding", in: name):
            guard length == nil, !isChunked, bytes.equalsIgnoringCase("chunked", in: value) else { throw .refused }
            isChunked = true
        default: break
        }
    }
}

extension Span<UInt8> {
    /// Whether the bytes of `range` are those of `word`, which is in lower case, in any case.
    package func equalsIgnoringCase(_ word: String, in range: Range<Int>) -> Bool {
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
    package func equalsIgnoringCase(_ word: String) -> Bool { equalsIgnoringCase(word, in: 0..<count) }

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
