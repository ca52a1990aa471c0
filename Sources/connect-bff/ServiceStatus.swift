import Core
import Flatpeak
import FoundationEssentials
import Gateway
import HTTPTypes
import Metrics
import Resilience
import Sessions
import Telemetry
import Webhooks

/// The status of the whole service at one time, for `/status` and `/metrics`.
struct ServiceStatus: Sendable {
    let flatpeak: FlatpeakStatus
    let isReady: Bool
    let store: (pendingWrites: Int, isHealthy: Bool)
    let webhooks: WebhookStatus
    /// The fingerprint of the key that seals connect tokens; `nil` for the key beside the database.
    let stateKey: String?
    let events: EventDelivery.Status
    let requests: (inFlight: Int, waiting: Int)
    let process: ProcessUsage?
    let now: Date

    /// Records the gauges that are only computed for a scrape.
    func record() {
        flatpeak.record()
        webhooks.record()
        Gauge(label: "connect_bff_build_info", dimensions: Build.current.labels).record(1)
        Gauge(label: "connect_bff_ready").record(isReady ? 1 : 0)
        Gauge(label: "connect_bff_store_pending_sessions").record(store.pendingWrites)
        Gauge(label: "connect_bff_store_healthy").record(store.isHealthy ? 1 : 0)
        Gauge(label: "connect_bff_requests_in_flight").record(requests.inFlight)
        Gauge(label: "connect_bff_requests_waiting").record(requests.waiting)
        process?.record()
    }

    /// The body of `/status`.
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
            /// The error code of the last login, if it failed.
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

        let build = Build.current
        let ready: Bool
        let startedAt: Date?
        let uptimeSeconds: Int?
        let flatpeak: Flatpeak
        let store: Store
        let webhooks: WebhookStatus
        let events: Events
        let requestsInFlight: Int
        let requestsWaiting: Int
        let residentBytes: Int?
        let openFiles: Int?

        init(_ status: ServiceStatus) {
            let login = status.flatpeak.login
            let open = status.flatpeak.openBreakers
            ready = status.isReady
            startedAt = status.process.map { Date(timeIntervalSince1970: $0.startedAt) }
            uptimeSeconds = startedAt.map { Int(saturating: status.now.timeIntervalSince($0)) }
            flatpeak = Flatpeak(
                loggedIn: login.left.map { $0 > .zero } ?? false, keyInUse: login.key,
                keyFingerprint: login.fingerprint,
                bearerAgeSeconds: login.age?.saturatingWholeSeconds,
                bearerRemainingSeconds: login.left?.saturatingWholeSeconds,
                loginTrouble: login.trouble?.code, loginTodo: login.trouble?.detail,
                breakers: Dictionary(
                    uniqueKeysWithValues: Operation.Breaker.allCases.map {
                        ($0.rawValue, open.contains($0) ? "open" : "closed")
                    }), retriesLeft: status.flatpeak.retriesLeft,
                apiVersion: status.flatpeak.version.rawValue,
                apiVersionRefused: status.flatpeak.isVersionRefused,
                apiVersionTodo: status.flatpeak.isVersionRefused
                    ? BFFError.upstreamVersionNotSupported.detail : nil)
            store = Store(
                healthy: status.store.isHealthy, pendingSessions: status.store.pendingWrites,
                stateKeyFingerprint: status.stateKey)
            webhooks = status.webhooks
            events = Events(
                delivered: status.events.hasReceiver, receiverSlowed: status.events.isSlowed,
                pending: status.events.counts?.pending, dead: status.events.counts?.dead)
            requestsInFlight = status.requests.inFlight
            requestsWaiting = status.requests.waiting
            residentBytes = status.process?.residentBytes
            openFiles = status.process?.openFiles
        }
    }
}

extension Route {
    /// `GET /metrics` and `GET /status`, for the admin listener alone.
    static func forOperators(
        _ metrics: PrometheusRegistry, _ status: @escaping @Sendable () -> ServiceStatus
    ) -> [Route] {
        [
            Route(
                .get, "/metrics", .open,
                .anyone { (_) throws(BFFError) in
                    try await offTheLoop {
                        status().record()
                        return Reply(.ok, contentType: PrometheusRegistry.contentType, body: Array(metrics.text().utf8))
                    }
                }),
            Route(
                .get, "/status", .open,
                .anyone { (_) throws(BFFError) in try await offTheLoop { .json(status().json) } }),
        ]
    }

    /// Looking at the process takes milliseconds when it has many files open, in which the event loop relays.
    private static func offTheLoop(_ work: @escaping @Sendable () -> Reply) async throws(BFFError) -> Reply {
        guard let reply = await runDetached({ work() }) else { throw .clientClosed }
        return reply
    }
}
