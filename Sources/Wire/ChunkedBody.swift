import Core

/// Reads a chunked body (RFC 9112 section 7.1) out of the bytes as they come.
///
/// Extensions and trailer fields are held to their form and to a bound, and dropped: they change nothing.
struct ChunkedBody: Sendable {
    enum Event: Equatable {
        case needsMore
        case body(Range<Int>)
        case end
        case refused
    }

    private enum State {
        /// In a chunk's size, of which these digits were read. Goes to `blank`, `extension` or `sizeEnd`.
        case size(Int, digits: Int)
        /// In the white space between a size and its extension. Goes to `extension`.
        case blank(Int)
        /// Goes to `sizeEnd`.
        case `extension`(Int)
        /// Before the line feed after a size. Goes to `chunk`, or to `trailer` after the last chunk.
        case sizeEnd(Int)
        /// So many bytes of the chunk are left. Goes to `chunkEnd`.
        case chunk(Int)
        /// Before the end of the line after a chunk, of which `read` bytes were read. Goes to `size`.
        case chunkEnd(read: Int)
        /// Where a trailer field may begin. Goes to `name` or `lastEnd`.
        case trailer
        /// Goes to `value`.
        case name
        /// Goes to `valueEnd`.
        case value
        /// Before the line feed after a trailer field. Goes to `trailer`.
        case valueEnd
        /// Before the last line feed. Goes to `done`.
        case lastEnd
        case done
        case broken
    }
    private var state = State.size(0, digits: 0)
    /// Bytes of extensions and of the trailer.
    private var dropped = 0
    private var trailerFields = 0

    /// Zeros before it included (RFC 9112 section 7.1).
    private static let maximumSizeDigits = 16
    /// 256 MiB: far beyond any body that is read to its end.
    private static let maximumSize = 1 << 28
    private static let maximumDropped = 16 << 10
    private static let maximumTrailerFields = 100

    /// Reads on from `offset`, which moves behind what was read.
    mutating func next(_ bytes: Span<UInt8>, _ offset: inout Int) -> Event {
        while true {
            switch state {
            case .chunk(0): state = .chunkEnd(read: 0)
            case .chunk(let left):
                guard let piece = bytes.piece(of: left, from: &offset) else { return .needsMore }
                state = .chunk(left - piece.count)
                return .body(piece)
            case .done: return .end
            case .broken: return .refused
            case .size, .blank, .extension, .sizeEnd, .chunkEnd, .trailer, .name, .value, .valueEnd, .lastEnd:
                guard offset < bytes.count else { return .needsMore }
                guard let after = after(bytes[offset]), dropped <= Self.maximumDropped,
                    trailerFields <= Self.maximumTrailerFields
                else {
                    state = .broken
                    return .refused
                }
                state = after
                offset += 1
            }
        }
    }

    /// The state behind one byte of the frame; nil when it does not belong there.
    private mutating func after(_ byte: UInt8) -> State? {
        switch (state, byte) {
        case (.size(let size, let digits), UInt8(ascii: "\r")): return digits > 0 ? .sizeEnd(size) : nil
        case (.size(let size, let digits), UInt8(ascii: ";")): return digits > 0 ? drop(.extension(size)) : nil
        case (.size(let size, let digits), _):
            if byte.isBlank { return digits > 0 ? drop(.blank(size)) : nil }
            guard let digit = byte.hexDigit, digits < Self.maximumSizeDigits, size < Self.maximumSize >> 4 else {
                return nil
            }
            return .size(size << 4 | digit, digits: digits + 1)
        case (.blank(let size), UInt8(ascii: ";")): return drop(.extension(size))
        case (.blank(let size), _): return byte.isBlank ? drop(.blank(size)) : nil
        case (.extension(let size), UInt8(ascii: "\r")): return .sizeEnd(size)
        case (.extension(let size), _): return byte.isFieldText ? drop(.extension(size)) : nil
        case (.sizeEnd(let size), UInt8(ascii: "\n")): return size == 0 ? .trailer : .chunk(size)
        case (.chunkEnd(read: 0), UInt8(ascii: "\r")): return .chunkEnd(read: 1)
        case (.chunkEnd(read: 1), UInt8(ascii: "\n")): return .size(0, digits: 0)
        case (.trailer, UInt8(ascii: "\r")): return .lastEnd
        case (.trailer, _):
            trailerFields += 1
            return byte.isTokenByte ? drop(.name) : nil
        case (.name, UInt8(ascii: ":")): return drop(.value)
        case (.name, _): return byte.isTokenByte ? drop(.name) : nil
        case (.value, UInt8(ascii: "\r")): return .valueEnd
        case (.value, _): return byte.isFieldText ? drop(.value) : nil
        case (.valueEnd, UInt8(ascii: "\n")): return .trailer
        case (.lastEnd, UInt8(ascii: "\n")): return .done
        default: return nil
        }
    }

    private mutating func drop(_ after: State) -> State {
        dropped += 1
        return after
    }
}

extension Span<UInt8> {
    /// What has arrived of the next `left` bytes of a body, behind which `offset` moves; nil when there is nothing.
    func piece(of left: Int, from offset: inout Int) -> Range<Int>? {
        guard offset < count else { return nil }
        let piece = offset..<Swift.min(count, offset + left)
        offset = piece.upperBound
        return piece
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
