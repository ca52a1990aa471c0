package import Core
package import Flatpeak
package import FoundationEssentials
package import Networking
package import Resilience
import Synchronization

/// A location that its subject may read.
///
/// ``LocationReads/access(to:for:)`` alone makes one, so that nothing about a location is answered, and Flatpeak is not
/// asked, for anyone else.
package struct LocationAccess: Sendable {
    package let location: LocationID
    package let subject: Subject
    /// On whose behalf Flatpeak is called.
    package var caller: CallerKey { CallerKey(subject) }

    fileprivate init(_ location: LocationID, _ subject: Subject) {
        self.location = location
        self.subject = subject
    }
}

/// Reads of users' own locations: concurrent reads are one call to Flatpeak, its answer is cached briefly, and served
/// stale while Flatpeak is unavailable.
package final class LocationReads: Sendable {
    let flatpeak: FlatpeakClient
    let sessionCache: SessionCache
    private let time: ServiceClock
    let now: @Sendable () -> Date
    private let state = Mutex(State())
    /// Reads change nothing, so one without callers is cancelled.
    private let flights = SingleFlight<Flight, Answer>(cancelsAbandonedWork: true)

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

    /// One call to Flatpeak.
    ///
    /// A read after a change at the location does not join one from before it.
    private struct Flight: Hashable {
        let key: Key
        let change: Int?
    }

    /// What is read about a location, with everything that the answer depends on.
    enum Read: Hashable {
        case location
        case status
        case tariffs(TariffQuery)
        case prices(from: Date?, to: Date, TariffDirection?)
        case schedule(ScheduleQuery)
        case amount(AmountOrder)
        case cost(MeterRecord)
        case costs(CostQuery)

        /// Bytes that its texts and lists use, which the client chooses.
        fileprivate var size: Int {
            switch self {
            case .amount(let order): order.transfers.count * 256
            case .cost: 1024
            case .location, .status, .tariffs, .prices, .schedule, .costs: 0
            }
        }
    }

    /// How long an answer may be served after it stopped being fresh, while Flatpeak is unavailable.
    private static let staleLimit = Duration.seconds(600)
    /// The shortest time after which Flatpeak accepts a repeated request that had no prices (upstream.md §6.3).
    private static let noPricesLife = Duration.seconds(15 * 60)
    /// How long an answer is fresh, if Flatpeak does not say when it means to replace it.
    private static let defaultLife = Duration.seconds(60)
    private static let longestLife = Duration.seconds(15 * 60)

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
        /// How long ago a cached answer was read; `nil` for one that was read now.
        package let age: Duration?
        /// The action that is required at the location; part of the location and of its status alone.
        package var action: RequiredAction?
    }

    /// Admits a subject to a location.
    /// - Throws: `notFound` for a location that is not the subject's, whether it exists or not.
    package func access(to location: LocationID, for subject: Subject) async throws(BFFError) -> LocationAccess {
        guard try await sessionCache.mayRead(location, for: subject) else { throw .notFound }
        return LocationAccess(location, subject)
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

    /// How long an answer is fresh that Flatpeak means to replace at `nextUpdate`.
    func life(until nextUpdate: Date?) -> Duration {
        let life = nextUpdate.map { Duration(saturatingSeconds: $0.timeIntervalSince(now())) } ?? Self.defaultLife
        return min(max(life, .zero), Self.longestLife)
    }

    /// Answers from the cache or by a call to Flatpeak.
    /// - Parameters:
    ///   - isCached: Whether a cached answer is as good as a new one; if not, it only replaces one that cannot be read.
    ///   - fetch: Calls Flatpeak; gives back how long its answer is fresh, too.
    func read(
        _ read: Read, with access: LocationAccess, isCached: Bool = true,
        _ fetch: @escaping @Sendable () async throws(BFFError) -> (body: [UInt8], life: Duration)
    ) async throws(BFFError) -> Response {
        let key = Key(subject: access.subject, location: access.location, read: read)
        // That there are no prices is not asked again so soon, whatever is on its way.
        if let found = state.withLock({ $0.cache.fresh(key, at: time.now()) }), isCached || found.value.isFailure {
            return Response(body: try found.value.get(), age: found.age)
        }
        let change = state.withLock { $0.changes[key.location]?.number }
        let answer = await flights.value(for: Flight(key: key, change: change)) { [self] in
            let began = state.withLock(\.changeCount)
            do throws(BFFError) {
                let (body, life) = try await fetch()
                keep(.success(body), for: key, fresh: isCached ? life : .zero, began)
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
        case .success(let body):
            // An unconfirmed session may have changed the tariff while Flatpeak was read.
            _ = try await self.access(to: access.location, for: access.subject)
            return Response(body: body, age: nil)
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
                answer, for: key, size: ((try? answer.get().count) ?? 0) + key.read.size, fresh: fresh,
                stale: Self.staleLimit, at: time.now())
        }
    }
}

extension Result {
    fileprivate var isFailure: Bool { if case .failure = self { true } else { false } }
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
