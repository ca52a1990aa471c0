import Wire
import Core
import FoundationEssentials

/// The keys of a JWK set (RFC 7517) with which PS256 signatures can be checked, by their ids.
package struct PSSKeySet: Sendable {
    private let keys: [String: PSSKey]
    /// Keys that could not be used: of another kind, too short or too long, without an id, or with one that occurs
    /// twice.
    package let skipped: Int

    /// The longest set that is read, in bytes, and the most keys that it may hold.
    package static let longest = 64 << 10
    private static let most = 100

    /// Reads a set, one key at a time: an unfamiliar key must not take the familiar ones with it.
    ///
    /// A set without a key that can be used is a set: its owner took all keys back.
    /// - Throws: ``Unusable`` when it is no JWK set, or an oversized one.
    package init(jwks: [UInt8]) throws(Unusable) {
        struct Entries: Decodable { let keys: [Entry] }
        guard jwks.count <= Self.longest, JSONScanner.scan(jwks.span),
            let entries = try? JSONDecoder().decode(Entries.self, from: Data(jwks)), entries.keys.count <= Self.most
        else { throw Unusable() }
        // Which of two keys is meant by one id, nobody knows.
        let counts = entries.keys.reduce(into: [:]) { counts, entry in counts[entry.id ?? "", default: 0] += 1 }
        keys = entries.keys.reduce(into: [:]) { keys, entry in
            guard let id = entry.id, counts[id] == 1 else { return }
            keys[id] = entry.key
        }
        skipped = entries.keys.count - keys.count
    }

    /// The document is no JWK set that can be read.
    package struct Unusable: Error {}

    package var isEmpty: Bool { keys.isEmpty }

    package subscript(id: String) -> PSSKey? { keys[id] }

    /// An entry of the set, whatever it is.
    private struct Entry: Decodable {
        let id: String?
        let key: PSSKey?

        init(from decoder: any Decoder) throws {
            let jwk = try? JWK(from: decoder)
            id = jwk?.kid.flatMap { (1...128).contains($0.utf8.count) ? $0 : nil }
            key = jwk?.key
        }
    }

    private struct JWK: Decodable {
        let kty: String?
        let kid: String?
        let alg: String?
        let use: String?
        let n: String?
        let e: String?

        var key: PSSKey? {
            guard kty == "RSA", alg == nil || alg == "PS256", use == nil || use == "sig",
                let n = n.flatMap({ [UInt8](base64URL: $0.utf8) }), let e = e.flatMap({ [UInt8](base64URL: $0.utf8) })
            else { return nil }
            return PSSKey(modulus: n, exponent: e)
        }
    }
}
