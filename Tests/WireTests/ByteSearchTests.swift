import Core
import Testing

@testable import Wire

@Suite struct ByteSearchTests {
    @Test func `the bytes of identifiers are letters, digits, underscores and dashes`() {
        let word = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-".utf8
        let isWord = (UInt8.min...UInt8.max).map(\.isWordByte)
        #expect(isWord == (UInt8.min...UInt8.max).map { word.contains($0) })
    }

    /// Every byte at every place of a run, with anything behind it.
    @Test func `a run ends at the first byte that does not belong, wherever that is`() {
        for byte in UInt8.min...UInt8.max {
            for place in 0..<20 {
                for next in [0x00, 0x1F, 0x20, 0x22, 0x5C, 0x7E, 0x7F, 0x80, 0xFF] as [UInt8] {
                    let bytes = Array(repeating: UInt8(ascii: "~"), count: place) + [byte, next, 0x20, next]
                    for start in [0, place] {
                        let isText = { (byte: UInt8) in 0x20..<0x7F ~= byte }
                        let isPlain = { (byte: UInt8) in 0x20..<0x80 ~= byte && byte != 0x22 && byte != 0x5C }
                        let text = bytes.span.endOfText(from: start)
                        let plain = bytes.span.endOfPlainString(from: start)
                        let expected = [isText, isPlain].map { bytes.span.end(of: $0, from: start) }
                        if [text, plain] != expected {
                            Issue.record("\(byte) at \(place), then \(next): \(text), \(plain)")
                        }
                    }
                }
            }
        }
    }
}
