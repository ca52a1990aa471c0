import Keys
import Wire

/// Flatpeak's public keys, by their ids (upstream.md §5.4): RSA for PS256, each id once.
struct WebhookKeySet: Sendable {
    /// By the bytes of their ids.
    private let keys: [[UInt8]: VerificationKey]
    /// Keys that cannot be used: of another kind, too short or too long, without an id, or with one that occurs twice.
    let skipped: Int

    /// The longest set that is read, in bytes.
    static let longest = 64 << 10
    /// The longest key, in bits: the header of a delivery has room for no longer signature.
    private static let longestKey = 4096
    private static let idLengths = 1...128

    /// - Throws: ``JSONWebKeySet/Malformed`` when it is no JWK set in strict JSON, or an oversized one.
    init(jwks: [UInt8]) throws(JSONWebKeySet.Malformed) {
        guard jwks.count <= Self.longest, JSONScanner.scan(jwks.span) else { throw JSONWebKeySet.Malformed() }
        let entries = try JSONWebKeySet(jwks, bareRSA: .ps256).entries
        guard entries.count <= JSONWebKeySet.mostKeys else { throw JSONWebKeySet.Malformed() }
        // Which of two keys is meant by one id is unknown, even where one of them is of no use.
        let counts = Dictionary(grouping: entries) { Array(($0.id ?? "").utf8) }.mapValues(\.count)
        keys = entries.reduce(into: [:]) { keys, entry in
            guard let id = entry.id.map({ Array($0.utf8) }), Self.idLengths.contains(id.count), counts[id] == 1,
                let key = entry.key, key.algorithm == .ps256, key.bits <= Self.longestKey
            else { return }
            keys[id] = key
        }
        skipped = entries.count - keys.count
    }

    var isEmpty: Bool { keys.isEmpty }

    subscript(id: String) -> VerificationKey? { keys[Array(id.utf8)] }
}
