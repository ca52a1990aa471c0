import COpenSSL
import Synchronization

/// A public key that verifies signatures of the one algorithm that it is bound to.
///
/// Built once from the numbers of a JWK and kept. Nothing in a message chooses the algorithm.
package final class VerificationKey: Sendable {
    package let algorithm: JWSAlgorithm
    /// The size of the key.
    package let bits: Int
    /// In bytes.
    ///
    /// libcrypto takes a shorter RSA signature for one with zeros in front; RFC 8017 section 8 does not.
    private let signatureLength: Int
    /// Several, so that as many cores verify under one key at a time.
    private let contexts: [Context]

    /// The sizes of an RSA modulus that are accepted, in bits: shorter ones can be broken, longer ones cost too much.
    package static let rsaSizes = 2048...8192
    private static let contextCount = 4
    private static let coordinateLength = 32

    /// Builds an RSA key: RSASSA-PKCS1-v1_5 with SHA-256, or RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of
    /// exactly 32 bytes (RFC 7518 sections 3.3 and 3.5).
    /// - Parameters:
    ///   - modulus: `n`, big-endian, without zeros in front; odd, of one of ``rsaSizes``.
    ///   - exponent: `e`, big-endian, without zeros in front; odd, at least 3, at most 32 bits.
    ///   - algorithm: `rs256` or `ps256`.
    package convenience init?(modulus: [UInt8], exponent: [UInt8], algorithm: JWSAlgorithm) {
        guard algorithm == .rs256 || algorithm == .ps256, let first = modulus.first, first != 0,
            modulus.last?.isMultiple(of: 2) == false, modulus.count <= Self.rsaSizes.upperBound / 8,
            (1...4).contains(exponent.count), exponent[0] != 0, exponent != [1],
            exponent.last?.isMultiple(of: 2) == false
        else { return nil }
        let bits = modulus.count * 8 - first.leadingZeroBitCount
        guard Self.rsaSizes.contains(bits) else { return nil }
        self.init(
            algorithm, bits: bits, signatureLength: modulus.count, .rsa(modulus: modulus, exponent: exponent))
    }

    /// Builds a key of ES256: ECDSA on P-256 with SHA-256, signatures of 64 raw bytes (RFC 7518 section 3.4).
    /// - Parameters:
    ///   - x: Big-endian, 32 bytes.
    ///   - y: Big-endian, 32 bytes; the point must be on the curve.
    package convenience init?(p256 x: [UInt8], _ y: [UInt8]) {
        guard x.count == Self.coordinateLength, y.count == Self.coordinateLength else { return nil }
        self.init(.es256, bits: 256, signatureLength: 2 * Self.coordinateLength, .p256(point: [4] + x + y))
    }

    /// Builds a key of EdDSA on Ed25519 (RFC 8037 section 3.1).
    /// - Parameter x: 32 bytes. Those of no point of the curve make a key that verifies nothing.
    package convenience init?(ed25519 x: [UInt8]) {
        self.init(.edDSA, bits: 256, signatureLength: 64, .ed25519(x))
    }

    private init?(_ algorithm: JWSAlgorithm, bits: Int, signatureLength: Int, _ parameters: KeyParameters) {
        self.algorithm = algorithm
        self.bits = bits
        self.signatureLength = signatureLength
        contexts = (0..<Self.contextCount).compactMap { _ in Context(parameters, algorithm) }
        guard contexts.count == Self.contextCount else { return nil }
    }

    /// Whether `signature` was made of the parts of a message, one after the other, with the private half of this key.
    package func verifies(_ signature: [UInt8], of parts: [UInt8]...) -> Bool {
        guard signature.count == signatureLength else { return false }
        let message = parts.count == 1 ? parts[0] : parts.reduce(into: []) { $0 += $1 }
        let input = algorithm == .edDSA ? message : Digest.sha256(message)
        let signature = algorithm == .es256 ? Self.der(signature) : signature
        for context in contexts {
            if let verdict = context.verifiesUnlessBusy(signature, of: input) { return verdict }
        }
        return contexts.randomElement()?.verifies(signature, of: input) ?? false
    }

    /// The DER form (RFC 3279 section 2.2.3) of the two numbers of an ECDSA signature.
    private static func der(_ raw: [UInt8]) -> [UInt8] {
        let integers = [raw.prefix(coordinateLength), raw.dropFirst(coordinateLength)].flatMap { number in
            var digits = Array(number.drop { $0 == 0 })
            // The first bit is the sign.
            if digits.first.map({ $0 >= 0x80 }) ?? true { digits.insert(0, at: 0) }
            return [0x02, UInt8(truncatingIfNeeded: digits.count)] + digits
        }
        return [0x30, UInt8(truncatingIfNeeded: integers.count)] + integers
    }
}

/// A libcrypto context that holds a key and its algorithm, and serves one verification at a time.
private final class Context: Sendable {
    private let handle: Mutex<Handle>
    private let algorithm: JWSAlgorithm

    /// An `EVP_PKEY_CTX`, freed with the object that holds it.
    @safe private struct Handle {
        let pointer: OpaquePointer
    }

    init?(_ parameters: KeyParameters, _ algorithm: JWSAlgorithm) {
        guard let key = unsafe parameters.makeKey() else { return nil }
        let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, key, nil)
        // The context has a reference of its own.
        unsafe EVP_PKEY_free(key)
        guard let context = unsafe context else { return nil }
        guard unsafe Self.prepare(context, algorithm) else {
            unsafe EVP_PKEY_CTX_free(context)
            return nil
        }
        self.algorithm = algorithm
        handle = Mutex(unsafe Handle(pointer: context))
    }

    deinit {
        handle.withLock { unsafe EVP_PKEY_CTX_free($0.pointer) }
    }

    /// Sets what a signature must be made with, once for all verifications.
    private static func prepare(_ context: OpaquePointer, _ algorithm: JWSAlgorithm) -> Bool {
        // Ed25519 hashes by itself, in one call that takes the message.
        if algorithm == .edDSA { return true }
        guard unsafe EVP_PKEY_verify_init(context) == 1,
            unsafe EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1
        else { return false }
        switch algorithm {
        case .rs256:
            return unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1
        case .ps256:
            return unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1
                && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, 32) == 1
                && EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1
        case .es256, .edDSA:
            return true
        }
    }

    /// - Parameter input: The message for EdDSA, else its digest.
    func verifies(_ signature: [UInt8], of input: [UInt8]) -> Bool {
        handle.withLock { unsafe verifies(signature, of: input, in: $0.pointer) }
    }

    /// - Returns: `nil` while the context serves another verification.
    func verifiesUnlessBusy(_ signature: [UInt8], of input: [UInt8]) -> Bool? {
        handle.withLockIfAvailable { unsafe verifies(signature, of: input, in: $0.pointer) }
    }

    private func verifies(_ signature: [UInt8], of input: [UInt8], in context: OpaquePointer) -> Bool {
        guard algorithm == .edDSA else {
            return unsafe EVP_PKEY_verify(context, signature, signature.count, input, input.count) == 1
        }
        guard let digest = unsafe EVP_MD_CTX_new() else { return false }
        defer { unsafe EVP_MD_CTX_free(digest) }
        return unsafe EVP_DigestVerifyInit(digest, nil, nil, nil, EVP_PKEY_CTX_get0_pkey(context)) == 1
            && EVP_DigestVerify(digest, signature, signature.count, input, input.count) == 1
    }
}

/// The numbers of a public key, big-endian.
private enum KeyParameters {
    case rsa(modulus: [UInt8], exponent: [UInt8])
    /// Uncompressed (SEC 1 section 2.3.3).
    case p256(point: [UInt8])
    case ed25519([UInt8])

    /// An `EVP_PKEY` that the caller frees; `nil` for numbers that make none.
    func makeKey() -> OpaquePointer? {
        switch self {
        case .rsa(let modulus, let exponent):
            let n = unsafe BN_bin2bn(modulus, Int32(modulus.count), nil)
            let e = unsafe BN_bin2bn(exponent, Int32(exponent.count), nil)
            defer {
                unsafe BN_free(n)
                unsafe BN_free(e)
            }
            return unsafe Self.makeKey(of: "RSA") { builder in
                unsafe OSSL_PARAM_BLD_push_BN(builder, RSA_MODULUS, n) == 1
                    && OSSL_PARAM_BLD_push_BN(builder, RSA_EXPONENT, e) == 1
            }
        case .p256(let point):
            // The builder reads the point when it is done, so that it must stay where it is until then.
            return unsafe point.withUnsafeBytes { point in
                unsafe Self.makeKey(of: "EC") { builder in
                    unsafe OSSL_PARAM_BLD_push_utf8_string(builder, EC_GROUP_NAME, EC_P256, 0) == 1
                        && OSSL_PARAM_BLD_push_octet_string(builder, EC_POINT_BYTES, point.baseAddress, point.count)
                            == 1
                }
            }
        case .ed25519(let bytes):
            return unsafe EVP_PKEY_new_raw_public_key_ex(nil, "ED25519", nil, bytes, bytes.count)
        }
    }

    private static func makeKey(of type: String, _ push: (OpaquePointer) -> Bool) -> OpaquePointer? {
        guard let builder = unsafe OSSL_PARAM_BLD_new() else { return nil }
        defer { unsafe OSSL_PARAM_BLD_free(builder) }
        guard unsafe push(builder), let parameters = unsafe OSSL_PARAM_BLD_to_param(builder) else { return nil }
        defer { unsafe OSSL_PARAM_free(parameters) }
        let context = unsafe EVP_PKEY_CTX_new_from_name(nil, type, nil)
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard unsafe EVP_PKEY_fromdata_init(context) == 1,
            unsafe EVP_PKEY_fromdata(context, &key, PKEY_PUBLIC_HALF, parameters) == 1
        else { return nil }
        return unsafe key
    }
}
