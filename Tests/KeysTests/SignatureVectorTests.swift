import Core
import Crypto
import CryptoExtras
import Foundation
import Testing

@testable import Keys

/// Signatures of each algorithm: those that RFCs print, and those of another library than the one under test.
@Suite struct SignatureVectorTests {
    /// A signature that is good.
    struct Vector: Sendable {
        let name: String
        let key: VerificationKey
        let message: [UInt8]
        let signature: [UInt8]
    }

    private static func bytes(_ text: String) -> [UInt8] {
        guard let bytes = [UInt8](base64URL: text.utf8) else { preconditionFailure(text) }
        return bytes
    }

    private static func vector(_ name: String, _ key: VerificationKey?, _ token: String) throws -> Vector {
        let dot = try #require(token.lastIndex(of: "."))
        return Vector(
            name: name, key: try #require(key), message: Array(token[..<dot].utf8),
            signature: bytes(String(token[token.index(after: dot)...])))
    }

    private static let payload =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    static let modulus =
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ"
        + "S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2"
        + "R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD"
        + "TW9gb54h4FRWyuXpoQ"
    static let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
    static let y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    static let edwards = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

    private static func rsa(_ algorithm: JWSAlgorithm) -> VerificationKey? {
        VerificationKey(modulus: bytes(modulus), exponent: [1, 0, 1], algorithm: algorithm)
    }

    /// RFC 7515 appendix A.2.
    static func rs256() throws -> Vector {
        try vector(
            "RS256", rsa(.rs256),
            "eyJhbGciOiJSUzI1NiJ9.\(payload)."
                + "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9"
                + "uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB"
                + "_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq"
                + "Vt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw")
    }

    /// RFC 7515 appendix A.3.
    static func es256() throws -> Vector {
        try vector(
            "ES256", VerificationKey(p256: bytes(x), bytes(y)),
            "eyJhbGciOiJFUzI1NiJ9.\(payload)."
                + "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")
    }

    /// RFC 8037 appendix A.4.
    static func edDSA() throws -> Vector {
        try vector(
            "EdDSA", VerificationKey(ed25519: bytes(edwards)),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
                + "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
    }

    /// Made with libcrypto itself, until a signature began with a zero.
    static func ps256() throws -> Vector {
        let modulus =
            "q2Bhycm20Q-CKxe-4GyfSpRnmx2Gu4vt-M-WXN9FFKL49nNft7IjSAj4MN2s2BGoCHfBE-0WCM4sKTHufshRy__cO47zp38tWkrRRHWO"
            + "347jHxQQX_shJby-yoCqp9-me6y1leM_DInz2Bm5jNKe-Y2VfrNPDJ3CP0u3DVDg1E2wOzAlh-CHj_vX4NIhPXT845V4IXsUpMWDjoOK"
            + "ERljsdT8ApCaJj8OA2or_5rPpXHkpZufdiosnFwlaOH5RE0PkDatKEgCXsJrwucGxYXQLD_OjmMa4Gdtwgzyia-8Nv5VJVdOvVV6263F"
            + "HJuRtXjy5EFzcBK-oihqgtphZda_FQ"
        return try vector(
            "PS256", VerificationKey(modulus: bytes(modulus), exponent: [1, 0, 1], algorithm: .ps256),
            "message 146."
                + "AMahTeaoGVyZxnmxuXwVAn983HHy_x9Qq2bzyGDdjJF-KVmS8iIYCXdkckm0OplJLhm-PUyaLWAgi6IQq-xnX8HIqZeogYPOq5rB"
                + "71TEQKQ-I0Rv47RH6Vze4lv2rQN9a0FQskhRcUmgTNfrq_PixtZjrLJlU06OybIoi_OQrvjBHx_RF1NGLom1fpkrB3dWexNYCSck"
                + "BEudF27jWSl6W9urXtL5vukh8qE21RDLhaOf2KVUhkKVj1iQaJv4oNoJYBhLELZTlYOjsry94FERFzwbMv_F2UHyPxlR76gDO7ZV"
                + "2Mgt8t5SWFH_OJVpgQTjUWZzkcV4M3Kq5FfMpiFpGg")
    }

    static func vectors() throws -> [Vector] { [try rs256(), try ps256(), try es256(), try edDSA()] }

    @Test func `verifies the signatures that RFCs print, whole and in parts, and often`() throws {
        for vector in try Self.vectors() {
            let (head, tail) = (Array(vector.message.prefix(7)), Array(vector.message.dropFirst(7)))
            #expect(vector.key.algorithm.rawValue == vector.name)
            #expect(vector.key.verifies(vector.signature, of: head, tail), "\(vector.name)")
            for _ in 0..<20 { #expect(vector.key.verifies(vector.signature, of: vector.message), "\(vector.name)") }
        }
    }

    @Test func `refuses a signature with an altered bit, or one that is cut or padded at either end`() throws {
        for vector in try Self.vectors() {
            let good = vector.signature
            for index in good.indices {
                var altered = good
                altered[index] ^= 1 << UInt8(index % 8)
                #expect(!vector.key.verifies(altered, of: vector.message), "\(vector.name) \(index)")
            }
            let zeros = [UInt8](repeating: 0, count: good.count)
            let odd: [[UInt8]] = [
                [], [0], Array(good.dropLast()), Array(good.dropFirst()), good + [0], [0] + good, good + good, zeros,
                Array(repeating: 255, count: good.count), Array(good.reversed()),
            ]
            for (number, odd) in odd.enumerated() {
                #expect(!vector.key.verifies(odd, of: vector.message), "\(vector.name) \(number)")
            }
            for message in [[], Array(vector.message.dropLast()), vector.message + [0], vector.message + [10]] {
                #expect(!vector.key.verifies(good, of: message), "\(vector.name)")
            }
            // A refusal spoils nothing.
            #expect(vector.key.verifies(good, of: vector.message), "\(vector.name)")
        }
    }

    @Test func `refuses the signature of another algorithm, by the same private key where there can be one`() throws {
        let vectors = try Self.vectors()
        for vector in vectors {
            for other in vectors where other.name != vector.name {
                #expect(!vector.key.verifies(other.signature, of: other.message), "\(other.name) under \(vector.name)")
            }
        }
        let rs = try Self.rs256(), ps = try #require(Self.rsa(.ps256))
        #expect(!ps.verifies(rs.signature, of: rs.message))
    }

    @Test func `verifies PS256 and RS256 of another library, each under its own key alone`() throws {
        let own = try _RSA.Signing.PrivateKey(keySize: .bits2048), message = Array("header.payload".utf8)
        let numbers = try own.publicKey.getKeyPrimitives()
        let key = { (algorithm: JWSAlgorithm) in
            try #require(
                VerificationKey(
                    modulus: Array(numbers.modulus), exponent: Array(numbers.publicExponent), algorithm: algorithm))
        }
        let ps = Array(try own.signature(for: Data(message), padding: .PSS).rawRepresentation)
        let rs = Array(try own.signature(for: Data(message), padding: .insecurePKCS1v1_5).rawRepresentation)
        #expect(try key(.ps256).verifies(ps, of: message))
        #expect(try key(.rs256).verifies(rs, of: message))
        #expect(try !key(.ps256).verifies(rs, of: message))
        #expect(try !key(.rs256).verifies(ps, of: message))
    }

    @Test func `verifies ES256 of another library, whatever zeros and signs its numbers begin with`() throws {
        let own = P256.Signing.PrivateKey()
        let point = Array(own.publicKey.rawRepresentation)
        let key = try #require(VerificationKey(p256: Array(point.prefix(32)), Array(point.suffix(32))))
        // Of one in 128 signatures one number is shorter than 32 bytes.
        var short = 0
        for number in 0..<10_000 where short < 3 {
            let message = Array("message \(number)".utf8)
            let signature = Array(try own.signature(for: message).rawRepresentation)
            #expect(key.verifies(signature, of: message), "\(number)")
            if signature[0] == 0 || signature[32] == 0 { short += 1 }
        }
        #expect(short == 3)
    }

    @Test func `refuses an ES256 signature with a number that is zero, or not below the order of the curve`() throws {
        let vector = try Self.es256()
        let r = Array(vector.signature.prefix(32)), s = Array(vector.signature.suffix(32))
        let zero = [UInt8](repeating: 0, count: 32), most = [UInt8](repeating: 255, count: 32)
        // SEC 2 section 2.4.2.
        let order: [UInt8] =
            [255, 255, 255, 255, 0, 0, 0, 0] + Array(repeating: 255, count: 8)
            + [0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51]
        let odd: [[UInt8]] = [zero + s, r + zero, zero + zero, most + s, r + most, order + s, r + order, s + r]
        for (number, odd) in odd.enumerated() {
            #expect(!vector.key.verifies(odd, of: vector.message), "\(number)")
        }
        // The DER form is no signature of JWS, whatever its length.
        let der = try P256.Signing.ECDSASignature(rawRepresentation: vector.signature).derRepresentation
        #expect(!vector.key.verifies(Array(der), of: vector.message))
        #expect(!vector.key.verifies(Array(der.prefix(64)), of: vector.message))
        // The very length of a signature whose one number was written without its zero.
        #expect(!vector.key.verifies(Array(vector.signature.dropFirst()), of: vector.message))
    }

    @Test func `a point that is not on the curve makes no key of ES256`() {
        let x = Self.bytes(Self.x), y = Self.bytes(Self.y), zero = [UInt8](repeating: 0, count: 32)
        #expect(VerificationKey(p256: x, y) != nil)
        let flipped: [UInt8] = y.dropLast() + [y[31] ^ 1], both: [UInt8] = x + y
        let points: [([UInt8], [UInt8])] = [
            (y, x), (x, x), (zero, zero), (x, zero), (zero, y), (x, flipped),
            (Array(x.dropLast()), y), (x, Array(y.dropFirst())), ([0] + x, y), (x, y + [0]), ([], []),
            (Array(repeating: 255, count: 32), y), (Array(both.prefix(31)), Array(both.suffix(33))),
        ]
        for (number, (x, y)) in points.enumerated() {
            #expect(VerificationKey(p256: x, y) == nil, "\(number)")
        }
    }

    @Test func `an Ed25519 key has 32 bytes, and those of no point verify nothing`() throws {
        let vector = try Self.edDSA(), good = Self.bytes(Self.edwards)
        for odd in [[], Array(good.dropLast()), good + [0], [0] + good] {
            #expect(VerificationKey(ed25519: odd) == nil, "\(odd.count)")
        }
        let none = try #require(VerificationKey(ed25519: [2] + Array(repeating: 0, count: 31)))
        #expect(!none.verifies(vector.signature, of: vector.message))
        #expect(!none.verifies(Array(repeating: 0, count: 64), of: vector.message))
    }

    @Test func `a key of each algorithm serves many at once`() async throws {
        for vector in try Self.vectors() {
            let verdicts = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<100 {
                    let signature = number.isMultiple(of: 2) ? vector.signature : vector.signature.reversed()
                    group.addTask { vector.key.verifies(signature, of: vector.message) }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(verdicts == 50, "\(vector.name)")
        }
    }
}
