/// One name under which something is measured, with everything that is fixed about it.
///
/// What is not in ``all`` cannot be measured: a label that is made up would be a series without a bound, and
/// docs/metrics.md would not know it.
package struct Metric: Sendable {
    package enum Kind: String, Sendable {
        /// Only grows, while the process runs.
        case counter
        /// The same, kept by the kernel and read here.
        case reading
        /// Goes up and down.
        case gauge
        /// Seconds, in buckets from a relayed call to the longest deadline.
        case histogram
        /// The same, in buckets up to the day for which Flatpeak repeats a delivery.
        case delay

        /// The type as Prometheus knows it.
        package var type: String {
            switch self {
            case .reading: "counter"
            case .delay: "histogram"
            case .counter, .gauge, .histogram: rawValue
            }
        }
    }

    /// The name as it is exported, with its unit at the end.
    package let name: String
    package let kind: Kind
    package let help: String
    /// Label names, sorted.
    package let labels: [String]

    private init(_ kind: Kind, _ name: String, _ labels: [String] = [], _ help: String) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.help = help
    }

    /// Everything that is measured, in the order of docs/metrics.md.
    package static let all = requests + upstream + bearer + sessions + store + webhooks + events + process

    private static let requests = [
        Metric(
            .counter, "connect_bff_requests_total", ["route", "status"],
            "Requests answered, by route template and HTTP status; 499 is a client that closed the connection."),
        Metric(
            .histogram, "connect_bff_request_seconds", ["route"],
            "From the head of a request to the end of its answer, by route template."),
        Metric(
            .counter, "connect_bff_errors_total", ["code"],
            "Errors answered to clients, by public code; overloaded is a request that was shed."),
        Metric(
            .counter, "connect_bff_untrusted_forwarding_total",
            "Requests that named another client in a header, from an address that is not in BFF_TRUSTED_PROXIES."),
        Metric(.gauge, "connect_bff_requests_in_flight", "Requests in flight."),
        Metric(.gauge, "connect_bff_requests_waiting", "Requests that wait for a slot."),
    ]

    private static let upstream = [
        Metric(
            .counter, "connect_bff_upstream_calls_total", ["operation", "result"],
            "Attempts of calls to Flatpeak, by operation and result: a status class, a "
                + "failure, or the reason that a call was not sent."),
        Metric(
            .histogram, "connect_bff_upstream_seconds", ["operation"],
            "One attempt of a call to Flatpeak, from its start to the end of the answer."),
        Metric(
            .gauge, "connect_bff_breaker_open", ["breaker"],
            "1 while the circuit breaker refuses calls of that kind, else 0."),
        Metric(.gauge, "connect_bff_retries_left", "Retries that the budget of ten seconds still allows."),
        Metric(
            .gauge, "connect_bff_api_version_refused",
            "1 while Flatpeak refuses FLATPEAK_VERSION, since the account was moved to a newer one, else 0."),
    ]

    private static let bearer = [
        Metric(.gauge, "connect_bff_logged_in", "1 while there is a valid bearer, else 0."),
        Metric(
            .gauge, "connect_bff_login_failing",
            "1 while the last login failed, else 0; an older bearer may still be valid."),
        Metric(.gauge, "connect_bff_bearer_age_seconds", "Time since the login that gave the bearer in use."),
        Metric(
            .gauge, "connect_bff_bearer_remaining_seconds",
            "Time until the bearer in use expires; 0 when there is none."),
        Metric(
            .gauge, "connect_bff_key_in_use",
            "Which API key logged in last: 1 is FLATPEAK_API_KEY, 2 FLATPEAK_API_KEY_NEXT; 0 before the first login."),
        Metric(
            .counter, "connect_bff_credential_reload_failures_total",
            "Reloads of credentials, service keys, event signing keys or state keys that failed; the old ones stay in use."
        ),
        Metric(
            .counter, "connect_bff_identity_key_failures_total",
            "Reads of the identity provider's keys that failed; the last good keys stay in use for a day."),
        Metric(.gauge, "connect_bff_ready", "1 while /readyz answers 200, else 0."),
    ]

    private static let sessions = [
        Metric(.counter, "connect_bff_mints_total", "Connect tokens minted."),
        Metric(
            .counter, "connect_bff_mints_vouched_total",
            "Connect tokens minted with confirm: false, whose sessions need no confirmation."),
        Metric(
            .gauge, "connect_bff_sessions", ["state"],
            "Connect sessions in the cache of this process, by state; counted every 15 seconds."),
        Metric(
            .counter, "connect_bff_meter_records_total", ["result"],
            "Meter records that Flatpeak took, or listed as failed in the answer to their upload."),
        Metric(
            .counter, "connect_bff_writes_unknown_total",
            "Writes to Flatpeak without an answer that says what became of them; none is sent again."),
    ]

    private static let store = [
        Metric(
            .gauge, "connect_bff_store_pending_sessions", "Sessions with changes not yet persisted."),
        Metric(.gauge, "connect_bff_store_healthy", "1 when the last write to the store succeeded, else 0."),
        Metric(.counter, "connect_bff_store_write_failures_total", "Writes to the store that failed."),
        Metric(
            .counter, "connect_bff_store_writes_late_total",
            "Requests answered before their write was persisted."),
        Metric(.counter, "connect_bff_store_reads_late_total", "Reads of the store that timed out after 250 ms."),
        Metric(
            .counter, "connect_bff_store_quarantined_total", ["table"],
            "Rows of the database that cannot be read or written, by table; each once in the life of the process."),
    ]

    private static let webhooks = [
        Metric(
            .counter, "connect_bff_webhooks_received_total", ["result"],
            "Deliveries of Flatpeak that were acknowledged: new, known before, or altered under a known id."),
        Metric(
            .counter, "connect_bff_webhooks_refused_total", ["why"],
            "Deliveries refused, by the fault of their signature."),
        Metric(.delay, "connect_bff_webhook_lag_seconds", "From an event to its first delivery."),
        Metric(
            .counter, "connect_bff_webhook_gaps_total",
            "Events found by the backfill alone, without a delivery."),
        Metric(
            .counter, "connect_bff_webhooks_unknown_total", "Events about tokens and locations that are not known here."
        ),
        Metric(
            .counter, "connect_bff_webhook_failures_total",
            "Events whose processing failed and is retried."),
        Metric(
            .counter, "connect_bff_webhook_key_failures_total",
            "Reads of Flatpeak's signing keys that failed; the last good keys stay in use for a day."),
        Metric(
            .gauge, "connect_bff_webhook_keys_age_seconds",
            "Time since Flatpeak's signing keys were read; +Inf when there are none."),
        Metric(.gauge, "connect_bff_inbox_waiting_events", "Events in the inbox that wait to be processed."),
    ]

    private static let events = [
        Metric(
            .counter, "connect_bff_event_deliveries_total", ["result"],
            "Attempts to deliver an event to BFF_EVENTS_URL: delivered, failed and to be retried, or dead."),
        Metric(.gauge, "connect_bff_events_pending", "Events that wait to be delivered; counted every 15 seconds."),
        Metric(
            .gauge, "connect_bff_events_dead",
            "Dead events, until they are replayed or deleted; counted every 15 seconds."),
    ]

    private static let process = [
        Metric(
            .gauge, "connect_bff_build_info", ["commit", "openssl", "swift", "version"],
            "1, with what runs: the release, its commit, and the Swift and OpenSSL that it runs with."),
        Metric(
            .histogram, "connect_bff_event_loop_lag_seconds",
            "How late an event loop runs a task that is due; measured four times a second on each loop."),
        Metric(
            .counter, "connect_bff_log_lines_dropped_total",
            "Log lines dropped because the reader of the log had stopped or was gone."),
        Metric(
            .counter, "connect_bff_metric_series_refused_total",
            "Measurements dropped: their name is unknown, or it had too many label values."),
        Metric(
            .counter, "connect_bff_spans_lost_total",
            "Spans that did not reach the collector at BFF_TRACES_URL."),
        Metric(.reading, "process_cpu_seconds_total", "CPU time of this process, in user and kernel mode."),
        Metric(.gauge, "process_resident_memory_bytes", "Memory of this process that is in RAM."),
        Metric(.gauge, "process_virtual_memory_bytes", "Address space of this process."),
        Metric(.gauge, "process_open_fds", "Open file descriptors."),
        Metric(.gauge, "process_max_fds", "File descriptors that this process may open."),
        Metric(.gauge, "process_threads", "Threads of this process."),
        Metric(.gauge, "process_start_time_seconds", "When this process started, in seconds since 1970."),
    ]
}

extension Metric {
    fileprivate init(_ kind: Kind, _ name: String, _ help: String) {
        self.init(kind, name, [], help)
    }
}
