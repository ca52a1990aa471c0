// A page that is read in pieces says what it says when it is read whole. The first byte of the input says how it is cut.

private func read(_ body: ArraySlice<UInt8>, inPiecesOf size: Int) -> AnsweredPage {
    var page = AnsweredPage()
    var rest = body
    while !rest.isEmpty {
        let piece = Array(rest.prefix(size))
        rest = rest.dropFirst(size)
        page.read(piece.span, in: 0..<piece.count)
    }
    return page
}

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: data, count: size))
    guard let first = input.first else { return 0 }
    let whole = read(input.dropFirst(), inPiecesOf: max(1, size))
    let cut = read(input.dropFirst(), inPiecesOf: Int(first % 64) + 1)
    // A longer text is cut, at a place that depends on the pieces.
    guard size < 2048 else { return 0 }
    precondition(whole.route == cut.route && whole.redirectURL == cut.redirectURL && whole.isRead == cut.isRead)
    return 0
}
