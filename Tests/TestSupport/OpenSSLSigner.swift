import Foundation

/// An RSA key of the `openssl` program's, and signatures by it.
package struct OpenSSLSigner {
    package let openssl: OpenSSLProgram

    /// - Parameter bits: The size of the key.
    package init(bits: Int = 2048) throws {
        openssl = try OpenSSLProgram()
        try openssl.run("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:\(bits)", "-out", "rsa.pem")
    }

    /// How a signature is made; valid by default.
    package struct Recipe: Sendable {
        package var digest = "sha256"
        /// `pss` or `pkcs1`.
        package var padding = "pss"
        package var mask = "sha256"
        /// In bytes.
        package var salt = 32

        package init() {}

        package init(digest: String = "sha256", padding: String = "pss", mask: String = "sha256", salt: Int = 32) {
            self.digest = digest
            self.padding = padding
            self.mask = mask
            self.salt = salt
        }
    }

    package func sign(_ message: [UInt8], _ recipe: Recipe = Recipe()) throws -> [UInt8] {
        let name = "signed-\(UUID())"
        try openssl.write(Data(message), to: name)
        if recipe.padding == "pkcs1" {
            return Array(try openssl.run("dgst", "-\(recipe.digest)", "-sign", "rsa.pem", name))
        }
        return Array(
            try openssl.run(
                "dgst", "-\(recipe.digest)", "-sign", "rsa.pem", "-sigopt", "rsa_padding_mode:pss", "-sigopt",
                "rsa_pss_saltlen:\(recipe.salt)", "-sigopt", "rsa_mgf1_md:\(recipe.mask)", name))
    }

    /// The modulus, big-endian.
    package func modulus() throws -> [UInt8] {
        let text = String(decoding: try openssl.run("rsa", "-in", "rsa.pem", "-modulus", "-noout"), as: UTF8.self)
        let digits = text.drop { $0 != "=" }.dropFirst().compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    /// The public half as a JWK.
    package func jwk(_ id: String, e: String = "AQAB", more: String = #","alg":"PS256","use":"sig""#) throws -> String {
        #"{"kty":"RSA","kid":"\#(id)","n":"\#(base64URL(try modulus()))","e":"\#(e)"\#(more)}"#
    }

    package func remove() {
        openssl.remove()
    }
}

/// Base64url without padding (RFC 7515 section 2).
package func base64URL(_ bytes: some Sequence<UInt8>) -> String {
    Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
}
