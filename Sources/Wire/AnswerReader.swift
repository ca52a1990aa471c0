import Core

/// Reads one upstream answer out of the bytes as they come: its head, the pieces of its body, its end.
///
/// Strict where framing could be read in two ways: no length but plain digits, no body that ends with the connection.
/// Chunk extensions and trailers are dropped. It keeps no bytes; the caller keeps those of a head that is not complete.
package struct AnswerReader: Sendable {
    package enum Event: Equatable, Sendable {
        /// Everything that could be read was read. Bytes from the offset on belong to a head that is not complete.
        case needsMore
        case head(AnswerHead)
        case body(Range<Int>)
        /// Bytes from the offset on were never asked for.
        case end
        case refused
    }

    private enum State: Sendable {
        /// Goes to `length` or `chunked`.
        case head
        /// So many bytes of the body are left. Goes to `done`.
        case length(Int)
        /// Goes to `done`.
        case chunked(ChunkedBody)
        case done
        case broken
    }
    private var state = State.head
    private var interims = 0
    /// Bytes of a head that were found not to be all of it.
    private var tried = 0

    /// More interim answers than this before the final one are refused.
    private static let maximumInterims = 8

    package init() {}

    /// Whether the connection may carry another call after this answer.
    package private(set) var keepsAlive = true

    /// Reads on from `offset`, which moves behind what was read.
    package mutating func next(_ bytes: Span<UInt8>, _ offset: inout Int) -> Event {
        while true {
            switch state {
            case .head:
                guard isWorthATry(bytes, offset) else { return .needsMore }
                switch AnswerHead.read(bytes, from: offset) {
                case .incomplete:
                    tried = bytes.count - offset
                    return .needsMore
                case .refused: return refuse()
                case .head(let head, let next):
                    offset = next
                    tried = 0
                    if head.status < 200 {
                        interims += 1
                        guard interims <= Self.maximumInterims else { return refuse() }
                        continue
                    }
                    keepsAlive = head.keepsAlive
                    switch head.framing {
                    case .length(let length): state = .length(length)
                    case .chunked: state = .chunked(ChunkedBody())
                    }
                    return .head(head)
                }
            case .length(0):
                state = .done
                return .end
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
                case .end: state = .done
                case .refused: return refuse()
                }
            case .done: return .end
            case .broken: return .refused
            }
        }
    }

    /// A head that comes byte by byte is not read anew for each of them, but only when a line has ended.
    private func isWorthATry(_ bytes: Span<UInt8>, _ offset: Int) -> Bool {
        guard tried > 0, bytes.count - offset <= AnswerHead.maximumLength else { return true }
        for index in min(offset + tried, bytes.count)..<bytes.count where bytes[index] == UInt8(ascii: "\n") {
            return true
        }
        return false
    }

    private mutating func refuse() -> Event {
        state = .broken
        return .refused
    }
}
