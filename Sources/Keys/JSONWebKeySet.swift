import Core
import FoundationEssentials

/// A JWK set (RFC 7517 section 5), read one key at a time: a bad or unfamiliar key does not take the others with it.
///
/// A set without a usable key is a set: its owner revoked all keys.
package struct JSONWebKeySet: Sendable {
    /// In the order of the document.
    ///
    /// Which of them count, and what an id that occurs twice means, is up to the reader.
    package let entries: [Entry]

    /// One member of `keys`, whatever it is.
    package struct Entry: Sendable {
        /// `kid`, as it stands there.
        package let id: String?
        /// `nil` for a key that is of another kind or for another use, that is unsafe, or that is none.
        package let key: VerificationKey?
    }

    /// The most keys that are read; those after them are entries without a key.
    package static let mostKeys = 100

    /// - Parameter bareRSA: The algorithm of an RSA key that names none.
    /// - Throws: ``Malformed`` when the document is no JWK set.
    package init(_ document: [UInt8], bareRSA: JWSAlgorithm) throws(Malformed) {
        struct Document: Decodable { let keys: [Lenient] }
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(document)) else { throw Malformed() }
        entries = document.keys.enumerated().map { index, entry in
            Entry(id: entry.jwk?.kid, key: index < Self.mostKeys ? entry.jwk?.key(bareRSA: bareRSA) : nil)
        }
    }

    /// The document is no JWK set.
    package struct Malformed: Error {
        package init() {}
    }

    /// A JWK, or something that is none.
    private struct Lenient: Decodable {
        let jwk: JWK?
        init(from decoder: any Decoder) throws { jwk = try? JWK(from: decoder) }
    }

    /// The parameters that are read (RFC 7518 section 6, RFC 8037 section 2); certificates are not among them.
    private struct JWK: Decodable {
        let kty: String?
        let kid: String?
        let alg: String?
        let use: String?
        let crv: String?
        let n: String?
        let e: String?
        let x: String?
        let y: String?

        func key(bareRSA: JWSAlgorithm) -> VerificationKey? {
            guard use == nil || use == "sig" else { return nil }
            switch (kty, alg, crv) {
            case ("RSA", nil, _), ("RSA", "RS256", _), ("RSA", "PS256", _):
                // Some providers write the zero in front that keeps the number positive in their language.
                guard let n = bytes(n)?.drop(while: { $0 == 0 }), let e = bytes(e)?.drop(while: { $0 == 0 }) else {
                    return nil
                }
                let algorithm = alg.flatMap(JWSAlgorithm.init) ?? bareRSA
                return VerificationKey(modulus: Array(n), exponent: Array(e), algorithm: algorithm)
            case ("EC", nil, "P-256"), ("EC", "ES256", "P-256"):
                guard let x = bytes(x), let y = bytes(y) else { return nil }
                return VerificationKey(p256: x, y)
            case ("OKP", nil, "Ed25519"), ("OKP", "EdDSA", "Ed25519"):
                return bytes(x).flatMap { VerificationKey(ed25519: $0) }
            default: return nil
            }
        }

        private func bytes(_ text: String?) -> [UInt8]? { text.flatMap { [UInt8](base64URL: $0.utf8) } }
    }
}
