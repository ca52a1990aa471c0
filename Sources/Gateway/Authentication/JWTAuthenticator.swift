package import Core
package import FoundationEssentials
package import HTTPTypes
package import Logging
import Resilience
import Synchronization

/// Believes the bearer of the app's own identity provider.
package final class JWTAuthenticator: Authenticator {
    private let expected: JSONWebToken.Expectations
    private let fetch: @Sendable () async -> [UInt8]?
    private let now: @Sendable () -> Date
    private let monotonic: @Sendable () -> ContinuousClock.Instant
    private let logger: Logger
    private let state = Mutex(State())
    private let flight = SingleFlight<Int, Void>()
    package let headers: [HTTPField.Name] = []

    private struct State {
        var keys: VerificationKeys?
        var fetchedAt: ContinuousClock.Instant?
        var triedAt: ContinuousClock.Instant?
    }

    /// How long keys that were fetched are good; the last good ones stay when new ones cannot be had.
    package static let remoteKeysLife = Duration.seconds(600)
    /// However many unknown key ids come, keys are asked for at most this often.
    private static let longestPause = Duration.seconds(60)
    private let keysLife: Duration

    /// - Parameters:
    ///   - issuer: What `iss` must be, to the letter.
    ///   - audience: What must be in `aud`.
    ///   - keysLife: How long keys that were read are good.
    ///   - fetch: Reads the provider's JWK set from its one place; nil when that fails.
    package init(
        issuer: String, audience: String, keysLife: Duration = remoteKeysLife,
        fetch: @escaping @Sendable () async -> [UInt8]?,
        now: @escaping @Sendable () -> Date,
        monotonic: @escaping @Sendable () -> ContinuousClock.Instant = { .now }, logger: Logger
    ) {
        expected = .init(issuer: issuer, audience: audience)
        self.keysLife = keysLife
        self.fetch = fetch
        self.now = now
        self.monotonic = monotonic
        self.logger = logger
    }

    package func provesSender(_ caller: Caller) -> Bool { true }

    package func isAddressed(by caller: Caller) -> Bool {
        // A service key is no JWT, and has an authenticator of its own.
        caller.bearer.map { $0.contains(".") } ?? false
    }

    package func subject(of caller: Caller) async throws(BFFError) -> Subject {
        guard let token = caller.bearer else { throw .unauthenticated }
        await refresh { [keysLife] state, now in
            state.keys == nil || state.fetchedAt.map { $0.duration(to: now) >= keysLife } ?? true
        }
        do throws(JSONWebToken.Flaw) {
            return try judge(token)
        } catch .unknownKey {
            // The provider may have rolled its keys.
            await refresh { _, _ in true }
        } catch {
            throw refusal(error)
        }
        do throws(JSONWebToken.Flaw) { return try judge(token) } catch { throw refusal(error) }
    }

    private func judge(_ token: String) throws(JSONWebToken.Flaw) -> Subject {
        guard let keys = state.withLock({ $0.keys }) else { throw .unknownKey }
        return try JSONWebToken.subject(of: token, under: keys, expected, at: now())
    }

    private func refusal(_ flaw: JSONWebToken.Flaw) -> BFFError {
        guard state.withLock({ $0.keys != nil }) else { return .identityUnavailable }
        logger.info("a bearer was refused", metadata: ["bff.why": "\(flaw.rawValue)"])
        return .unauthenticated
    }

    /// Asks for the keys if `isWanted` says so and the last try is long enough ago; once for all who wait.
    private func refresh(_ isWanted: @escaping @Sendable (State, ContinuousClock.Instant) -> Bool) async {
        let isDue: @Sendable () -> Bool = { [self] in
            state.withLock { state in
                let now = monotonic()
                guard isWanted(state, now) else { return false }
                return state.triedAt.map { $0.duration(to: now) >= min(keysLife, Self.longestPause) } ?? true
            }
        }
        guard isDue() else { return }
        await flight.value(for: 0) { [self] in
            guard isDue() else { return }
            state.withLock { $0.triedAt = monotonic() }
            guard let jwks = await fetch(), let keys = try? VerificationKeys(jwks: jwks) else {
                logger.error("the identity provider's keys cannot be read; the last good ones stay in use")
                return
            }
            if keys.skipped > 0 {
                logger.notice("keys of the identity provider were skipped", metadata: ["bff.count": "\(keys.skipped)"])
            }
            state.withLock { state in
                state.keys = keys
                state.fetchedAt = monotonic()
            }
        }
    }
}
