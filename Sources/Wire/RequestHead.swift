import Core

/// The head of a request, as ranges of the bytes that it was read from.
package struct RequestHead: Equatable, Sendable {
    /// How the end of the body is known.
    package enum Framing: Equatable, Sendable {
        case length(Int)
        case chunked
    }

    package struct Field: Equatable, Sendable {
        package let name: Range<Int>
        /// Without the white space around it.
        package let value: Range<Int>
    }

    package let method: Range<Int>
    package let target: Range<Int>
    /// Higher minor versions than 1 are taken for 1 (RFC 9110 section 2.5).
    package let isVersion10: Bool
    package let fields: [Field]
    /// Nil when two readers could disagree about it.
    package let framing: Framing?
    /// Whether the client may send another request on the connection.
    package let keepsAlive: Bool

    /// Why a head is refused.
    package enum Fault: Error, Equatable, Sendable {
        case malformed
        case tooLarge
        case targetTooLong
        /// Longer than any method there is.
        case methodUnknown
    }

    /// Names and values together, in bytes.
    private static let maximumFields = 16 << 10
    private static let maximumFieldCount = 100
    /// A target beyond this is not even looked at.
    private static let maximumTarget = 16 << 10
    private static let maximumMethod = 32
    /// The whole head, with all that stands between names and values.
    private static let maximumLength = 40 << 10

    enum Found {
        /// `next` is where the body begins.
        case head(RequestHead, next: Int)
        case incomplete
        case refused(Fault)
    }

    /// Reads the head that begins at `start`.
    static func read(_ bytes: Span<UInt8>, from start: Int) -> Found {
        var lines = HeadLines(at: start)
        do {
            let head = try read(bytes, &lines)
            return lines.index - start <= maximumLength ? .head(head, next: lines.index) : .refused(.tooLarge)
        } catch let fault as Fault {
            return .refused(fault)
        } catch HeadLines.Stop.incomplete {
            return bytes.count - start <= maximumLength ? .incomplete : .refused(.tooLarge)
        } catch {
            return .refused(.malformed)
        }
    }

    private static func read(_ bytes: Span<UInt8>, _ lines: inout HeadLines) throws -> RequestHead {
        let start = lines.index
        // Before its end is looked for, which may never come.
        if bytes.end(of: { $0.isTokenByte }, from: start) - start > maximumMethod { throw Fault.methodUnknown }
        let method = try lines.run(bytes) { $0.isTokenByte }
        guard !method.isEmpty else { throw Fault.malformed }
        try lines.take(UInt8(ascii: " "), bytes)
        let begin = lines.index
        if bytes.end(of: { $0.isInk }, from: begin) - begin > maximumTarget { throw Fault.targetTooLong }
        let target = try lines.run(bytes) { $0.isInk }
        guard !target.isEmpty else { throw Fault.malformed }
        try lines.take(" HTTP/1.", bytes)
        let isVersion10 = try lines.digit(bytes) == 0
        try lines.endOfLine(bytes)

        var fields: [Field] = []
        var size = 0
        var framing = FramingFields()
        var keepsAlive = !isVersion10
        while try lines.peek(bytes) != UInt8(ascii: "\r") {
            let (name, value) = try lines.field(bytes)
            size += name.count + value.count
            guard size <= maximumFields, fields.count < maximumFieldCount else { throw Fault.tooLarge }
            fields.append(Field(name: name, value: value))
            switch name.count {
            case 10 where bytes.equalsIgnoringCase("connection", in: name):
                if bytes.lists("close", in: value) { keepsAlive = false }
            case 14 where bytes.equalsIgnoringCase("content-length", in: name):
                framing.noteLength(bytes.decimal(in: value))
            case 17 where bytes.equalsIgnoringCase("transfer-encoding", in: name):
                framing.noteCoding(isChunked: bytes.equalsIgnoringCase("chunked", in: value))
            default: break
            }
        }
        try lines.endOfLine(bytes)
        return RequestHead(
            method: method, target: target, isVersion10: isVersion10, fields: fields,
            framing: framing.framing(isVersion10: isVersion10), keepsAlive: keepsAlive)
    }
}

/// The fields that say where the body ends (RFC 9112 section 6.3).
private struct FramingFields {
    private var length: Int?
    private var isChunked = false
    private var isOdd = false

    /// - Parameter length: Nil when it is no number.
    mutating func noteLength(_ length: Int?) {
        // A length given twice is refused even where both are the same: some readers join them.
        if length == nil || self.length != nil { isOdd = true }
        self.length = length
    }

    mutating func noteCoding(isChunked: Bool) {
        // Chunked twice over is another coding.
        if !isChunked || self.isChunked { isOdd = true }
        self.isChunked = true
    }

    func framing(isVersion10: Bool) -> RequestHead.Framing? {
        // HTTP/1.0 knows no transfer coding (RFC 9112 section 6.1).
        guard !isOdd, !(isChunked && (length != nil || isVersion10)) else { return nil }
        return isChunked ? .chunked : .length(length ?? 0)
    }
}

extension UInt8 {
    /// A visible ASCII character: all that a target holds (RFC 3986 section 2).
    fileprivate var isInk: Bool { self > 0x20 && self < 0x7F }
}
