import Core

/// Searches for the end of a run of bytes, in text eight bytes at a time.
extension Span<UInt8> {
    /// The end of the bytes from `start` on for which `belongs` is true.
    func end(of belongs: (UInt8) -> Bool, from start: Int) -> Int {
        var index = start
        while index < count, belongs(self[index]) { index += 1 }
        return index
    }

    /// The end of the printable ASCII, blanks included, from `start` on.
    func endOfText(from start: Int) -> Int {
        // One more makes a delete the first byte that is not ASCII; less a blank, control characters go below zero.
        end(from: start) { word in word | (word &- (0x20 &* .each)) | (word &+ .each) }
    }

    /// The end of the unescaped text of a JSON string from `start` on: ASCII but control characters, quotes and backslashes.
    func endOfPlainString(from start: Int) -> Int {
        end(from: start) { word in
            // Less one, a byte that was the quote or the backslash goes below zero.
            word | (word &- (0x20 &* .each)) | ((word ^ (0x22 &* .each)) &- .each) | ((word ^ (0x5C &* .each)) &- .each)
        }
    }

    /// - Parameter stops: Sets the highest bit of the first byte that does not belong, and of none before it. What it
    ///   does to bytes behind that one, to which a carry may go, does not matter.
    private func end(from start: Int, _ stops: (UInt64) -> UInt64) -> Int {
        var index = start
        while index + 8 <= count {
            // Safe: the load is checked against the end, and any eight bytes are a number.
            let word = unsafe UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
            let found = stops(word) & (0x80 &* .each)
            if found != 0 { return index + found.trailingZeroBitCount / 8 }
            index += 8
        }
        // With blanks behind it, which belong to every run.
        while index < count, stops(UInt64(self[index]) | (0x20 &* .each) << 8) & 0x80 == 0 { index += 1 }
        return index
    }
}

extension UInt64 {
    /// Times a byte, that byte eight times.
    fileprivate static var each: UInt64 { 0x0101_0101_0101_0101 }
}
