import Core
import Flatpeak
import FoundationEssentials
import Gateway
import HTTPTypes
import Metrics
import Sessions
import Telemetry
import Webhooks

/// How the service stands at one moment, for `/status` and `/metrics`.
struct Condition: Sendable {
    let flatpeak: FlatpeakCondition
    let isReady: Bool
    let store: (pendingWrites: Int, isHealthy: Bool)
    let webhooks: WebhookFacts
    /// A short name of the key that seals; nil for the one beside the database.
    let stateKey: String?
    let events: EventDelivery.Standing
    let requests: (underWay: Int, waiting: Int)
    let process: ProcessUsage?
    let now: Date

    /// Tells swift-metrics what is only looked at when somebody asks.
    func record() {
        flatpeak.record()
        webhooks.record()
        Gauge(label: "connect_bff_ready").record(isReady ? 1 : 0)
        Gauge(label: "connect_bff_store_pending_sessions").record(store.pendingWrites)
        Gauge(label: "connect_bff_store_healthy").record(store.isHealthy ? 1 : 0)
        Gauge(label: "connect_bff_requests_under_way").record(requests.underWay)
        Gauge(label: "connect_bff_requests_waiting").record(requests.waiting)
        process?.record()
    }

    /// The page for people.
    var json: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return ((try? encoder.encode(Page(self))).map(Array.init) ?? []) + [UInt8(ascii: "\n")]
    }

    private struct Page: Encodable {
        struct Flatpeak: Encodable {
            let loggedIn: Bool
            let keyInUse: Int
            /// The first digits of the key's SHA-256.
            let keyFingerprint: String?
            let bearerAgeSeconds: Int?
            let bearerRemainingSeconds: Int?
            /// The public code of why the last login failed.
            let loginTrouble: String?
            let loginTodo: String?
            let breakers: [String: String]
            let retriesLeft: Int
            let apiVersion: String
            let apiVersionRefused: Bool
            let apiVersionTodo: String?
        }
        struct Store: Encodable {
            let healthy: Bool
            let pendingSessions: Int
            let stateKeyFingerprint: String?
        }

        struct Events: Encodable {
            /// Whether BFF_EVENTS_URL is set.
            let delivered: Bool
            let receiverSlowed: Bool
            let pending: Int?
            let dead: Int?
        }

        let ready: Bool
        let startedAt: Date?
        let uptimeSeconds: Int?
        let flatpeak: Flatpeak
        let store: Store
        let webhooks: WebhookFacts
        let events: Events
        let requestsUnderWay: Int
        let requestsWaiting: Int
        let residentBytes: Int?
        let openFiles: Int?

        init(_ condition: Condition) {
            let login = condition.flatpeak.login
            let open = condition.flatpeak.openBreakers
            ready = condition.isReady
            startedAt = condition.process.map { Date(timeIntervalSince1970: $0.startedAt) }
            uptimeSeconds = startedAt.map { Int(saturating: condition.now.timeIntervalSince($0)) }
            flatpeak = Flatpeak(
                loggedIn: login.left.map { $0 > .zero } ?? false, keyInUse: login.key,
                keyFingerprint: login.fingerprint,
                bearerAgeSeconds: login.age?.saturatingWholeSeconds,
                bearerRemainingSeconds: login.left?.saturatingWholeSeconds,
                loginTrouble: login.trouble?.code, loginTodo: login.trouble?.detail,
                breakers: Dictionary(
                    uniqueKeysWithValues: Operation.Breaker.allCases.map {
                        ($0.rawValue, open.contains($0) ? "open" : "closed")
                    }), retriesLeft: condition.flatpeak.retriesLeft,
                apiVersion: condition.flatpeak.version.rawValue,
                apiVersionRefused: condition.flatpeak.isVersionRefused,
                apiVersionTodo: condition.flatpeak.isVersionRefused
                    ? BFFError.upstreamVersionNotSupported.detail : nil)
            store = Store(
                healthy: condition.store.isHealthy, pendingSessions: condition.store.pendingWrites,
                stateKeyFingerprint: condition.stateKey)
            webhooks = condition.webhooks
            events = Events(
                delivered: condition.events.hasReceiver, receiverSlowed: condition.events.isSlowed,
                pending: condition.events.counts?.pending, dead: condition.events.counts?.dead)
            requestsUnderWay = condition.requests.underWay
            requestsWaiting = condition.requests.waiting
            residentBytes = condition.process?.residentBytes
            openFiles = condition.process?.openFiles
        }
    }
}

extension Route {
    /// `GET /metrics` and `GET /status`, for the admin listener alone.
    static func forOperators(
        _ metrics: PrometheusRegistry, _ condition: @escaping @Sendable () -> Condition
    ) -> [Route] {
        [
            Route(
                .get, "/metrics", .open,
                .anyone { _ in
                    condition().record()
                    return Reply(.ok, contentType: PrometheusRegistry.contentType, body: Array(metrics.text().utf8))
                }), Route(.get, "/status", .open, .anyone { _ in .json(condition().json) }),
        ]
    }
}
