import Core

/// A whole request in the one shape that nearly all requests have, which no two readers take for different ones.
///
/// It is HTTP/1.1 with a path, one `Host` and at most one length, in letters that need no care, and it ends where the
/// bytes end. Nothing is refused here: pieces of a request, several of them, chunks, an upgrade, a blank or a byte out of
/// the ordinary are for a complete parser, which then reads these same bytes from their beginning.
package struct PlainRequest: Equatable, Sendable {
    package let method: Range<Int>
    /// The path, with a query if there is one.
    package let target: Range<Int>
    package let body: Range<Int>

    /// Reads `bytes`; nil when they are anything else.
    ///
    /// - Parameter field: Is handed each field as it comes, its name and its value. It may have been handed some when
    ///   the answer is nil.
    package static func read(
        _ bytes: Span<UInt8>, field: (_ name: Range<Int>, _ value: Range<Int>, Span<UInt8>) -> Void
    ) -> PlainRequest? {
        var reader = PlainReader()
        return reader.read(bytes, field)
    }
}

/// One pass over one request; every step is nil, or false, when something is not plain.
private struct PlainReader {
    private var index = 0
    private var hosts = 0
    private var length: Int?

    private static let mostFields = 64
    /// Far below what the complete reader takes.
    private static let longestHead = 8 << 10

    mutating func read(
        _ bytes: Span<UInt8>, _ field: (_ name: Range<Int>, _ value: Range<Int>, Span<UInt8>) -> Void
    ) -> PlainRequest? {
        let method = run(bytes) { $0.isVisible }
        guard isKnown(method, bytes), take(UInt8(ascii: " "), bytes) else { return nil }
        let target = run(bytes) { $0.isVisible && $0 != UInt8(ascii: "#") }
        guard let first = target.first, bytes[first] == UInt8(ascii: "/"), take(" HTTP/1.1", bytes), takesEnd(bytes)
        else { return nil }
        var fields = 0
        while !takesEnd(bytes) {
            fields += 1
            guard fields <= Self.mostFields, self.field(bytes, field) else { return nil }
        }
        let body = index..<index + (length ?? 0)
        guard hosts == 1, index <= Self.longestHead, body.upperBound == bytes.count else { return nil }
        return PlainRequest(method: method, target: target, body: body)
    }

    private func isKnown(_ method: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        switch method.count {
        case 3: bytes.matches("GET", in: method)
        case 4: bytes.matches("POST", in: method) || bytes.matches("HEAD", in: method)
        case 6: bytes.matches("DELETE", in: method)
        case 7: bytes.matches("OPTIONS", in: method)
        default: false
        }
    }

    /// `Name: value`, with one blank or none between, and no blank at the value's ends.
    private mutating func field(
        _ bytes: Span<UInt8>, _ field: (_ name: Range<Int>, _ value: Range<Int>, Span<UInt8>) -> Void
    ) -> Bool {
        let name = run(bytes) { $0.isNameByte }
        guard !name.isEmpty, take(UInt8(ascii: ":"), bytes) else { return false }
        _ = take(UInt8(ascii: " "), bytes)
        let start = index
        index = bytes.endOfText(from: start)
        let value = start..<index
        guard let first = value.first, bytes[first] != UInt8(ascii: " "),
            bytes[value.upperBound - 1] != UInt8(ascii: " "), takesEnd(bytes), note(name, value, bytes)
        else { return false }
        field(name, value, bytes)
        return true
    }

    /// Looks at what decides where the request ends, and what happens on the connection then.
    private mutating func note(_ name: Range<Int>, _ value: Range<Int>, _ bytes: Span<UInt8>) -> Bool {
        switch name.count {
        case 4 where bytes.equalsIgnoringCase("host", in: name): hosts += 1
        case 14 where bytes.equalsIgnoringCase("content-length", in: name):
            // Not even zeros in front.
            guard length == nil, value.count < 8, bytes[value.lowerBound] != UInt8(ascii: "0") || value.count == 1,
                let number = bytes.decimal(in: value)
            else { return false }
            length = number
        case 10 where bytes.equalsIgnoringCase("connection", in: name):
            return bytes.equalsIgnoringCase("keep-alive", in: value)
        case 2 where bytes.equalsIgnoringCase("te", in: name), 6 where bytes.equalsIgnoringCase("expect", in: name),
            7 where bytes.equalsIgnoringCase("upgrade", in: name),
            7 where bytes.equalsIgnoringCase("trailer", in: name),
            16 where bytes.equalsIgnoringCase("proxy-connection", in: name),
            17 where bytes.equalsIgnoringCase("transfer-encoding", in: name):
            return false
        default: break
        }
        return true
    }

    // MARK: - Bytes

    private mutating func run(_ bytes: Span<UInt8>, _ belongs: (UInt8) -> Bool) -> Range<Int> {
        let start = index
        index = bytes.end(of: belongs, from: start)
        return start..<index
    }

    private mutating func take(_ byte: UInt8, _ bytes: Span<UInt8>) -> Bool {
        guard index < bytes.count, bytes[index] == byte else { return false }
        index += 1
        return true
    }

    /// The end of a line.
    private mutating func takesEnd(_ bytes: Span<UInt8>) -> Bool {
        guard index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\r"), bytes[index + 1] == UInt8(ascii: "\n") else {
            return false
        }
        index += 2
        return true
    }

    private mutating func take(_ text: String, _ bytes: Span<UInt8>) -> Bool {
        let found = index..<index + text.utf8.count
        guard found.upperBound <= bytes.count, bytes.matches(text, in: found) else { return false }
        index = found.upperBound
        return true
    }
}

extension UInt8 {
    /// An ASCII character with ink.
    fileprivate var isVisible: Bool { self > 0x20 && self < 0x7F }

    /// An ASCII letter or digit, or `-`: of the characters that a field's name may hold, those that no reader changes.
    fileprivate var isNameByte: Bool { isWordByte && self != UInt8(ascii: "_") }
}
