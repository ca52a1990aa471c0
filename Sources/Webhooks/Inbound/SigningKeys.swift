import Flatpeak
import Keys
import Logging
import Metrics
import Networking
import Resilience

/// Flatpeak's public keys from their one address.
final class SigningKeys: Sendable {
    private let known: RefreshedKeys<WebhookKeySet>

    /// - Parameter fetch: Reads the key set; throws, or returns nil, when that fails.
    init(
        fetch: @escaping @Sendable () async throws(DocumentFailure) -> [UInt8]?, time: ServiceClock, logger: Logger
    ) {
        known = RefreshedKeys(
            .init(life: .seconds(600), interval: .seconds(30)), time: time,
            read: { () throws(DocumentFailure) in
                guard let jwks = try await fetch() else { return nil }
                guard let keys = try? WebhookKeySet(jwks: jwks) else { throw .malformed }
                if keys.isEmpty {
                    logger.error("Flatpeak's key set holds no usable key: every delivery is refused")
                } else if keys.skipped > 0 {
                    logger.notice("signing keys of Flatpeak's were skipped", metadata: ["bff.count": "\(keys.skipped)"])
                }
                return keys
            },
            failed: { isAlarm, why in
                Counter(label: "connect_bff_webhook_key_failures_total").increment()
                logger.log(
                    level: isAlarm ? .error : .debug,
                    "Flatpeak's signing keys cannot be read; the last good ones stay in use for a day",
                    metadata: why.map { ["bff.why": "\($0)"] })
            })
    }

    /// Keeps the keys fresh until cancelled.
    func run() async { await known.run() }

    /// A key; nil for an id that is not known.
    func key(_ id: String) -> VerificationKey? { known.keys?[id] }

    /// Whether nothing is known of the keys.
    ///
    /// A set that was read and is empty is known: it revokes all keys.
    var isUnknown: Bool { known.keys == nil }

    /// Time since the keys were read; nil when there are none.
    var age: Duration? { known.age }

    /// Reads the keys for a delivery whose key is not known, once for all that wait.
    /// - Returns: False when too many wait already.
    @discardableResult
    func refresh() async -> Bool { await known.refresh() }
}
