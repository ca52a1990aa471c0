/// Reads one upstream answer out of the bytes as they come: its head, the pieces of its body, its end.
///
/// Strict where framing could be read in two ways: no chunk extension, no trailer, no length but plain digits, no body
/// that ends with the connection. It keeps no bytes; the caller keeps those of a head that is not complete.
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
        /// Goes to `length` or `size`.
        case head
        /// So many bytes of the body are left. Goes to `done`.
        case length(Int)
        /// In a chunk's size, of which these digits were read. Goes to `sizeEnd`.
        case size(Int, digits: Int)
        /// Before the line feed after a size. Goes to `chunk`, or to `trailer` after the last chunk.
        case sizeEnd(Int)
        /// So many bytes of the chunk are left. Goes to `chunkEnd`.
        case chunk(Int)
        /// Before the end of the line after a chunk, of which `read` bytes were read. Goes to `size`.
        case chunkEnd(read: Int)
        /// The same after the last chunk. Goes to `done`.
        case trailer(read: Int)
        case done
        case broken
    }
    private var state = State.head
    private var interims = 0
    /// Bytes of a head that were found not to be all of it.
    private var tried = 0

    /// More interim answers than this before the final one are refused.
    private static let maximumInterims = 8
    /// 256 MiB: far beyond any answer that is read to its end.
    private static let maximumSizeDigits = 7

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
                    case .chunked: state = .size(0, digits: 0)
                    }
                    return .head(head)
                }
            case .length(0):
                state = .done
                return .end
            case .length(let left):
                guard let piece = piece(of: left, bytes, &offset) else { return .needsMore }
                state = .length(left - piece.count)
                return .body(piece)
            case .chunk(0): state = .chunkEnd(read: 0)
            case .chunk(let left):
                guard let piece = piece(of: left, bytes, &offset) else { return .needsMore }
                state = .chunk(left - piece.count)
                return .body(piece)
            case .done: return .end
            case .broken: return .refused
            case .size, .sizeEnd, .chunkEnd, .trailer:
                guard offset < bytes.count else { return .needsMore }
                guard let after = after(bytes[offset]) else { return refuse() }
                state = after
                offset += 1
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

    /// The state behind one byte of a chunk's frame; nil when it does not belong there.
    private func after(_ byte: UInt8) -> State? {
        switch (state, byte) {
        case (.size(let size, let digits), UInt8(ascii: "\r")):
            digits > 0 ? .sizeEnd(size) : nil
        case (.size(let size, let digits), _):
            if let digit = byte.hexDigit, digits < Self.maximumSizeDigits {
                .size(size << 4 | digit, digits: digits + 1)
            } else {
                nil
            }
        case (.sizeEnd(let size), UInt8(ascii: "\n")): size == 0 ? .trailer(read: 0) : .chunk(size)
        case (.chunkEnd(read: 0), UInt8(ascii: "\r")): .chunkEnd(read: 1)
        case (.chunkEnd(read: 1), UInt8(ascii: "\n")): .size(0, digits: 0)
        case (.trailer(read: 0), UInt8(ascii: "\r")): .trailer(read: 1)
        case (.trailer(read: 1), UInt8(ascii: "\n")): .done
        default: nil
        }
    }

    private func piece(of left: Int, _ bytes: Span<UInt8>, _ offset: inout Int) -> Range<Int>? {
        guard offset < bytes.count else { return nil }
        let piece = offset..<min(bytes.count, offset + left)
        offset = piece.upperBound
        return piece
    }

    private mutating func refuse() -> Event {
        state = .broken
        return .refused
    }
}

extension UInt8 {
    fileprivate var hexDigit: Int? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(self - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(self - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(self - UInt8(ascii: "A")) + 10
        default: nil
        }
    }
}
