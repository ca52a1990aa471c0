import Core
import FoundationEssentials
import Keys
import Synchronization

/// Verifies users' tokens, and remembers for a minute those that were good: the driver of ``VerifiedTokenCache``.
final class TokenVerifier: Sendable {
    typealias Verify =
        @Sendable (
            _ token: String, _ keys: IdentityKeySet, _ expected: JSONWebToken.Expectations, _ now: Date
        ) throws(JSONWebToken.Flaw) -> JSONWebToken.Verified

    private let expected: JSONWebToken.Expectations
    private let verify: Verify
    private let cache = Mutex(VerifiedTokenCache())

    /// - Parameter verify: Verifies a token; its result depends on nothing but its parameters.
    init(
        _ expected: JSONWebToken.Expectations,
        verify: @escaping Verify = { (token, keys, expected, now) throws(JSONWebToken.Flaw) in
            try JSONWebToken.verify(token, under: keys, expected, at: now)
        }
    ) {
        self.expected = expected
        self.verify = verify
    }

    /// The subject of a token that is genuine, meant for us and valid at `now`.
    func subject(
        of token: String, under keys: IdentityKeySet, at now: VerifiedTokenCache.Time
    ) throws(JSONWebToken.Flaw) -> Subject {
        let digest = SHA256Digest(of: token.utf8)
        if let subject = cache.withLock({ $0.subject(of: digest, under: keys.id, at: now) }) { return subject }
        // Not in the lock: a signature takes the time of many look-ups.
        let verified = try verify(token, keys, expected, now.wall)
        cache.withLock { $0.insert(verified, for: digest, under: keys.id, at: now.monotonic) }
        return verified.subject
    }
}
