import Core
import Keys
import TestSupport
import Testing

@Suite struct KeysTests {
    /// FIPS 180-4 examples, as published by NIST.
    @Test(arguments: [
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func `SHA-256`(text: String, expected: String) {
        let hex = Digest.sha256(text.utf8).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        #expect(hex == expected)
    }

    @Test func `the system's OpenSSL is 3.0 or later and says so`() throws {
        try OpenSSL.requireVersion3()
        #expect(OpenSSL.version.hasPrefix("OpenSSL "))
    }

    @Test func `base64url has one spelling`() {
        for count in 0..<40 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + count) }
            #expect([UInt8](base64URL: base64URL(bytes).utf8) == bytes)
        }
        for odd in ["A", "AB", "AAA=", "AA==", "A+AA", "A/AA", "AA A", "AAAAA", "AAB", "Ä"] {
            #expect([UInt8](base64URL: odd.utf8) == nil, "\(odd)")
        }
    }
}
