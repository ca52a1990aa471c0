import COpenSSL
import Synchronization

/// A public key for signatures of one kind: RSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of exactly 32 bytes
/// (RFC 8017 section 8.1; PS256 of RFC 7518 section 3.5).
///
/// Made once of its numbers and held. Nothing about the algorithm is a message's to say.
package final class PSSKey: Sendable {
    /// The sizes of a modulus that are accepted, in bits: shorter ones can be broken, longer ones cost too much.
    package static let sizes = 2048...4096
    private static let saltLength: Int32 = 32

    /// libcrypto may use a key from several threads at a time, but nothing of ours says so to the compiler; one
    /// verification takes some 30 microseconds.
    private let key: Mutex<Handle>

    /// Freed with the key, and with nothing else.
    @safe private struct Handle {
        let pointer: OpaquePointer
    }

    /// - Parameters:
    ///   - modulus: `n`, big-endian, without zeros in front; nil comes out for a size that is not accepted.
    ///   - exponent: `e`, likewise; odd, at least 3, at most 32 bits.
    package init?(modulus: [UInt8], exponent: [UInt8]) {
        guard let first = modulus.first, first != 0, modulus.count <= Self.sizes.upperBound / 8,
            (1...4).contains(exponent.count), exponent[0] != 0, exponent != [1],
            exponent.last?.isMultiple(of: 2) == false
        else { return nil }
        guard let key = unsafe Self.make(modulus, exponent) else { return nil }
        guard Self.sizes.contains(Int(unsafe EVP_PKEY_get_bits(key))) else {
            unsafe EVP_PKEY_free(key)
            return nil
        }
        self.key = Mutex(unsafe Handle(pointer: key))
    }

    deinit {
        key.withLock { unsafe EVP_PKEY_free($0.pointer) }
    }

    private static func make(_ modulus: [UInt8], _ exponent: [UInt8]) -> OpaquePointer? {
        let n = unsafe BN_bin2bn(modulus, Int32(modulus.count), nil)
        let e = unsafe BN_bin2bn(exponent, Int32(exponent.count), nil)
        let builder = unsafe OSSL_PARAM_BLD_new()
        let context = unsafe EVP_PKEY_CTX_new_from_name(nil, "RSA", nil)
        defer {
            unsafe BN_free(n)
            unsafe BN_free(e)
            unsafe OSSL_PARAM_BLD_free(builder)
            unsafe EVP_PKEY_CTX_free(context)
        }
        var key: OpaquePointer?
        guard unsafe OSSL_PARAM_BLD_push_BN(builder, RSA_MODULUS, n) == 1,
            unsafe OSSL_PARAM_BLD_push_BN(builder, RSA_EXPONENT, e) == 1,
            let parameters = unsafe OSSL_PARAM_BLD_to_param(builder)
        else { return nil }
        defer { unsafe OSSL_PARAM_free(parameters) }
        guard unsafe EVP_PKEY_fromdata_init(context) == 1,
            unsafe EVP_PKEY_fromdata(context, &key, PKEY_PUBLIC_HALF, parameters) == 1
        else { return nil }
        return unsafe key
    }

    /// Whether `signature` was made of the parts of a message, one after the other, with this key's private half.
    package func verifies(_ signature: [UInt8], of parts: [UInt8]...) -> Bool {
        key.withLock { key in
            guard let digest = unsafe EVP_MD_CTX_new() else { return false }
            defer { unsafe EVP_MD_CTX_free(digest) }
            // It belongs to `digest`.
            var padding: OpaquePointer?
            guard unsafe EVP_DigestVerifyInit(digest, &padding, EVP_sha256(), nil, key.pointer) == 1,
                unsafe EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) == 1,
                unsafe EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, Self.saltLength) == 1,
                unsafe EVP_PKEY_CTX_set_rsa_mgf1_md(padding, EVP_sha256()) == 1
            else { return false }
            for part in parts {
                guard unsafe EVP_DigestVerifyUpdate(digest, part, part.count) == 1 else { return false }
            }
            return unsafe EVP_DigestVerifyFinal(digest, signature, signature.count) == 1
        }
    }
}
