package import Core
import Flatpeak
package import FoundationEssentials
package import HTTPTypes
package import Logging
import Metrics
package import Networking
import Resilience

/// Believes the bearer of the app's own identity provider.
package final class JWTAuthenticator: Authenticator {
    private let verifier: TokenVerifier
    private let known: RefreshedKeys<IdentityKeySet>
    private let now: @Sendable () -> Date
    private let time: ServiceClock
    private let logger: Logger
    package let headers: [HTTPField.Name] = []
    package let schemes = [AuthenticationScheme.bearer]

    /// How long keys that were fetched are as good as new.
    package static let remoteKeysLife = Duration.seconds(600)
    /// Unknown key ids cause at most one fetch in this time.
    private static let longestInterval = Duration.seconds(60)

    /// - Parameters:
    ///   - issuer: What `iss` must be, to the letter.
    ///   - audience: What must be in `aud`.
    ///   - keysLife: How long keys that were read are as good as new.
    ///   - fetch: Reads the provider's JWK set from its one place; throws, or returns nil, when that fails.
    package init(
        issuer: String, audience: String, keysLife: Duration = remoteKeysLife,
        fetch: @escaping @Sendable () async throws(DocumentFailure) -> [UInt8]?,
        now: @escaping @Sendable () -> Date, time: ServiceClock = .real, logger: Logger
    ) {
        verifier = TokenVerifier(.init(issuer: issuer, audience: audience))
        self.now = now
        self.time = time
        self.logger = logger
        known = RefreshedKeys(
            .init(life: keysLife, interval: min(keysLife, Self.longestInterval)), time: time,
            read: { () throws(DocumentFailure) in
                guard let jwks = try await fetch() else { return nil }
                guard let keys = try? IdentityKeySet(jwks: jwks) else { throw .malformed }
                if keys.isEmpty {
                    logger.error("the identity provider's key set holds no usable key: every token is refused")
                } else if keys.skipped > 0 {
                    logger.notice(
                        "keys of the identity provider were skipped", metadata: ["bff.count": "\(keys.skipped)"])
                }
                return keys
            },
            failed: { isAlarm, why in
                Counter(label: "connect_bff_identity_key_failures_total").increment()
                logger.log(
                    level: isAlarm ? .error : .debug,
                    "the identity provider's keys cannot be read; the last good ones stay in use for a day",
                    metadata: why.map { ["bff.why": "\($0)"] })
            })
    }

    /// Without keys that were read once, no caller can be known.
    package var isReady: Bool { known.wereRead }

    /// Keeps the keys fresh until cancelled.
    package var background: (@Sendable () async -> Void)? { { [known] in await known.run() } }

    /// Reads the keys now, since their source is said to have changed.
    package func reload() async { await known.reload() }

    package func provesSender(_ caller: Caller) -> Bool { true }

    package func isAddressed(by caller: Caller) -> Bool {
        // A service key is no JWT, and has an authenticator of its own.
        caller.bearer.map { $0.utf8.contains(UInt8(ascii: ".")) } ?? false
    }

    package func subject(of caller: Caller) async throws(BFFError) -> Subject {
        guard let token = caller.bearer else { throw .unauthenticated }
        do throws(JSONWebToken.Flaw) {
            return try validate(token)
        } catch .unknownKey, .ambiguousKey {
            // The provider may have rolled its keys.
            guard await known.refresh() else { throw .identityUnavailable(retryAfter: 1) }
        } catch {
            throw refusal(error)
        }
        do throws(JSONWebToken.Flaw) { return try validate(token) } catch { throw refusal(error) }
    }

    private func validate(_ token: String) throws(JSONWebToken.Flaw) -> Subject {
        guard let keys = known.keys else { throw .unknownKey }
        return try verifier.subject(of: token, under: keys, at: .init(wall: now(), monotonic: time.now()))
    }

    private func refusal(_ flaw: JSONWebToken.Flaw) -> BFFError {
        guard known.keys != nil else { return .identityUnavailable(retryAfter: known.retryAfter) }
        logger.info("a bearer was refused", metadata: ["bff.why": "\(flaw.rawValue)"])
        return .unauthenticated
    }
}
