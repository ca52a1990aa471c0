import Core
import Foundation
import TestSupport
import Testing

@testable import Keys

/// Signatures and keys that the `openssl` program made.
@Suite(.serialized) struct PSSKeyTests {
    static let message = Array("1776847880.{\"id\":\"evt_1\"}".utf8)
    let signer: OpenSSLSigner

    init() throws {
        signer = try OpenSSLSigner()
    }

    private func key() throws -> PSSKey {
        try #require(PSSKey(modulus: try signer.modulus(), exponent: [1, 0, 1]))
    }

    @Test("S42: a signature of PS256 is good, over the message whole or in parts, and often")
    func S42good() throws {
        defer { signer.remove() }
        let key = try key()
        let signature = try signer.sign(Self.message)
        #expect(key.verifies(signature, of: Self.message))
        #expect(key.verifies(signature, of: Array(Self.message.prefix(10)), Array(Self.message.dropFirst(10))))
        for _ in 0..<100 { #expect(key.verifies(signature, of: Self.message)) }
    }

    @Test(
        "S42: PKCS#1 v1.5, another salt length, another hash or mask: none is a signature",
        arguments: [
            OpenSSLSigner.Recipe(padding: "pkcs1"), .init(salt: 0), .init(salt: 20), .init(salt: 31), .init(salt: 33),
            .init(salt: 64), .init(salt: 222), .init(digest: "sha1", mask: "sha1", salt: 32),
            .init(digest: "sha384", mask: "sha384", salt: 32), .init(digest: "sha512", mask: "sha512", salt: 32),
            .init(mask: "sha1"), .init(mask: "sha512"),
        ])
    func S42(recipe: OpenSSLSigner.Recipe) throws {
        defer { signer.remove() }
        let signature = try signer.sign(Self.message, recipe)
        #expect(signature.count == 256)
        #expect(try key().verifies(signature, of: Self.message) == false)
    }

    @Test("S41, S42: an altered bit, a byte too many, another key: none is a signature")
    func S42altered() throws {
        defer { signer.remove() }
        let key = try key()
        let good = try signer.sign(Self.message)
        for index in stride(from: 0, to: good.count, by: 17) {
            var altered = good
            altered[index] ^= 1
            #expect(!key.verifies(altered, of: Self.message))
        }
        for index in Self.message.indices {
            var altered = Self.message
            altered[index] ^= 0x20
            #expect(!key.verifies(good, of: altered))
        }
        #expect(!key.verifies(good, of: Self.message + [10]))
        #expect(!key.verifies(good, of: []))
        for odd in [[], [0], good + [0], [0] + good, Array(good.dropLast()), Array(repeating: 0, count: 256)] {
            #expect(!key.verifies(odd, of: Self.message))
        }
        let other = try OpenSSLSigner()
        defer { other.remove() }
        #expect(!key.verifies(try other.sign(Self.message), of: Self.message))
    }

    @Test func `a key is held by many at once`() async throws {
        defer { signer.remove() }
        let key = try key()
        let good = try signer.sign(Self.message)
        let verdicts = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<200 {
                group.addTask { key.verifies(number.isMultiple(of: 2) ? good : good.reversed(), of: Self.message) }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(verdicts == 100)
    }

    @Test func `numbers that make no safe key make none`() throws {
        defer { signer.remove() }
        let modulus = try signer.modulus()
        #expect(PSSKey(modulus: modulus, exponent: [3]) != nil)
        for exponent: [UInt8] in [[], [0], [1], [2], [1, 0, 0], [0, 1, 0, 1], [1, 0, 0, 0, 1]] {
            #expect(PSSKey(modulus: modulus, exponent: exponent) == nil, "\(exponent)")
        }
        for odd in [[], [0] + modulus, Array(modulus.dropFirst()), Array(repeating: 255, count: 513)] {
            #expect(PSSKey(modulus: odd, exponent: [1, 0, 1]) == nil, "\(odd.count) bytes")
        }
        #expect(PSSKey(modulus: [0x7F] + modulus.dropFirst(), exponent: [1, 0, 1]) == nil, "2047 bits")
    }

    // MARK: - Key sets

    private func set(_ keys: String...) -> [UInt8] {
        Array(#"{"keys":[\#(keys.joined(separator: ","))]}"#.utf8)
    }

    @Test("S38: of a key set only RSA keys of 2048 bits and more, of one id each, are taken")
    func S38() throws {
        defer { signer.remove() }
        let short = try OpenSSLSigner(bits: 1024), other = try OpenSSLSigner()
        defer {
            short.remove()
            other.remove()
        }
        let keys = try PSSKeySet(
            jwks: set(
                try signer.jwk("good"), try short.jwk("short"), try signer.jwk("twice"), try other.jwk("twice"),
                try signer.jwk("rs", more: #","alg":"RS256""#), try signer.jwk("enc", more: #","use":"enc""#),
                try signer.jwk(String(repeating: "i", count: 129)), try signer.jwk("e1", e: "AQ"),
                try signer.jwk("padded", e: "AQAB="), try signer.jwk("bare", more: ""),
                #"{"kty":"EC","crv":"P-256","kid":"ec","x":"AA","y":"AA"}"#, #"{"kty":"oct","kid":"h","k":"AAAA"}"#,
                #"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, #"{"kid":7}"#, "7", "null"))
        let ids = ["good", "short", "twice", "rs", "enc", "e1", "padded", "bare", "ec", "h", ""]
        #expect(ids.filter { keys[$0] != nil } == ["good", "bare"])
        #expect(keys.skipped == 14)
        let signature = try signer.sign(Self.message)
        #expect(keys["good"]?.verifies(signature, of: Self.message) == true)
        #expect(keys["bare"]?.verifies(signature, of: Self.message) == true)
    }

    @Test("S38: an id that an unusable key has too is nobody's")
    func S38twice() throws {
        defer { signer.remove() }
        let keys = try PSSKeySet(jwks: set(try signer.jwk("a"), #"{"kty":"oct","kid":"a","k":"AAAA"}"#))
        #expect(keys["a"] == nil && keys.isEmpty)
    }

    @Test("a set without a key is one in which no key is known (I13)") func emptySet() throws {
        defer { signer.remove() }
        for document in [#"{"keys":[]}"#, #"{"keys":[7,{}]}"#] {
            #expect(try PSSKeySet(jwks: Array(document.utf8)).isEmpty)
        }
    }

    @Test("S38: an oversized set is none")
    func S38oversized() throws {
        defer { signer.remove() }
        let good = try signer.jwk("good")
        _ = try PSSKeySet(jwks: set(good))
        let blanks = [UInt8](repeating: 32, count: PSSKeySet.longest)
        let many = Array(repeating: "7", count: 100).joined(separator: ",")
        for odd in [set(good) + blanks, set(good, many), [], Array("{}".utf8), Array("<html>".utf8)] {
            #expect(throws: PSSKeySet.Unusable.self, "\(odd.count) bytes") { try PSSKeySet(jwks: odd) }
        }
    }

    // MARK: - Base64url

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
