import Core
package import FoundationEssentials
import Metrics
import Sessions
import Synchronization

/// The status of Flatpeak's webhooks, for operators; counted since the process started.
package struct WebhookStatus: Encodable, Equatable, Sendable {
    /// Deliveries that were acknowledged, those that were known before among them.
    package var received = 0
    package var repeated = 0
    /// Deliveries under an event's id that say something else than the first one did.
    package var altered = 0
    package var refused = 0
    /// Why the last one was refused, in a word, and when.
    package var lastRefusal: String?
    package var lastRefusedAt: Date?
    package var lastReceivedAt: Date?
    /// From an event to its first delivery, as of the last one that was new.
    package var lagSeconds: TimeInterval?
    /// Events that no delivery brought: they were found in Flatpeak's list.
    package var gaps = 0
    /// When the list was last read to the end of what was missing.
    package var reconciledAt: Date?
    /// Events about tokens and locations that are not known here.
    package var unknown = 0
    /// Events that wait for their effect, and since when the oldest does, as of the last look.
    package var waiting = 0
    package var waitingSince: Date?
    /// How often an effect could not be had and is tried again.
    package var failures = 0
    /// How long ago Flatpeak's signing keys were read; nil when there are none to check with.
    package var keysAgeSeconds: Int64?

    /// Records the gauges that are only computed for a scrape.
    package func record() {
        Gauge(label: "connect_bff_webhook_keys_age_seconds").record(keysAgeSeconds.map(Double.init) ?? .infinity)
    }
}

/// Keeps ``WebhookStatus``, and counts the same in metrics.
final class WebhookRecord: Sendable {
    private let state = Mutex(WebhookStatus())
    private let lag = Timer(label: "connect_bff_webhook_lag_seconds")

    var status: WebhookStatus { state.withLock { $0 } }

    func refused(_ flaw: SignedDelivery.Flaw, at now: Date) {
        Counter(label: "connect_bff_webhooks_refused_total", dimensions: [("why", flaw.rawValue)]).increment()
        state.withLock { state in
            state.refused += 1
            state.lastRefusal = flaw.rawValue
            state.lastRefusedAt = now
        }
    }

    /// - Parameter lag: In seconds, of an event that is new.
    func received(_ receipt: Receipt, lag seconds: TimeInterval?, at now: Date) {
        Counter(label: "connect_bff_webhooks_received_total", dimensions: [("result", receipt.rawValue)]).increment()
        if let seconds { lag.record(duration: Duration(saturatingSeconds: max(0, seconds))) }
        state.withLock { state in
            state.received += 1
            if receipt == .known { state.repeated += 1 }
            if receipt == .altered { state.altered += 1 }
            state.lastReceivedAt = now
            state.lagSeconds = seconds ?? state.lagSeconds
        }
    }

    func foundGaps(_ count: Int) {
        Counter(label: "connect_bff_webhook_gaps_total").increment(by: Int64(count))
        state.withLock { $0.gaps += count }
    }

    func reconciled(at now: Date) {
        state.withLock { $0.reconciledAt = now }
    }

    func knewNothing() {
        Counter(label: "connect_bff_webhooks_unknown_total").increment()
        state.withLock { $0.unknown += 1 }
    }

    func failed() {
        Counter(label: "connect_bff_webhook_failures_total").increment()
        state.withLock { $0.failures += 1 }
    }

    func waiting(_ count: Int, since: Date?) {
        Gauge(label: "connect_bff_inbox_waiting_events").record(count)
        state.withLock { state in
            state.waiting = count
            state.waitingSince = since
        }
    }
}
