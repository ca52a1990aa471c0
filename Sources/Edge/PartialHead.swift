import Core
import Wire

/// A request's head that cannot be read, looked at for its refusal alone.
///
/// Which origin a page has, and which path it called, decide whether its script can read the refusal at all (CORS), and
/// in which form. Nothing else of such a head is believed.
struct PartialHead {
    /// Where the next line begins, and how far ``isWhole(_:)`` has looked for its end.
    private var line = 0
    private var searched = 0

    /// The longest head that is waited for, in bytes: one of more than 16 KiB is refused, and a browser may write `Origin`
    /// behind the field that is too long.
    private static let longest = 32 << 10

    /// Whether `bytes`, which grow from call to call, have all of the head, or as much of it as is waited for.
    mutating func isWhole(_ bytes: Span<UInt8>) -> Bool {
        var hasEnded = bytes.count >= Self.longest
        while !hasEnded, let end = bytes.lineEnd(from: line, searched: searched) {
            // Before the request line there may be an empty one, which ends nothing.
            if end == line, line > 1 { hasEnded = true }
            line = bytes.next(after: end)
        }
        searched = bytes.count
        return hasEnded
    }

    /// What the lines that arrived whole say: the path, and a head with nothing but the origin in it.
    static func read(_ bytes: Span<UInt8>) -> (path: String, head: RequestHeadFacts) {
        var head = RequestHeadFacts()
        var path = ""
        var start = 0
        var isFirst = true
        while let end = bytes.lineEnd(from: start) {
            defer { start = bytes.next(after: end) }
            if start == end {
                if isFirst { continue }
                break
            }
            if isFirst {
                isFirst = false
                let parts = bytes.text(in: start..<end).splitBytes(at: " ")
                path = parts.count == 3 ? RequestTarget(String(parts[1])).map { String($0.path) } ?? "" : ""
            } else if end - start > 7, bytes.equalsIgnoringCase("origin:", in: start..<start + 7) {
                let value = bytes.text(in: bytes.trimmed(start + 7..<end))
                // Given twice it is a list, and no list is an origin of ours.
                head.origin = head.origin.map { "\($0), \(value)" } ?? value
            }
        }
        return (path, head)
    }
}

extension Span<UInt8> {
    /// Where the line that begins at `start` ends, without its end of line; nil when that has not arrived.
    /// - Parameter searched: No line ends between `start` and this.
    fileprivate func lineEnd(from start: Int, searched: Int = 0) -> Int? {
        var index = Swift.max(start, searched)
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
