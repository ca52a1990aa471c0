import COpenSSL

/// Message digests.
package enum Digest {
    /// The address of libcrypto's SHA-256, which stays loaded: fetching it by name takes a third of a short digest.
    private static let sha256Method = unsafe UInt(bitPattern: EVP_MD_fetch(nil, "SHA256", nil))

    /// SHA-256 (FIPS 180-4) of `bytes`: 32 bytes.
    package static func sha256(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        let input = Array(bytes)
        return unsafe [UInt8](unsafeUninitializedCapacity: 32) { output, count in
            let done = unsafe EVP_Digest(
                input, input.count, output.baseAddress, nil, OpaquePointer(bitPattern: sha256Method), nil)
            precondition(done == 1, "libcrypto has no SHA-256; OpenSSL.requireVersion3() is called first")
            count = 32
        }
    }

    /// HMAC-SHA-256 (RFC 2104) of `bytes`: 32 bytes.
    /// - Parameter key: Not empty.
    package static func hmacSHA256(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: 32) { output, count in
            var length = 0
            let done = unsafe EVP_Q_mac(
                nil, "HMAC", nil, "SHA256", nil, key, key.count, bytes, bytes.count, output.baseAddress, 32, &length)
            precondition(unsafe done != nil, "libcrypto has no HMAC; OpenSSL.requireVersion3() is called first")
            count = length
        }
    }

    /// Whether two digests or codes are equal, in a time that depends on their length alone.
    package static func isEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        unsafe one.count == other.count && CRYPTO_memcmp(one, other, one.count) == 0
    }

    /// A short name that distinguishes secrets: the first eight hexadecimal digits of the SHA-256 of a text.
    ///
    /// `printf %s SECRET | sha256sum` shows the same. It reveals nothing of a secret that cannot be guessed.
    package static func fingerprint(_ text: String) -> String {
        sha256(text.utf8).prefix(4).map { byte in
            let digits = String(byte, radix: 16)
            return byte < 16 ? "0\(digits)" : digits
        }.joined()
    }
}
