import Core
import Keys
import Testing

@Suite struct SealingKeysTests {
    @Test func `rows under no key at all are damage, however many; rows under another key are not (I12)`() {
        let keys = SealingKeys([[UInt8](repeating: 7, count: 32)]) { [UInt8](repeating: 1, count: $0) }
        let own = keys.currentID, other = [UInt8](repeating: 5, count: 8)
        #expect(keys.match([own: 3, []: 2, [UInt8](repeating: 0, count: 8): 4, [1, 2]: 2]))
        #expect(keys.match([[]: 2]))
        #expect(keys.match([own: 3, other: 1]))
        #expect(!keys.match([own: 3, other: 2]))
        #expect(!keys.match([other: 1]))
    }

    static let first = [UInt8](repeating: 1, count: 32), second = [UInt8](repeating: 2, count: 32)

    static func random() -> @Sendable (Int) -> [UInt8] {
        { count in (0..<count).map { _ in UInt8.random(in: .min ... .max) } }
    }

    @Test func `what was sealed opens in its own context and no other`() {
        let keys = SealingKeys([Self.first], randomBytes: Self.random())
        let sealed = keys.seal("cot_1".utf8, context: "cs_1".utf8)
        #expect(keys.open(sealed, context: "cs_1".utf8) == Array("cot_1".utf8))
        #expect(keys.open(sealed, context: "cs_2".utf8) == nil)
        #expect(keys.open([], context: "cs_1".utf8) == nil)
        #expect(sealed.count == 8 + 12 + 5 + 16)
        #expect(keys.seal("cot_1".utf8, context: "cs_1".utf8) != sealed, "a nonce is used once")
    }

    @Test func `one flipped bit anywhere is noticed`() {
        let keys = SealingKeys([Self.first], randomBytes: Self.random())
        let sealed = keys.seal("cot_1".utf8, context: "cs_1".utf8)
        for bit in 0..<(sealed.count * 8) {
            var altered = sealed
            altered[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(keys.open(altered, context: "cs_1".utf8) == nil)
        }
        for length in 0..<sealed.count {
            #expect(keys.open(Array(sealed.prefix(length)), context: "cs_1".utf8) == nil)
        }
    }

    @Test func `the first key seals, every key opens`() {
        let old = SealingKeys([Self.first], randomBytes: Self.random())
        let both = SealingKeys([Self.second, Self.first], randomBytes: Self.random())
        let new = SealingKeys([Self.second], randomBytes: Self.random())
        let sealed = old.seal("cot_1".utf8, context: "c".utf8)
        #expect(both.open(sealed, context: "c".utf8) == Array("cot_1".utf8))
        #expect(new.open(sealed, context: "c".utf8) == nil)
        #expect(both.knows(old.currentID))
        #expect(!new.knows(old.currentID))
        #expect(new.open(both.seal("cot_2".utf8, context: "c".utf8), context: "c".utf8) == Array("cot_2".utf8))
        #expect("\(both)" == "<sealing keys>")
        #expect(String(reflecting: both).contains("[1, 1") == false)
    }

    /// Test case 16 of the paper that proposed GCM (McGrew and Viega), which NIST's own vectors repeat.
    @Test func `AES-256-GCM`() throws {
        let half = "feffe9928665731c6d6a8f9467308308"
        let nonce = bytes("cafebabefacedbaddecaf888")
        let keys = SealingKeys([bytes(half + half)], randomBytes: { _ in nonce })
        let plaintext = bytes(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39")
        let sealed = keys.seal(plaintext, context: bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2"))
        #expect(
            sealed.dropFirst(8 + 12).hexadecimal
                == "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662" + "76fc6ece0f4e1768cddf8853bb2d551b")
    }

    private func bytes(_ hex: String) -> [UInt8] {
        stride(from: 0, to: hex.utf8.count, by: 2).map { offset in
            let start = hex.index(hex.startIndex, offsetBy: offset)
            return UInt8(hex[start..<hex.index(start, offsetBy: 2)], radix: 16) ?? 0
        }
    }
}
