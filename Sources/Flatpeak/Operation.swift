import Core
import NIOHTTP1

/// One call that upstream offers, with everything that is fixed about it.
///
/// Client, network and metrics read this table; nothing about a call is decided anywhere else.
package struct Operation: Sendable {
    /// A bounded name for logs and metrics.
    package let name: String
    package let host: Host
    let method: HTTPMethod
    /// By version, since paths were renamed between them.
    let path: @Sendable (FlatpeakVersion) -> String
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

    package var methodName: String { method.rawValue }

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
        _ name: String, _ bulkhead: BulkheadKind, _ breaker: Breaker?, _ method: HTTPMethod,
        _ path: @escaping @Sendable (FlatpeakVersion) -> String, host: Host = .api, credential: Credential = .bearer,
        deadline: Duration = .seconds(10),
        retries: RetryClass = .always, answerLimit: Int = 4 << 20
    ) {
        self.name = name
        self.bulkhead = bulkhead
        self.breaker = breaker
        self.method = method
        self.path = path
        self.host = host
        self.credential = credential
        self.deadline = deadline
        self.retries = retries
        self.answerLimit = answerLimit
    }

    /// upstream.md §1.
    static let login = Operation(
        "login", .login, .login, .GET, { _ in "/login" }, credential: .basic, deadline: .seconds(5),
        answerLimit: 64 << 10)
    /// upstream.md §2.
    static let mint = Operation(
        "mint", .mint, .mint, .POST, \.connectTokenPath, retries: .unsentOrRefused, answerLimit: 64 << 10)
    /// upstream.md §3.
    static let claim = Operation("claim", .reads, .claim, .GET, \.connectTokenPath, answerLimit: 64 << 10)
    /// upstream.md §6.1, the spelling that the public page documents.
    static let tariffElements = Operation("tariffs", .reads, .reads, .GET, { _ in "/tariffs/elements" })
    /// upstream.md §6.1, the spelling of the newer reference.
    static let tariffs = Operation("tariffs", .reads, .reads, .GET, { _ in "/tariffs" })
    /// upstream.md §4.
    static let relay = Operation(
        "relay", .relay, .relay, .POST, { _ in "/" }, host: .connect, credential: .none, deadline: .seconds(15),
        retries: .unsent)

    /// The cheapest call that needs the bearer and no location; any answer below 500 means that the API works.
    static let apiProbe = Operation(
        "api_probe", .probe, nil, .GET, { _ in "/events" }, deadline: .seconds(5), answerLimit: 1 << 20)
    /// A session call without a token; any answer below 500 means that Connect works.
    static let relayProbe = Operation(
        "relay_probe", .probe, nil, .POST, { _ in "/" }, host: .connect, credential: .none, deadline: .seconds(5),
        retries: .unsent)

    /// Flatpeak's public keys (upstream.md §5.4), read at a pace of its own: ``RefreshedKeys`` backs off by itself.
    static let keySet = Operation(
        "jwks", .reads, nil, .GET, { _ in "/jwks.json" }, credential: .none, deadline: .seconds(5),
        answerLimit: 1 << 20)

    /// The longest logo that is read, in bytes.
    package static let logoLimit = 64 << 10

    /// A picture that anyone may read (upstream.md §0).
    static func logo(_ digest: LogoDigest) -> Operation {
        Operation(
            "logo", .logos, .logos, .GET, { _ in "/\(digest).png" }, host: .logos, credential: .none,
            deadline: .seconds(5), retries: .never, answerLimit: logoLimit)
    }

    /// upstream.md §5.3.
    static let events = Operation("events", .reads, nil, .GET, { _ in "/events" })

    /// upstream.md §5.3.
    static func event(_ id: EventID) -> Operation {
        Operation("event", .reads, nil, .GET, { _ in "/events/\(id)" }, answerLimit: 1 << 20)
    }

    /// upstream.md §6.2.
    static func locationStatus(_ location: LocationID) -> Operation {
        Operation("status", .reads, .reads, .GET, { _ in "/locations/\(location)/status" })
    }

    /// upstream.md §6.3: a read, which the newer version spells as POST.
    static func prices(_ location: LocationID, in version: FlatpeakVersion) -> Operation {
        switch version {
        case .zero: Operation("prices", .reads, .reads, .GET, { _ in "/tariffs/rates/\(location)" })
        case .anode: Operation("prices", .reads, .reads, .POST, { _ in "/prices/\(location)" })
        }
    }

    /// upstream.md §6.2.
    static func location(_ location: LocationID) -> Operation {
        Operation("location", .reads, .reads, .GET, { _ in "/locations/\(location)" }, answerLimit: 64 << 10)
    }

    /// upstream.md §6.6: a calculation, which the newer version spells as POST.
    static func schedule(_ query: ScheduleQuery, in version: FlatpeakVersion) -> Operation {
        let location = query.location
        return switch (version, query.measure) {
        case (.zero, .duration):
            Operation("schedule_duration", .reads, .reads, .GET, { _ in "/slots/time/\(location)" })
        case (.zero, .relative), (.zero, .absolute):
            Operation("schedule_limit", .reads, .reads, .GET, { _ in "/slots/threshold/\(location)" })
        case (.anode, .duration):
            Operation("schedule_duration", .reads, .reads, .POST, { _ in "/schedules/duration/\(location)" })
        case (.anode, .relative), (.anode, .absolute):
            Operation("schedule_limit", .reads, .reads, .POST, { _ in "/schedules/limit/\(location)" })
        }
    }

    /// upstream.md §6.6: whether Flatpeak keeps the schedule is not documented.
    static func scheduleAmount(_ location: LocationID) -> Operation {
        Operation(
            "schedule_amount", .reads, .reads, .POST, { $0 == .zero ? "/schedules" : "/schedules/amount/\(location)" },
            retries: .unsentOrRefused)
    }

    /// upstream.md §6.7.
    static let costOfRecord = Operation(
        "cost_instant", .reads, .reads, .POST, { _ in "/costs/instant" }, answerLimit: 64 << 10)

    /// upstream.md §6.7.
    static func costs(_ query: CostQuery) -> Operation {
        switch query.scope {
        case .session(let reference):
            return Operation("cost_session", .reads, .reads, .POST, { _ in "/costs/session/\(reference)" })
        case .interval(_, _, _, let device):
            let owner = device?.text ?? query.location.text
            return Operation("cost_interval", .reads, .reads, .POST, { _ in "/costs/interval/\(owner)" })
        }
    }

    // What changes something, sent once (upstream.md §6.8, §6.9).

    /// upstream.md §6.8.
    static let meterIntervals = Operation(
        "meters_interval", .writes, .writes, .PUT, { _ in "/meters/interval" }, deadline: .seconds(15),
        retries: .unsent)
    /// upstream.md §6.8.
    static let meterReadings = Operation(
        "meters_cumulative", .writes, .writes, .PUT, { _ in "/meters/cumulative/epoch" }, deadline: .seconds(15),
        retries: .unsent)
    /// upstream.md §6.8.
    static let meterBatch = Operation("meters_batch", .reads, .reads, .GET, { _ in "/meters/batch" })
    /// upstream.md §6.9.
    static let createDevice = Operation(
        "device_create", .writes, .writes, .POST, { _ in "/devices" }, retries: .unsent, answerLimit: 64 << 10)
    /// upstream.md §6.9.
    static let devices = Operation("devices", .reads, .reads, .GET, { _ in "/devices" })

    /// upstream.md §6.9.
    static func device(_ id: DeviceID) -> Operation {
        Operation("device", .reads, .reads, .GET, { _ in "/devices/\(id)" }, answerLimit: 64 << 10)
    }

    /// upstream.md §6.9.
    static func deleteDevice(_ id: DeviceID) -> Operation {
        Operation(
            "device_delete", .writes, .writes, .DELETE, { _ in "/devices/\(id)" }, retries: .unsent,
            answerLimit: 64 << 10)
    }
}
