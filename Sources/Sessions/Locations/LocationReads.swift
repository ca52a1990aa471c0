package import Core
package import Flatpeak
package import FoundationEssentials
package import Networking
package import Resilience
import Synchronization

/// Reads of users' own locations: concurrent reads are one call to Flatpeak, its answer is cached briefly, and served
/// stale while Flatpeak is unavailable.
package final class LocationReads: Sendable {
    private let flatpeak: FlatpeakClient
    private let sessionCache: SessionCache
    private let time: ServiceClock
    private let now: @Sendable () -> Date
    private let state = Mutex(State())
    /// Reads change nothing, so one without callers is cancelled.
    private let flights = SingleFlight<Key, Answer>(cancelsAbandonedWork: true)

    private typealias Answer = Result<[UInt8], BFFError>

    private struct State {
        var cache = ReadCache<Key, Answer>(budget: LocationReads.cacheBudget, share: LocationReads.cacheShare)
        /// The last change at each location, by its number and time: a read that began before it is not cached.
        var changes: [LocationID: (number: Int, at: ContinuousClock.Instant)] = [:]
        var changeCount = 0
    }

    /// Bytes of cached answers, of all users and of one.
    private static let cacheBudget = 32 << 20
    private static let cacheShare = 2 << 20
    private static let ninetyDays: TimeInterval = 90 * 86_400
    /// 90 calendar days, one of which may have 25 hours where clocks are put back (upstream.md §6.3).
    ///
    /// Two instants in UTC do not show whether it has.
    package static let longestPeriod = ninetyDays + 3600
    /// How long a change at a location is remembered; no read takes as long.
    private static let longestRead = Duration.seconds(30)

    /// The subject is part of every key: an answer to one user is never served to another one.
    private struct Key: ReadCacheKey {
        let subject: Subject
        let location: LocationID
        let read: Read
        var owner: Subject { subject }
        var topic: LocationID { location }
    }

    private enum Read: Hashable {
        case status
        case tariffs(TariffQuery)
        case prices(from: Date?, to: Date, TariffDirection?)
    }

    /// How long an answer may be served after it stopped being fresh, while Flatpeak is unavailable.
    private static let staleLimit = Duration.seconds(600)
    private static let statusLife = Duration.seconds(5)
    private static let tariffsLife = Duration.seconds(30)
    private static let pricesLife = Duration.seconds(60)
    private static let longestPricesLife = Duration.seconds(3600)
    /// The shortest time after which Flatpeak accepts a repeated request that had no prices (upstream.md §6.3).
    private static let noPricesLife = Duration.seconds(15 * 60)

    /// - Parameters:
    ///   - time: A monotonic clock, by which cached answers age.
    ///   - now: The wall clock, by which Flatpeak announces new prices.
    package init(
        flatpeak: FlatpeakClient, cache sessionCache: SessionCache, time: ServiceClock = .real,
        now: @escaping @Sendable () -> Date
    ) {
        self.flatpeak = flatpeak
        self.sessionCache = sessionCache
        self.time = time
        self.now = now
    }

    /// An answer of Flatpeak's as clients may read it.
    package struct Response: Sendable {
        package let body: [UInt8]
        /// How long ago a stale answer was read; `nil` for a fresh one.
        package let age: Duration?
        /// The action that is required at the location; part of its status alone.
        package var action: RequiredAction?
    }

    /// Reads the state of a location's tariffs.
    /// - Throws: `notFound` for a location that is not the subject's, whether it exists or not.
    package func status(of location: LocationID, for subject: Subject) async throws(BFFError) -> Response {
        var response = try await read(.status, of: location, for: subject) { [self] () throws(BFFError) in
            (try await fetchStatus(of: location, for: CallerKey(subject)).status.body, Self.statusLife)
        }
        response.action = try await sessionCache.requiredAction(at: location, for: subject)
        return response
    }

    /// Invalidates a location's answers and reads the state of its tariffs, regardless of its owner.
    /// - Parameter caller: The principal on whose behalf Flatpeak is called.
    /// - Returns: The status, and when the query began.
    package func refreshStatus(
        of location: LocationID, for caller: CallerKey
    ) async throws(BFFError) -> (status: LocationStatus, queriedAt: Date) {
        invalidate(location)
        return try await fetchStatus(of: location, for: caller)
    }

    /// Invalidates a location's answers after a change there, and clears its required action if that is done.
    /// - Parameter owner: The principal on whose behalf Flatpeak is called.
    package func handleChange(at location: LocationID, of owner: Subject) async throws(BFFError) {
        invalidate(location)
        let hasAction = try await sessionCache.withStore { store throws(BFFError) in
            try await !store.actions(at: [location]).isEmpty
        }
        if hasAction { _ = try await fetchStatus(of: location, for: CallerKey(owner)) }
    }

    /// Reads a status from Flatpeak, and clears the location's required action if that is done.
    private func fetchStatus(
        of location: LocationID, for caller: CallerKey
    ) async throws(BFFError) -> (status: LocationStatus, queriedAt: Date) {
        let queriedAt = now()
        let status = try await flatpeak.status(of: location, for: caller)
        try await sessionCache.withStore { store throws(BFFError) in
            guard let action = try await store.actions(at: [location])[location],
                !status.stillRequires(action.required, of: action.tariff)
            else { return }
            try await store.clearAction(at: location, knownBefore: queriedAt)
        }
        return (status, queriedAt)
    }

    /// Reads the tariffs of a location.
    /// - Throws: `notFound` for a location that is not the subject's, whether it exists or not.
    package func tariffs(_ query: TariffQuery, for subject: Subject) async throws(BFFError) -> Response {
        try await read(.tariffs(query), of: query.location, for: subject) { [flatpeak] () throws(BFFError) in
            (try await flatpeak.tariffs(query, for: CallerKey(subject)), Self.tariffsLife)
        }
    }

    /// Reads the prices of a location between two instants, in whole minutes: rounded down for the first, up for the
    /// second.
    ///
    /// No tariff changes within a minute, and clients that ask for "now" share the answer of a minute.
    /// - Throws: `notFound` for a location that is not the subject's, whether it exists or not.
    package func prices(
        of location: LocationID, from start: Date?, to end: Date, direction: TariffDirection?, for subject: Subject
    ) async throws(BFFError) -> Response {
        let (start, end) = Self.minutes(from: start, to: end)
        return try await read(.prices(from: start, to: end, direction), of: location, for: subject) {
            [flatpeak, now] () throws(BFFError) in
            let prices = try await flatpeak.prices(
                of: location, from: start, to: end, direction: direction, for: CallerKey(subject))
            let life = prices.nextUpdate.map { Duration(saturatingSeconds: $0.timeIntervalSince(now())) }
            return (prices.body, min(max(life ?? Self.pricesLife, .zero), Self.longestPricesLife))
        }
    }

    /// Rounds a period to whole minutes, at least one; one of at most 90 days (upstream.md §6.3), or of at most
    /// ``longestPeriod``, does not get longer than that.
    static func minutes(from start: Date?, to end: Date) -> (start: Date?, end: Date) {
        let last = end.minute(.up)
        guard let first = start?.minute(.down) else { return (nil, last) }
        let length = last.timeIntervalSince(first)
        if length <= 0 { return (first, first + 60) }
        let wasLonger = start.map { end.timeIntervalSince($0) > ninetyDays } ?? false
        let longest = wasLonger ? longestPeriod : ninetyDays
        return (length > longest ? first + 60 : first, last)
    }

    /// Invalidates all cached answers about a location, and those of reads in progress.
    package func invalidate(_ location: LocationID) {
        state.withLock { state in
            let now = time.now()
            if state.changes.count >= 10_000 {
                state.changes = state.changes.filter { $0.value.at.duration(to: now) < Self.longestRead }
            }
            state.changeCount += 1
            state.changes[location] = (state.changeCount, now)
            state.cache.invalidate(location)
        }
    }

    private func read(
        _ read: Read, of location: LocationID, for subject: Subject,
        _ fetch: @escaping @Sendable () async throws(BFFError) -> (body: [UInt8], life: Duration)
    ) async throws(BFFError) -> Response {
        guard try await sessionCache.mayRead(location, for: subject) else { throw .notFound }
        let key = Key(subject: subject, location: location, read: read)
        if let found = state.withLock({ $0.cache.fresh(key, at: time.now()) }) {
            return Response(body: try found.value.get(), age: nil)
        }
        let answer = await flights.value(for: key) { [self] in
            let began = state.withLock(\.changeCount)
            do throws(BFFError) {
                let (body, life) = try await fetch()
                keep(.success(body), for: key, fresh: life, began)
                return .success(body)
            } catch {
                switch error {
                case .noPrices(.pendingConnect), .noPrices(.noPriceData):
                    keep(.failure(error), for: key, fresh: Self.noPricesLife, began)
                default: break
                }
                return .failure(error)
            }
        }
        switch answer {
        case .success(let body): return Response(body: body, age: nil)
        case .failure(let error):
            guard error.isUpstreamOutage, let found = state.withLock({ $0.cache.stale(key, at: time.now()) }),
                let body = try? found.value.get()
            else { throw error }
            return Response(body: body, age: found.age)
        case nil: throw .clientClosed
        }
    }

    private func keep(_ answer: Answer, for key: Key, fresh: Duration, _ began: Int) {
        state.withLock { state in
            if let change = state.changes[key.location], change.number > began { return }
            state.cache.insert(
                answer, for: key, size: (try? answer.get().count) ?? 0, fresh: fresh,
                stale: Self.staleLimit, at: time.now())
        }
    }
}

extension BFFError {
    /// Whether Flatpeak could not answer, as against answering that there is nothing.
    fileprivate var isUpstreamOutage: Bool {
        switch self {
        case .upstreamUnreachable, .upstreamTimedOut, .upstreamFailed, .upstreamLimited, .upstreamUnavailable,
            .upstreamInvalidAnswer, .upstreamBlocked, .upstreamRefusedCredentials, .upstreamModeDiffers,
            .upstreamVersionNotSupported, .overloaded:
            true
        default: false
        }
    }
}

extension Date {
    fileprivate func minute(_ rule: FloatingPointRoundingRule) -> Date {
        Date(timeIntervalSince1970: (timeIntervalSince1970.rounded(.down) / 60).rounded(rule) * 60)
    }
}
