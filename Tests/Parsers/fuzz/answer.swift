// An answer that comes in pieces is the answer that comes whole. The first byte of the input says how it is cut.

private struct Reading: Equatable {
    var head: AnswerHead?
    /// What the ranges of the head name.
    var contentType: [UInt8]?
    var retryAfter: [UInt8]?
    var body: [UInt8] = []
    var isEnded = false
    var isRefused = false
    /// Bytes after the end.
    var surplus: [UInt8] = []
}

/// Feeds `input` in pieces of `size` bytes, as a connection does: what was not read stays before the next piece.
private func read(_ input: ArraySlice<UInt8>, inPiecesOf size: Int) -> Reading {
    var reading = Reading()
    var reader = AnswerReader()
    var kept: [UInt8] = []
    var rest = input
    while true {
        kept += rest.prefix(size)
        rest = rest.dropFirst(size)
        var offset = 0
        pieces: while true {
            let before = offset
            let event = reader.next(kept.span, &offset)
            precondition(before <= offset && offset <= kept.count)
            switch event {
            case .needsMore: break pieces
            case .head(let head):
                precondition(reading.head == nil && reading.body.isEmpty && head.status >= 200)
                reading.head = head
                // Its ranges are in these bytes, which are not kept.
                for range in [head.contentType, head.retryAfter].compactMap(\.self) {
                    precondition(before <= range.lowerBound && range.upperBound <= offset)
                }
                reading.contentType = head.contentType.map { Array(kept[$0]) }
                reading.retryAfter = head.retryAfter.map { Array(kept[$0]) }
                reading.head?.contentType = nil
                reading.head?.retryAfter = nil
            case .body(let range):
                precondition(reading.head != nil && before <= range.lowerBound && range.upperBound == offset)
                precondition(!range.isEmpty)
                reading.body += kept[range]
            case .end, .refused:
                reading.isEnded = event == .end
                reading.isRefused = !reading.isEnded
                reading.surplus = reading.isEnded ? Array(kept[offset...] + rest) : []
                precondition(reader.next(kept.span, &offset) == event, "it does not stay there")
                return reading
            }
        }
        kept.removeFirst(offset)
        if rest.isEmpty { return reading }
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: data, count: size))
    guard let first = input.first else { return 0 }
    let whole = read(input.dropFirst(), inPiecesOf: max(1, size))
    let cut = read(input.dropFirst(), inPiecesOf: Int(first % 64) + 1)
    if whole.isRefused {
        // A head that is not complete may be refused later, but nothing of it may be believed.
        precondition(!cut.isEnded && cut.head == whole.head && cut.body == whole.body, "\(whole) \(cut)")
    } else {
        precondition(whole == cut, "\(whole) \(cut)")
    }
    if whole.isEnded, case .length(let length)? = whole.head?.framing { precondition(whole.body.count == length) }
    if whole.isEnded { precondition(whole.head != nil) }
    return 0
}
