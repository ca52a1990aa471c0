import Core
import TestSupport
import Testing

@testable import Keys

/// Signatures and keys of PS256 that the `openssl` program made.
@Suite(.serialized) struct VerificationKeyTests {
    static let message = Array("1776847880.{\"id\":\"evt_1\"}".utf8)
    let signer: OpenSSLSigner

    init() throws {
        signer = try OpenSSLSigner()
    }

    private func key() throws -> VerificationKey {
        try #require(VerificationKey(modulus: try signer.modulus(), exponent: [1, 0, 1], algorithm: .ps256))
    }

    @Test("a signature of PS256 is good, over the message whole or in parts, and often (S42)")
    func S42good() throws {
        defer { signer.remove() }
        let key = try key()
        let signature = try signer.sign(Self.message)
        #expect(key.verifies(signature, of: Self.message))
        #expect(key.verifies(signature, of: Array(Self.message.prefix(10)), Array(Self.message.dropFirst(10))))
        for _ in 0..<100 { #expect(key.verifies(signature, of: Self.message)) }
    }

    @Test(
        "PKCS#1 v1.5, another salt length, another hash or mask: none is a signature (S42)",
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

    @Test("an altered bit, a byte too many, another key: none is a signature (S41, S42)")
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

    @Test(arguments: [JWSAlgorithm.rs256, .ps256])
    func `numbers that make no safe RSA key make none`(algorithm: JWSAlgorithm) throws {
        defer { signer.remove() }
        let modulus = try signer.modulus()
        let key = { (modulus: [UInt8], exponent: [UInt8]) in
            VerificationKey(modulus: modulus, exponent: exponent, algorithm: algorithm)
        }
        #expect(key(modulus, [3])?.bits == 2048)
        #expect(key([0x80] + Array(repeating: 255, count: 1023), [1, 0, 1])?.bits == 8192)
        for exponent: [UInt8] in [[], [0], [1], [2], [1, 0, 0], [0, 1, 0, 1], [1, 0, 0, 0, 1]] {
            #expect(key(modulus, exponent) == nil, "\(exponent)")
        }
        for odd in [[], [0] + modulus, Array(modulus.dropFirst()), Array(repeating: 255, count: 1025)] {
            #expect(key(odd, [1, 0, 1]) == nil, "\(odd.count) bytes")
        }
        #expect(key([0x7F] + modulus.dropFirst(), [1, 0, 1]) == nil, "2047 bits")
        #expect(key(Array(modulus.suffix(128)), [1, 0, 1]) == nil, "1024 bits")
        #expect(key(modulus.dropLast() + [0], [1, 0, 1]) == nil, "even")
        for algorithm in [JWSAlgorithm.es256, .edDSA] {
            #expect(VerificationKey(modulus: modulus, exponent: [1, 0, 1], algorithm: algorithm) == nil)
        }
    }
}
