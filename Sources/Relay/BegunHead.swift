import Core
import NIOCore

/// The bytes of a request's head that is not read yet, kept for the refusal of one that cannot be read.
///
/// Which origin a page has, and which path it called, decide whether its script can read the refusal at all (CORS), and
/// in which form. So they are looked for here once the decoder has given up; nothing else of such a head is believed.
struct BegunHead {
    private var bytes = ByteBuffer()
    /// Where the next line begins, as far as ``isWhole`` has looked.
    private var line = 0

    /// The longest head that is waited for, in bytes.
    ///
    /// The decoder gives up at 16 KiB, and a browser may write `Origin` behind the field that is too long.
    private static let longest = 32 << 10

    mutating func append(_ more: ByteBuffer) {
        // The first bytes, which nearly always are the whole head, are shared and not copied.
        if bytes.readableBytes == 0 {
            bytes = more
        } else if bytes.readableBytes < Self.longest {
            bytes.writeImmutableBuffer(more)
        }
    }

    mutating func removeAll() {
        bytes = ByteBuffer()
        line = 0
    }

    /// Whether all of the head is here, or as much of it as is waited for.
    mutating func isWhole() -> Bool {
        let bytes = bytes
        var start = line
        var hasEnded = bytes.readableBytes >= Self.longest
        let span = bytes.readableBytesUInt8Span
        while !hasEnded, let end = span.lineEnd(from: start) {
            // Before the request line there may be an empty one, which ends nothing.
            if end == start, start > 1 { hasEnded = true }
            start = span.next(after: end)
        }
        line = start
        return hasEnded
    }

    /// What the lines that arrived whole say: the path, and a head with nothing but the origin in it.
    func read() -> (path: String, head: JudgedHead) {
        let head = JudgedHead()
        var path = ""
        let span = bytes.readableBytesUInt8Span
        var start = 0
        var isFirst = true
        while let end = span.lineEnd(from: start) {
            defer { start = span.next(after: end) }
            if start == end {
                if isFirst { continue }
                break
            }
            if isFirst {
                isFirst = false
                let parts = span.text(in: start..<end).splitBytes(at: " ")
                path = parts.count == 3 ? RequestTarget(String(parts[1])).map { String($0.path) } ?? "" : ""
            } else if end - start > 7, span.says("origin:", in: start..<start + 7) {
                let value = span.text(in: start + 7..<end).withoutBlankEnds
                // Given twice it is a list, and no list is an origin of ours.
                head.origin = head.origin.map { "\($0), \(value)" } ?? String(value)
            }
        }
        return (path, head)
    }
}

extension Span<UInt8> {
    /// Where the line that begins at `start` ends, without its end of line; nil when that has not arrived.
    fileprivate func lineEnd(from start: Int) -> Int? {
        var index = start
        while index < count {
            if self[index] == UInt8(ascii: "\n") {
                return index > start && self[index - 1] == UInt8(ascii: "\r") ? index - 1 : index
            }
            index += 1
        }
        return nil
    }

    /// Where the line behind the one that ends at `end` begins.
    fileprivate func next(after end: Int) -> Int { self[end] == UInt8(ascii: "\r") ? end + 2 : end + 1 }
}
