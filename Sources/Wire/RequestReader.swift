import Core

/// Reads one request out of the bytes as they come: its head, the pieces of its body, its end.
///
/// Strict where two readers could disagree. It keeps no bytes; the caller keeps those of a head that is not complete,
/// which is refused when it grows too large.
package struct RequestReader: Sendable {
    package enum Event: Equatable, Sendable {
        /// Everything that could be read was read. Bytes from the offset on belong to a head that is not complete.
        case needsMore
        /// Its ranges are those of the bytes that were handed over.
        case head(RequestHead)
        case body(Range<Int>)
        /// Bytes from the offset on belong to a later request.
        case end
        case refused(RequestHead.Fault)
    }

    private enum State {
        /// Goes to `length`, `chunked` or `broken`.
        case head
        /// So many bytes of the body are left. Goes to `done`.
        case length(Int)
        /// Goes to `done`.
        case chunked(ChunkedBody)
        case done
        case broken(RequestHead.Fault)
    }
    private var state = State.head
    /// Bytes of a head that were found not to be all of it.
    private var tried = 0

    package init() {}

    /// Reads on from `offset`, which moves behind what was read.
    package mutating func next(_ bytes: Span<UInt8>, _ offset: inout Int) -> Event {
        switch state {
        case .head: return head(bytes, &offset)
        case .length(0): return end()
        case .length(let left):
            guard let piece = bytes.piece(of: left, from: &offset) else { return .needsMore }
            state = .length(left - piece.count)
            return .body(piece)
        case .chunked(var body):
            let event = body.next(bytes, &offset)
            state = .chunked(body)
            switch event {
            case .needsMore: return .needsMore
            case .body(let piece): return .body(piece)
            case .end: return end()
            case .refused: return refuse(.malformed)
            }
        case .done: return .end
        case .broken(let fault): return .refused(fault)
        }
    }

    private mutating func head(_ bytes: Span<UInt8>, _ offset: inout Int) -> Event {
        // Empty lines before a request are passed over (RFC 9112 section 2.2).
        while tried == 0, offset + 1 < bytes.count, bytes[offset] == UInt8(ascii: "\r"),
            bytes[offset + 1] == UInt8(ascii: "\n")
        {
            offset += 2
        }
        if bytes.count - offset == 1, bytes[offset] == UInt8(ascii: "\r") { return .needsMore }
        guard offset < bytes.count, isWorthATry(bytes, offset) else { return .needsMore }
        switch RequestHead.read(bytes, from: offset) {
        case .incomplete:
            tried = bytes.count - offset
            return .needsMore
        case .refused(let fault): return refuse(fault)
        case .head(let head, let next):
            offset = next
            state =
                switch head.framing {
                case .length(let length): .length(length)
                case .chunked: .chunked(ChunkedBody())
                // Where it ends is unknown; the receiver of the head refuses it in the words of its route.
                case nil: .broken(.malformed)
                }
            return .head(head)
        }
    }

    /// A head that comes byte by byte is not read anew for each of them, but when a line has ended or a thousand came.
    private func isWorthATry(_ bytes: Span<UInt8>, _ offset: Int) -> Bool {
        let count = bytes.count - offset
        guard tried > 0, count - tried < 1 << 10 else { return true }
        for index in min(offset + tried, bytes.count)..<bytes.count where bytes[index] == UInt8(ascii: "\n") {
            return true
        }
        return false
    }

    private mutating func end() -> Event {
        state = .done
        return .end
    }

    private mutating func refuse(_ fault: RequestHead.Fault) -> Event {
        state = .broken(fault)
        return .refused(fault)
    }
}
