import Core
import Crypto
import CryptoExtras
import FoundationEssentials

/// The public keys of an identity provider, each bound to one algorithm (RFC 7517).
package struct VerificationKeys: Sendable {
    /// What a signature may be made with.
    ///
    /// Nothing symmetric, and never `none`.
    enum Algorithm: String, Sendable {
        case rs256 = "RS256"
        case ps256 = "PS256"
        case es256 = "ES256"
        case edDSA = "EdDSA"
    }

    private enum Key: Sendable {
        case rsa(_RSA.Signing.PublicKey)
        case p256(P256.Signing.PublicKey)
        case ed25519(Curve25519.Signing.PublicKey)
    }
    private let keys: [String: (algorithm: Algorithm, key: Key)]

    /// Keys that could not be used: of another kind, too short, without an id, or with one that occurs twice.
    package let skipped: Int

    /// Reads a JWK set, one key at a time: an unfamiliar key must not take the familiar ones with it.
    ///
    /// A set without a key that can be used is a set: its owner took all keys back.
    /// - Throws: ``Unusable`` when it is no JWK set.
    package init(jwks: [UInt8]) throws(Unusable) {
        struct Set: Decodable { let keys: [Lenient] }
        guard let set = try? JSONDecoder().decode(Set.self, from: Data(jwks)) else { throw Unusable() }
        var keys: [String: (algorithm: Algorithm, key: Key)] = [:]
        var twice: Swift.Set<String> = []
        for case .some(let jwk) in set.keys.prefix(100).map(\.key) {
            guard let id = jwk.kid, let key = jwk.key else { continue }
            if keys.updateValue(key, forKey: id) != nil { twice.insert(id) }
        }
        for id in twice { keys[id] = nil }
        self.keys = keys
        skipped = set.keys.count - keys.count
    }

    /// The document is no JWK set.
    package struct Unusable: Error {}

    package var isEmpty: Bool { keys.isEmpty }

    enum Verdict { case good, bad, unknownKey }

    /// Checks a signature under the key of that id.
    ///
    /// The algorithm is the key's; the token's own word must agree.
    func verify(_ signature: Data, of message: Data, keyID: String, algorithm: String) -> Verdict {
        guard let (own, key) = keys[keyID] else { return .unknownKey }
        guard own.rawValue == algorithm else { return .bad }
        let isGood =
            switch key {
            case .rsa(let key):
                key.isValidSignature(
                    _RSA.Signing.RSASignature(rawRepresentation: signature), for: SHA256.hash(data: message),
                    padding: own == .ps256 ? .PSS : .insecurePKCS1v1_5)
            case .p256(let key):
                (try? P256.Signing.ECDSASignature(rawRepresentation: signature)).map {
                    key.isValidSignature($0, for: message)
                } ?? false
            case .ed25519(let key): key.isValidSignature(signature, for: message)
            }
        return isGood ? .good : .bad
    }

    /// A JWK, or something that is none.
    private struct Lenient: Decodable {
        let key: JWK?
        init(from decoder: any Decoder) throws { key = try? JWK(from: decoder) }
    }

    private struct JWK: Decodable {
        let kty: String
        let kid: String?
        let alg: String?
        let use: String?
        let crv: String?
        let n: String?
        let e: String?
        let x: String?
        let y: String?

        /// The key with its algorithm; an RSA key that names none is for RS256, as providers who omit it mean.
        var key: (algorithm: Algorithm, key: Key)? {
            guard use == nil || use == "sig" else { return nil }
            switch (kty, alg) {
            case ("RSA", nil), ("RSA", "RS256"), ("RSA", "PS256"):
                // The library refuses less than 2048 bits.
                guard let n = n.flatMap({ Data(base64URL: $0) }), let e = e.flatMap({ Data(base64URL: $0) }),
                    let key = try? _RSA.Signing.PublicKey(n: n, e: e)
                else { return nil }
                return (alg == "PS256" ? .ps256 : .rs256, .rsa(key))
            case ("EC", nil), ("EC", "ES256"):
                guard crv == "P-256", let x = x.flatMap({ Data(base64URL: $0) }),
                    let y = y.flatMap({ Data(base64URL: $0) }),
                    let key = try? P256.Signing.PublicKey(rawRepresentation: x + y)
                else { return nil }
                return (.es256, .p256(key))
            case ("OKP", nil), ("OKP", "EdDSA"):
                guard crv == "Ed25519", let x = x.flatMap({ Data(base64URL: $0) }),
                    let key = try? Curve25519.Signing.PublicKey(rawRepresentation: x)
                else { return nil }
                return (.edDSA, .ed25519(key))
            default: return nil
            }
        }
    }
}

extension Data {
    /// Base64url without padding (RFC 7515 section 2), in its one spelling.
    init?(base64URL text: some StringProtocol) {
        guard let bytes = [UInt8](base64URL: text.utf8) else { return nil }
        self.init(bytes)
    }
}
