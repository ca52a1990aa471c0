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
    /// In the order of the set.
    ///
    /// Those that share an id are kept, since they make a token without an id ambiguous.
    private let keys: [(id: String?, algorithm: Algorithm, key: Key)]

    /// Keys that could not be used: of another kind, too short, or with an id that occurs twice.
    package let skipped: Int

    /// Reads a JWK set, one key at a time: an unfamiliar key must not take the familiar ones with it.
    ///
    /// A set without a key that can be used is a set: its owner took all keys back.
    /// - Throws: ``Unusable`` when it is no JWK set.
    package init(jwks: [UInt8]) throws(Unusable) {
        struct Set: Decodable { let keys: [Lenient] }
        guard let set = try? JSONDecoder().decode(Set.self, from: Data(jwks)) else { throw Unusable() }
        let keys = set.keys.prefix(100).compactMap(\.key).compactMap { jwk in
            jwk.key.map { (id: jwk.kid, algorithm: $0.algorithm, key: $0.key) }
        }
        self.keys = keys
        // Ids are compared as bytes: two spellings of one text are two ids.
        let counts = Dictionary(grouping: keys.compactMap(\.id).map { Array($0.utf8) }, by: \.self).mapValues(\.count)
        let usable = keys.count { key in key.id.map { counts[Array($0.utf8)] == 1 } ?? true }
        isEmpty = usable == 0
        skipped = set.keys.count - usable
    }

    /// The document is no JWK set.
    package struct Unusable: Error {}

    /// Whether no key can be used.
    package let isEmpty: Bool

    enum Verdict { case good, bad, unknownKey, ambiguous }

    /// Checks a signature under the key of that id.
    ///
    /// The algorithm is the key's; the token's own word must agree. Where the token, or the set, has no ids, the key is
    /// the only one of that algorithm, and of several none is tried. Such a key may have been rolled, which no id shows:
    /// when it does not fit, the key is unknown.
    func verify(_ signature: Data, of message: Data, keyID: String?, algorithm: String) -> Verdict {
        let named = keyID.map { id in keys.filter { $0.id.map { $0.utf8.elementsEqual(id.utf8) } ?? false } } ?? []
        let candidates: [(id: String?, algorithm: Algorithm, key: Key)]
        if named.isEmpty {
            candidates = keys.filter { (keyID == nil || $0.id == nil) && $0.algorithm.rawValue == algorithm }
        } else {
            candidates = named
        }
        guard let (id, own, key) = candidates.first else { return .unknownKey }
        guard candidates.count == 1 else { return .ambiguous }
        // One that shares its id with a key of another algorithm cannot be distinguished from that one.
        if let id, keys.count(where: { $0.id.map { $0.utf8.elementsEqual(id.utf8) } ?? false }) > 1 {
            return .ambiguous
        }
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
        return isGood ? .good : named.isEmpty ? .unknownKey : .bad
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
