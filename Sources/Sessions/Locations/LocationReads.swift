package import Core
package import Flatpeak
package import FoundationEssentials
package import Networking
package import Resilience
import Synchronization

/// What users read of their own locations: asked of Flatpeak once for all who read at the same time, kept for a
/// moment, and shown a little longer when Flatpeak cannot answer.
package final class LocationReads: Sendable {
    private let flatpeak: FlatpeakClient
    private let sessionCache: SessionCache
    private let time: UpstreamTime
    private let now: @Sendable () -> Date
    private let state = Mutex(State())
    /// Reads change nothing, so one that nobody waits for any more is given up.
    private let flights = SingleFlight<Key, Answer>(cancelsAbandonedWork: true)

    private typealias Answer = Result<[UInt8], BFFError>

    private struct State {
        var cache = ReadCache<Key, Answer>(budget: LocationReads.cacheBudget, share: LocationReads.cacheShare)
        /// The last change at a location, by its number and time: a read that began before it is not kept.
        var changes: [LocationID: (number: Int, at: ContinuousClock.Instant)] = [:]
        var changeCount = 0
    }

    /// Bytes of answers that are kept, of all users and of one.
    private static let cacheBudget = 32 << 20
    private static let cacheShare = 2 << 20
    private static let ninetyDays: TimeInterval = 90 * 86_400
    /// 90 days of a calendar, of which one has 25 hours where the clocks are put back (upstream.md §6.3).
    ///
    /// Two times in UTC do not show whether they are.
    package static let longestPeriod = ninetyDays + 3600
    /// No read takes as long; until then it is remembered that something happened at a location.
    private static let longestRead = Duration.seconds(30)

    /// The subject is part of every key: what one user reads is never another one's answer.
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

    /// How long an answer may be shown after it stopped being fresh, while Flatpeak cannot be asked.
    private static let staleLimit = Duration.seconds(600)
    private static let statusLife = Duration.seconds(5)
    private static let tariffsLife = Duration.seconds(30)
    private static let pricesLife = Duration.seconds(60)
    private static let longestPricesLife = Duration.seconds(3600)
    /// Flatpeak asks not to repeat a request that had no prices sooner (upstream.md §6.3).
    private static let noPricesLife = Duration.seconds(15 * 60)

    /// - Parameters:
    ///   - time: Ages what is kept, by a monotonic clock.
    ///   - now: The wall clock, in which Flatpeak says when prices change.
    package init(
        flatpeak: FlatpeakClient, cache sessionCache: SessionCache, time: UpstreamTime = .real,
        now: @escaping @Sendable () -> Date
    ) {
        self.flatpeak = flatpeak
        self.sessionCache = sessionCache
        self.time = time
        self.now = now
    }

    /// An answer of Flatpeak's as clients may read it.
    package struct Found: Sendable {
        package let body: [UInt8]
        /// How long ago it was read, when Flatpeak could not be asked again; else nil.
        package let age: Duration?
        /// What the user has to do at the location; told with its status alone.
        package var action: RequiredAction?
    }

    /// How the tariffs of a location stand.
    /// - Throws: `notFound` for a location that is not the subject's, whether it exists or not; here and below.
    package func status(of location: LocationID, for subject: Subject) async throws(BFFError) -> Found {
        var found = try await read(.status, of: location, for: subject) { [self] () throws(BFFError) in
            (try await ask(location, for: CallerKey(subject)).status.body, Self.statusLife)
        }
        found.action = try await sessionCache.ask { store throws(BFFError) in
            try await store.actions(at: [location])[location]?.required
        }
        return found
    }

    /// How the tariffs of a location stand now, whoever owns it: something happened there, and what was read of it
    /// before is not shown any more.
    /// - Parameter caller: Who the look is for.
    /// - Returns: The status, and the moment at which it was asked for.
    package func look(
        at location: LocationID, for caller: CallerKey
    ) async throws(BFFError) -> (status: LocationStatus, askedAt: Date) {
        forget(location)
        return try await ask(location, for: caller)
    }

    /// Something happened at a location: what was read of it is not shown any more, and what its user had to do is looked
    /// into, if there was anything.
    /// - Parameter owner: Whose location it is, as far as that is known; calls for it count as theirs.
    package func changed(at location: LocationID, of owner: Subject) async throws(BFFError) {
        forget(location)
        let hasAction = try await sessionCache.ask { store throws(BFFError) in
            try await !store.actions(at: [location]).isEmpty
        }
        if hasAction { _ = try await ask(location, for: CallerKey(owner)) }
    }

    /// Asks for a status, and takes back what the user had to do when that is done.
    private func ask(
        _ location: LocationID, for caller: CallerKey
    ) async throws(BFFError) -> (status: LocationStatus, askedAt: Date) {
        let askedAt = now()
        let status = try await flatpeak.status(of: location, for: caller)
        try await sessionCache.ask { store throws(BFFError) in
            guard let action = try await store.actions(at: [location])[location],
                !status.needsReconnection(of: action.tariff)
            else { return }
            try await store.clearAction(at: location, knownBefore: askedAt)
        }
        return (status, askedAt)
    }

    /// The tariffs of a location.
    package func tariffs(_ query: TariffQuery, for subject: Subject) async throws(BFFError) -> Found {
        try await read(.tariffs(query), of: query.location, for: subject) { [flatpeak] () throws(BFFError) in
            (try await flatpeak.tariffs(query, for: CallerKey(subject)), Self.tariffsLife)
        }
    }

    /// The prices of a location between two moments, in whole minutes: down for the first, up for the second.
    ///
    /// No tariff changes within a minute, and a client that asks for "now" each time asks for the same minute then.
    package func prices(
        of location: LocationID, from start: Date?, to end: Date, direction: TariffDirection?, for subject: Subject
    ) async throws(BFFError) -> Found {
        let (start, end) = Self.minutes(from: start, to: end)
        return try await read(.prices(from: start, to: end, direction), of: location, for: subject) {
            [flatpeak, now] () throws(BFFError) in
            let prices = try await flatpeak.prices(
                of: location, from: start, to: end, direction: direction, for: CallerKey(subject))
            let life = prices.nextUpdate.map { Duration(saturatingSeconds: $0.timeIntervalSince(now())) }
            return (prices.body, min(max(life ?? Self.pricesLife, .zero), Self.longestPricesLife))
        }
    }

    /// Whole minutes, at least one and still within 90 days (upstream.md §6.3) where that was asked for; with
    /// ``longestPeriod`` it is the same.
    static func minutes(from start: Date?, to end: Date) -> (start: Date?, end: Date) {
        let last = end.minute(.up)
        guard let first = start?.minute(.down) else { return (nil, last) }
        let length = last.timeIntervalSince(first)
        if length <= 0 { return (first, first + 60) }
        let wasLonger = start.map { end.timeIntervalSince($0) > ninetyDays } ?? false
        let longest = wasLonger ? longestPeriod : ninetyDays
        return (length > longest ? first + 60 : first, last)
    }

    /// Something happened at a location: what was read of it is not shown any more.
    package func forget(_ location: LocationID) {
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
    ) async throws(BFFError) -> Found {
        guard try await sessionCache.owns(subject, location) else { throw .notFound }
        let key = Key(subject: subject, location: location, read: read)
        if let found = state.withLock({ $0.cache.fresh(key, at: time.now()) }) {
            return Found(body: try found.value.get(), age: nil)
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
        case .success(let body): return Found(body: body, age: nil)
        case .failure(let error):
            guard error.isUpstreamOutage, let found = state.withLock({ $0.cache.stale(key, at: time.now()) }),
                let body = try? found.value.get()
            else { throw error }
            return Found(body: body, age: found.age)
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
