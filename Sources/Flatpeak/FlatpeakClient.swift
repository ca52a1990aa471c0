package import Core
package import FoundationEssentials
package import Logging
package import Networking
package import Resilience
import Synchronization
package import Tracing

/// Flatpeak's API and the Connect host, as this service uses them.
package final class FlatpeakClient: Sendable {
    /// Where Flatpeak is and who we are to it.
    package struct Settings: Sendable {
        package var apiURL: String
        package var connectURL: String
        /// Where provider logos are; `nil` when there are none to be had.
        package var logosURL: String?
        package var credentials: Credentials
        package var version: FlatpeakVersion
        /// The mode that the login must report; nil takes either.
        package var mode: FlatpeakMode?
        /// Certificates in PEM to trust instead of the system's roots.
        package var certificateAuthorities: [UInt8]?

        /// - Parameter apiURL: Scheme, host and port, without a slash at the end; `connectURL` and `logosURL` likewise.
        package init(
            apiURL: String, connectURL: String, logosURL: String? = nil, credentials: Credentials,
            version: FlatpeakVersion = .standard, mode: FlatpeakMode? = nil, certificateAuthorities: [UInt8]? = nil
        ) {
            self.apiURL = apiURL
            self.connectURL = connectURL
            self.logosURL = logosURL
            self.credentials = credentials
            self.version = version
            self.mode = mode
            self.certificateAuthorities = certificateAuthorities
        }

        /// The table of the version.
        var table: any VersionTable.Type { version.table }

        func url(of host: Operation.Host) -> String? {
            switch host {
            case .api: apiURL
            case .connect: connectURL
            case .logos: logosURL
            }
        }
    }

    let settings: Settings
    let upstream: Upstream
    let bearers: BearerSource
    let time: ServiceClock
    private let date: @Sendable () -> Date
    private let logger: Logger
    private let spellings: KnownSpellings
    let gate: VersionGate
    private let blockAlarm = Mutex(Throttle(interval: .seconds(60)))

    /// - Parameters:
    ///   - date: The wall clock, for instants that Flatpeak sets.
    ///   - tracer: `nil` when tracing is disabled.
    package init(
        _ settings: Settings, transport: any UpstreamTransport, time: ServiceClock = .real,
        date: @escaping @Sendable () -> Date = { Date() },
        tracer: (any Tracer)? = nil, logger: Logger
    ) {
        self.settings = settings
        self.time = time
        self.date = date
        self.logger = logger
        let spellings = KnownSpellings(logger: logger)
        self.spellings = spellings
        let upstream = Upstream(transport, time: time, tracer: tracer)
        self.upstream = upstream
        let gate = VersionGate(settings.version, time: time, logger: logger)
        self.gate = gate
        bearers = BearerSource(settings.credentials, time: time, logger: logger) { (account, key) throws(BFFError) in
            try await Self.login(account, key, settings, upstream, spellings, gate, time, date)
        }
    }

    /// Keeps a good bearer at hand, from the first login on, and probes what failed, until cancelled.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.bearers.run() }
            group.addTask { await self.probeOpenBreakers() }
            group.addTask { await self.probeVersion() }
        }
    }

    /// Finds out by calls of our own whether Flatpeak refuses the API version, when a call was refused for it.
    func probeVersion() async {
        await gate.probe { [self] in _ = try? await call(.apiProbe) }
    }

    /// Finds out by calls of our own when what failed is back, until cancelled.
    func probeOpenBreakers() async {
        await upstream.probeOpenBreakers { [bearers, settings] (probe) throws(BFFError) in
            guard probe.credential == .bearer else {
                return Self.request(.relayProbe, headers: [], probe.deadline, settings)
            }
            let authorization = Self.authorization(try await bearers.bearer())
            return Self.request(.apiProbe, headers: [authorization], probe.deadline, settings)
        }
    }

    /// Replaces the credentials, if a login with them works; no call fails meanwhile.
    /// - Throws: Why the login failed; the old credentials stay in use.
    package func adopt(_ credentials: Credentials) async throws(BFFError) {
        try await bearers.adopt(credentials)
    }

    /// Whether a login was tried and reported the right mode.
    ///
    /// Says nothing about Flatpeak's health.
    package var isReady: Bool { bearers.isReady }

    /// The status of the calls to Flatpeak, for operators.
    package var status: FlatpeakStatus {
        let (openBreakers, retriesLeft) = upstream.status
        return FlatpeakStatus(
            login: bearers.status, openBreakers: openBreakers, retriesLeft: retriesLeft,
            version: settings.version, isVersionRefused: gate.isRefused)
    }

    // MARK: - Operations

    // `caller` is whoever an operation is for: what fails or is slow for one caller costs the others nothing.

    /// Creates a connect token (upstream.md §2).
    package func mint(_ order: MintOrder, for caller: CallerKey? = nil) async throws(BFFError) -> MintedToken {
        let calls = try settings.table.mint(order)
        let answer: HTTPAnswer
        do {
            answer = try await call(calls, for: caller)
        } catch .notFound {
            // No user's thing is missing: the route itself, or a location that was checked before.
            throw .upstreamRefused(status: 404, code: nil)
        }
        return try settings.table.minted(from: answer, at: date())
    }

    /// Asks what became of a connect token (upstream.md §3).
    package func claim(_ token: ConnectToken, for caller: CallerKey? = nil) async throws(BFFError) -> Claim {
        let answer: HTTPAnswer
        do {
            answer = try await call(settings.table.claim(token), for: caller)
        } catch .notFound {
            return .gone
        } catch .upstreamRefused(status: 422, let code) where code?.text != "account_disabled" {
            return .notFinished
        }
        return try settings.table.claim(from: answer)
    }

    /// The tariffs of a location that is known to exist (upstream.md §6.1), as clients may read them.
    package func tariffs(_ query: TariffQuery, for caller: CallerKey? = nil) async throws(BFFError) -> [UInt8] {
        try await call(settings.table.tariffs(query), for: caller).bodyForClients()
    }

    /// Finds a tariff of a location that is known to exist (upstream.md §6.1); `nil` for any other.
    package func tariff(
        _ tariff: TariffID, at location: LocationID, for caller: CallerKey
    ) async throws(BFFError) -> ListedTariff? {
        struct List: Decodable {
            let data: [ListedTariff]
            let has_more: Bool?
        }
        var query = TariffQuery(location: location, limit: 100)
        // No location has thousands; a list without an end is no answer.
        for _ in 0..<20 {
            let body = try await tariffs(query, for: caller)
            guard let list = try? JSONDecoder().decode(List.self, from: Data(body)) else {
                throw .upstreamInvalidAnswer
            }
            if let found = list.data.first(where: { $0.id.equalsBytes(of: tariff.text) }) { return found }
            guard list.has_more == true, let last = list.data.last.flatMap({ Identifier<TariffQuery.Cursor>($0.id) })
            else { return nil }
            query.page = .startingAfter(last)
        }
        throw .upstreamInvalidAnswer
    }

    /// How the tariffs of a location stand (upstream.md §6.2).
    package func status(
        of location: LocationID, for caller: CallerKey? = nil
    ) async throws(BFFError) -> LocationStatus {
        try settings.table.status(from: try await call(settings.table.status(of: location), for: caller))
    }

    /// The prices of a location between two moments at most 90 days apart (upstream.md §6.3).
    /// - Throws: `noPrices` when Flatpeak says why there are none.
    package func prices(
        of location: LocationID, from start: Date?, to end: Date, direction: TariffDirection?,
        for caller: CallerKey? = nil
    ) async throws(BFFError) -> TimedAnswer {
        let query = PriceQuery(location: location, start: start, end: end, direction: direction)
        return try TimedAnswer(try await priced(settings.table.prices(query), for: caller))
    }

    /// What happened at Flatpeak within the last 90 days, newest first, one page (upstream.md §5.3).
    /// - Parameters:
    ///   - id: Begins right after this event, with the next older one.
    ///   - limit: 1 to 100.
    package func events(after id: EventID?, limit: Int) async throws(BFFError) -> EventPage {
        var query = [("limit", String(limit))]
        if let id { query.append(("starting_after", id.text)) }
        return try EventPage(try await call(.events(query)))
    }

    /// One event (upstream.md §5.3).
    /// - Throws: `notFound` when Flatpeak does not know it.
    package func event(_ id: EventID) async throws(BFFError) -> FlatpeakEvent {
        try FlatpeakEvent(try await call(.event(id)).body)
    }

    /// The public keys with which Flatpeak's webhooks are verified: a JWK set (upstream.md §5.4).
    package func keySet() async throws(DocumentFailure) -> [UInt8] {
        let outcome: Result<HTTPAnswer, TransportFailure>
        do throws(BFFError) {
            outcome = try await upstream.outcome(
                of: Self.request(.keySet, headers: [], Operation.keySet.deadline, settings))
        } catch {
            throw .notSent(error)
        }
        let answer = try outcome.mapError(DocumentFailure.noAnswer).get()
        guard answer.status == 200 else { throw .status(answer.status) }
        return answer.body
    }

    /// The answer to a fetch of a provider's logo (upstream.md §0), whatever its status; the bytes are not looked at.
    ///
    /// ``ProviderLogos`` caches them.
    func logo(
        _ digest: LogoDigest, for caller: CallerKey
    ) async throws(BFFError) -> Result<HTTPAnswer, TransportFailure> {
        var request = Self.request(.logo(digest), headers: [], Operation.logo.deadline, settings)
        request.caller = caller
        return try await upstream.outcome(of: request)
    }

    /// Whether there is a host of logos.
    var hasLogos: Bool { settings.logosURL != nil }

    /// The way in which Connect session calls are relayed: byte for byte, by whoever holds the connections.
    package var relayCalls: RelayCalls {
        RelayCalls(upstream, url: settings.connectURL, now: time.now)
    }

    /// The pages of Connect that decide something.
    package var pages: ConnectPages { settings.version.pages }

    // MARK: - Calls

    /// Sends a call with the bearer and gives back a 2xx answer.
    ///
    /// Where there are several spellings, the next one is tried after a 404; the one that was answered last comes first.
    func call(_ spellings: [UpstreamCall], for caller: CallerKey? = nil) async throws(BFFError) -> HTTPAnswer {
        for (index, spelling) in self.spellings.order(of: spellings) {
            do {
                let answer = try await call(spelling, for: caller)
                self.spellings.answered(index, of: spellings)
                return answer
            } catch .notFound {
                continue
            }
        }
        throw .notFound
    }

    /// Sends a call with the bearer and gives back a 2xx answer.
    ///
    /// A call that was refused with 401 or 403 is sent once more with a different bearer, where there is one to be
    /// had; a mint too, since what was refused for its bearer has done nothing. Flatpeak refuses a bad bearer with 403
    /// where others say 401 (upstream.md §1), and so it does a resource: the second refusal is that of the call.
    func call(_ call: UpstreamCall, for caller: CallerKey? = nil) async throws(BFFError) -> HTTPAnswer {
        try gate.admit(caller)
        let end = time.now() + call.operation.deadline
        var held = try await bearers.bearer()
        var isSecond = false
        while true {
            let answer = try await send(call, headers: [Self.authorization(held)], for: caller, until: end)
            gate.note(answer, for: caller)
            if !answer.mayBeAboutBearer {
                if !answer.isBlockPage { bearers.worked(held.number) }
            } else if !isSecond, let replacement = await bearers.replacement(for: held.number) {
                held = replacement
                isSecond = true
                continue
            }
            guard (200..<300).contains(answer.status) else { throw failure(of: answer) }
            return answer
        }
    }

    static func authorization(_ held: BearerState.Held) -> (name: String, value: String) {
        held.bearer.token.expose { (name: "authorization", value: "Bearer \($0)") }
    }

    func failure(of answer: HTTPAnswer) -> BFFError {
        let failure = answer.failure
        if case .upstreamBlocked = failure, blockAlarm.withLock({ $0.isDue(at: time.now()) }) {
            logger.error(
                "a firewall or proxy blocks calls to Flatpeak; the credentials were not judged",
                metadata: ["bff.status": "\(answer.status)", "bff.todo": "\(failure.detail)"])
        }
        return failure
    }

    private func send(
        _ call: UpstreamCall, headers: [(name: String, value: String)], for caller: CallerKey?,
        until end: ContinuousClock.Instant
    ) async throws(BFFError) -> HTTPAnswer {
        let limit = time.now().duration(to: end)
        guard limit > .zero else { throw .upstreamTimedOut }
        var request = Self.request(call, headers: headers, limit, settings)
        request.caller = caller
        return try await upstream.send(request)
    }

    static func request(
        _ call: UpstreamCall, headers: [(name: String, value: String)], _ timeLimit: Duration, _ settings: Settings
    ) -> UpstreamRequest {
        let operation = call.operation
        var headers = headers
        if operation.host == .api, operation.credential != .none {
            headers.append((name: "flatpeak-version", value: settings.version.rawValue))
        }
        if call.body != nil { headers.append((name: "content-type", value: "application/json")) }
        return UpstreamRequest(
            operation: operation, method: call.method, url: (settings.url(of: operation.host) ?? "") + call.target,
            headers: headers, body: call.body, timeLimit: timeLimit)
    }

    private static func login(
        _ account: Secret, _ key: Secret, _ settings: Settings, _ upstream: Upstream, _ spellings: KnownSpellings,
        _ gate: VersionGate, _ time: ServiceClock, _ date: @Sendable () -> Date
    ) async throws(BFFError) -> Bearer {
        let pair = account.expose { account in key.expose { "\(account):\($0)" } }
        let authorization = (name: "authorization", value: "Basic " + Data(pair.utf8).base64EncodedString())
        for (index, call) in spellings.order(of: settings.table.login) {
            let requestedAt = time.now()
            let answer = try await upstream.send(
                request(call, headers: [authorization], Operation.login.deadline, settings))
            guard (200..<300).contains(answer.status) else {
                // A login that works says nothing: whether it looks at the version is not documented.
                if answer.loginFailure == .upstreamVersionNotSupported { gate.note(answer, for: nil) }
                if answer.loginFailure == .notFound { continue }
                throw answer.loginFailure
            }
            spellings.answered(index, of: settings.table.login)
            let reply = try settings.table.login(from: answer, at: date())
            guard Secret.isToken68(reply.bearer_token) else { throw .upstreamInvalidAnswer }
            if let mode = settings.mode, reply.live_mode != (mode == .live) { throw .upstreamModeDiffers }
            return Bearer(
                token: Secret(reply.bearer_token), expiresIn: reply.expires_in.value, requestedAt: requestedAt,
                jitter: time.jitter())
        }
        throw .notFound
    }
}
