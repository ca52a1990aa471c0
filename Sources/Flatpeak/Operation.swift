/// One call that upstream offers, with everything that is fixed about it; ``UpstreamCall`` spells it.
///
/// Client, network and metrics read this table; nothing about a call is decided anywhere else.
package struct Operation: Sendable {
    /// A bounded name for logs and metrics.
    package let name: String
    package let host: Host
    let credential: Credential
    /// From the first try's first byte to the last try's last.
    let deadline: Duration
    let retries: RetryClass
    let bulkhead: BulkheadKind
    /// Whose health its failures speak of; nil for probes, which ask although it is open, and for what the service asks
    /// at a pace of its own.
    let breaker: Breaker?
    /// The longest answer that is read, in bytes.
    package let answerLimit: Int

    /// The hosts, each with a rate limiter of its own.
    package enum Host: String, Sendable, CaseIterable { case api, connect, logos }

    /// What may fail while the rest of Flatpeak works, each with a circuit breaker of its own.
    package enum Breaker: String, Sendable, CaseIterable {
        case login, mint, claim, reads, writes, relay, logos

        /// The harmless call that finds out whether it is back; nil where only the real call can, or is as harmless.
        var probe: Operation? {
            switch self {
            case .login, .mint, .logos: nil
            case .claim, .reads, .writes: .apiProbe
            case .relay: .relayProbe
            }
        }
    }

    enum Credential { case basic, bearer, none }

    /// When a call that failed may be made again.
    enum RetryClass {
        /// Whenever it failed: it changes nothing.
        case always
        /// When its connection failed before a byte was sent, or its bearer was refused: then nothing was minted.
        case unsentOrRefused
        /// Only when nothing was sent: the customer's step may have been taken, or the records stored.
        case unsent
        /// Never: the retry budget is for calls that a user or the service depends on.
        case never
    }

    /// The bulkheads of Flatpeak's calls: groups of calls that cannot use up each other's slots.
    package enum BulkheadKind: String, Sendable, CaseIterable {
        case login, mint, relay, reads, writes, probe, logos

        /// The most calls in flight.
        var limit: Int {
            switch self {
            case .login: 2
            // What comes at once when the service has restarted under load waits for its first login: two seconds of mints.
            case .mint: 128
            case .relay: RelayCalls.limit
            case .reads: 64
            case .writes: 16
            case .probe: Breaker.allCases.count
            case .logos: 32
            }
        }

        /// The most calls in flight of one user.
        var share: Int { max(1, limit / 8) }
    }

    private init(
        _ name: String, _ bulkhead: BulkheadKind, _ breaker: Breaker?, host: Host = .api,
        credential: Credential = .bearer, deadline: Duration = .seconds(10), retries: RetryClass = .always,
        answerLimit: Int = 4 << 20
    ) {
        self.name = name
        self.bulkhead = bulkhead
        self.breaker = breaker
        self.host = host
        self.credential = credential
        self.deadline = deadline
        self.retries = retries
        self.answerLimit = answerLimit
    }

    /// upstream.md §1.
    static let login = Operation(
        "login", .login, .login, credential: .basic, deadline: .seconds(5), answerLimit: 64 << 10)
    /// upstream.md §2.
    static let mint = Operation("mint", .mint, .mint, retries: .unsentOrRefused, answerLimit: 64 << 10)
    /// upstream.md §9: once, and once more by the client when its answer was lost.
    static let createLocation = Operation(
        "location_create", .mint, .mint, deadline: .seconds(5), retries: .unsent, answerLimit: 64 << 10)
    /// upstream.md §9.
    static let locations = Operation("locations", .mint, .mint, deadline: .seconds(5), answerLimit: 64 << 10)
    /// upstream.md §3.
    static let claim = Operation("claim", .reads, .claim, answerLimit: 64 << 10)
    /// upstream.md §6.1.
    static let tariffs = Operation("tariffs", .reads, .reads)
    /// upstream.md §4.
    static let relay = Operation(
        "relay", .relay, .relay, host: .connect, credential: .none, deadline: .seconds(15), retries: .unsent)

    static let apiProbe = Operation(
        "api_probe", .probe, nil, deadline: .seconds(5), answerLimit: 1 << 20)
    static let relayProbe = Operation(
        "relay_probe", .probe, nil, host: .connect, credential: .none, deadline: .seconds(5), retries: .unsent)

    /// Flatpeak's public keys (upstream.md §5.4), read at a pace of its own: ``RefreshedKeys`` backs off by itself.
    static let keySet = Operation(
        "jwks", .reads, nil, credential: .none, deadline: .seconds(5), answerLimit: 1 << 20)

    /// The longest logo that is read, in bytes.
    package static let logoLimit = 64 << 10

    /// A picture that anyone may read (upstream.md §0).
    static let logo = Operation(
        "logo", .logos, .logos, host: .logos, credential: .none, deadline: .seconds(5), retries: .never,
        answerLimit: logoLimit)

    /// upstream.md §5.3.
    static let events = Operation("events", .reads, nil)
    /// upstream.md §5.3.
    static let event = Operation("event", .reads, nil, answerLimit: 1 << 20)

    /// upstream.md §6.2.
    static let locationStatus = Operation("status", .reads, .reads)
    /// upstream.md §6.2.
    static let location = Operation("location", .reads, .reads, answerLimit: 64 << 10)

    /// upstream.md §6.3: a read, which newer versions spell as POST.
    static let prices = Operation("prices", .reads, .reads)

    /// upstream.md §6.6: a calculation, which newer versions spell as POST.
    static func schedule(_ query: ScheduleQuery) -> Operation {
        if case .duration = query.measure { scheduleDuration } else { scheduleLimit }
    }

    static let scheduleDuration = Operation("schedule_duration", .reads, .reads)
    static let scheduleLimit = Operation("schedule_limit", .reads, .reads)

    /// upstream.md §6.6: whether Flatpeak keeps the schedule is not documented.
    static let scheduleAmount = Operation("schedule_amount", .reads, .reads, retries: .unsentOrRefused)

    /// upstream.md §6.7.
    static let costOfRecord = Operation("cost_instant", .reads, .reads, answerLimit: 64 << 10)
    /// upstream.md §6.7.
    static let costsOfSession = Operation("cost_session", .reads, .reads)
    /// upstream.md §6.7.
    static let costsOfInterval = Operation("cost_interval", .reads, .reads)

    // What changes something, sent once (upstream.md §6.8, §6.9).

    /// upstream.md §6.8.
    static let meterIntervals = Operation(
        "meters_interval", .writes, .writes, deadline: .seconds(15), retries: .unsent)
    /// upstream.md §6.8.
    static let meterReadings = Operation(
        "meters_cumulative", .writes, .writes, deadline: .seconds(15), retries: .unsent)
    /// upstream.md §6.8.
    static let meterBatch = Operation("meters_batch", .reads, .reads)
    /// upstream.md §6.9.
    static let createDevice = Operation(
        "device_create", .writes, .writes, retries: .unsent, answerLimit: 64 << 10)
    /// upstream.md §6.9.
    static let devices = Operation("devices", .reads, .reads)
    /// upstream.md §6.9.
    static let device = Operation("device", .reads, .reads, answerLimit: 64 << 10)
    /// upstream.md §6.9.
    static let deleteDevice = Operation(
        "device_delete", .writes, .writes, retries: .unsent, answerLimit: 64 << 10)
}
