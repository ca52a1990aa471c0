import Core
package import Keys

/// The public keys of an identity provider, and which of them a token is verified with.
package struct IdentityKeySet: Sendable {
    /// A key that can be used; those that share an id are kept, since they make a token without an id ambiguous.
    private struct Candidate {
        /// As bytes: two spellings of one text are two ids.
        let id: [UInt8]?
        let key: VerificationKey
        /// Whether other keys have this id, too, and which one is meant is unknown.
        let sharesID: Bool
    }
    /// Names the document that it was read from: equal ids are equal keys.
    let id: SHA256Digest

    /// In the order of the set.
    private let candidates: [Candidate]

    /// Keys that cannot be used: of another kind, unsafe, or with an id that occurs twice.
    package let skipped: Int

    /// Whether no key can be used.
    package let isEmpty: Bool

    /// - Throws: ``JSONWebKeySet/Malformed`` when it is no JWK set.
    package init(jwks: [UInt8]) throws(JSONWebKeySet.Malformed) {
        id = SHA256Digest(of: jwks)
        // Providers who leave `alg` out mean RS256.
        let entries = try JSONWebKeySet(jwks, bareRSA: .rs256).entries
        let usable = entries.compactMap { entry in entry.key.map { (id: entry.id.map { Array($0.utf8) }, key: $0) } }
        let counts = usable.reduce(into: [:]) { counts, key in counts[key.id, default: 0] += 1 }
        candidates = usable.map { id, key in
            Candidate(id: id, key: key, sharesID: id != nil && counts[id, default: 0] > 1)
        }
        let distinct = candidates.count { !$0.sharesID }
        skipped = entries.count - distinct
        isEmpty = distinct == 0
    }

    enum Verdict { case good, bad, unknownKey, ambiguous }

    /// Checks a signature under the key of that id.
    ///
    /// The algorithm is the key's; the token's own word must agree. Where the token, or the set, has no ids, the key is
    /// the only one of that algorithm, and of several none is tried. Such a key may have been rolled, which no id shows:
    /// when it does not fit, the key is unknown.
    func verify(_ signature: [UInt8], of message: [UInt8], keyID: String?, algorithm: String) -> Verdict {
        let id = keyID.map { Array($0.utf8) }
        let named = id == nil ? [] : candidates.filter { $0.id == id }
        let fitting =
            named.isEmpty
            ? candidates.filter { (id == nil || $0.id == nil) && $0.key.algorithm.rawValue.equalsBytes(of: algorithm) }
            : named
        guard let candidate = fitting.first else { return .unknownKey }
        // One that shares its id with a key of another algorithm cannot be distinguished from that one.
        guard fitting.count == 1, !candidate.sharesID else { return .ambiguous }
        guard candidate.key.algorithm.rawValue.equalsBytes(of: algorithm) else { return .bad }
        if candidate.key.verifies(signature, of: message) { return .good }
        return named.isEmpty ? .unknownKey : .bad
    }
}
