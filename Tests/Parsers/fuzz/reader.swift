// Requests that come in pieces are the requests that come whole, and a plain one is the same to both readers. The first
// byte of the input says how it is cut.

private struct Reading: Equatable {
    var requests: [[UInt8]] = []
    var isRefused = false
    /// Bytes of a head that is not complete.
    var surplus: [UInt8] = []
}

/// Feeds `input` in pieces of `size` bytes, as a connection does: what was not read stays before the next piece.
private func read(_ input: ArraySlice<UInt8>, inPiecesOf size: Int) -> Reading {
    var reading = Reading()
    var reader = RequestReader()
    var kept: [UInt8] = []
    var request: [UInt8] = []
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
                precondition(head.target.upperBound <= offset && !head.method.isEmpty && !head.target.isEmpty)
                request = kept[head.method] + [0x20] + kept[head.target]
                for field in head.fields { request += [0x0A] + kept[field.name] + [0x3A] + kept[field.value] }
                request += [0, head.keepsAlive ? 1 : 0]
            case .body(let range):
                precondition(before <= range.lowerBound && range.upperBound == offset && !range.isEmpty)
                request += kept[range]
            case .end:
                reading.requests.append(request)
                reader = RequestReader()
            case .refused:
                reading.isRefused = true
                precondition(reader.next(kept.span, &offset) == event, "it does not stay there")
                return reading
            }
        }
        kept.removeFirst(offset)
        precondition(kept.count <= 64 << 10, "a head is kept without a bound")
        if rest.isEmpty {
            reading.surplus = kept
            return reading
        }
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: data, count: size))
    guard let first = input.first else { return 0 }
    let whole = read(input.dropFirst(), inPiecesOf: max(1, size))
    let cut = read(input.dropFirst(), inPiecesOf: Int(first % 64) + 1)
    // A head that is not complete may be refused later, but nothing of it may be believed.
    precondition(whole.requests == cut.requests, "\(whole) \(cut)")
    if !whole.isRefused { precondition(whole == cut, "\(whole) \(cut)") }

    let plain = Array(input.dropFirst())
    var fields: [[UInt8]] = []
    if let request = PlainRequest.read(
        plain.span, field: { name, value, _ in fields.append(plain[name] + [0x3A] + plain[value]) })
    {
        var expected = plain[request.method] + [0x20] + plain[request.target]
        for field in fields { expected += [0x0A] + field }
        expected += [0, 1] + plain[request.body]
        precondition(whole.requests == [Array(expected)] && whole.surplus.isEmpty, "\(whole)")
    }
    return 0
}
