import Core
import Testing

@Suite struct Base64URLTests {
    /// RFC 4648 section 10, and the two letters in which base64url differs.
    static let vectors: [([UInt8], String)] = [
        ([], ""), (Array("f".utf8), "Zg"), (Array("fo".utf8), "Zm8"), (Array("foo".utf8), "Zm9v"),
        (Array("foob".utf8), "Zm9vYg"), (Array("fooba".utf8), "Zm9vYmE"), (Array("foobar".utf8), "Zm9vYmFy"),
        ([0xFB, 0xFF], "-_8"), ([0, 0, 0], "AAAA"), ([0xFF, 0xFF, 0xFF], "____"),
    ]

    @Test(arguments: vectors)
    func `bytes have one spelling, and it reads as the same bytes`(bytes: [UInt8], text: String) {
        #expect(bytes.base64URL == text)
        #expect([UInt8](base64URL: text.utf8) == bytes)
    }

    @Test(arguments: ["A", "Zg=", "Zg==", "Zh", "Zm9", "Zm9v+", "Zm/v", "Zm v", "Zm9v\n", "Z\u{301}g", "ＺＧ"])
    func `any other spelling is refused`(text: String) {
        #expect([UInt8](base64URL: text.utf8) == nil)
    }

    @Test func `every byte comes back`() {
        for length in 0...48 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 * 89 + length) }
            #expect([UInt8](base64URL: bytes.base64URL.utf8) == bytes)
        }
        let all = (0...255).map { UInt8($0) }
        #expect([UInt8](base64URL: all.base64URL.utf8) == all)
    }
}
