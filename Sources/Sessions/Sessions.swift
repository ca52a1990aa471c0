import Core
package import Flatpeak
package import FoundationEssentials
package import Logging
import Metrics
package import Networking

/// Connect sessions from mint to outcome: one part for each subject, and the background work that they share.
package struct Sessions: Sendable {
    package let minter: SessionMinter
    package let relay: RelayAdmission
    package let tickets: TicketExchange
    package let outcomes: OutcomeResolver
    package let confirmation: SessionConfirmation
    package let locations: LocationOwnership
    package let feed: LocationFeed
    package let metering: Metering
    package let devices: LocationDevices
    let poller: SessionPoller

    private let cache: SessionCache
    private let reads: LocationReads
    package let settings: SessionSettings
    private let now: @Sendable () -> Date
    private let time: ServiceClock
    private let logger: Logger

    private static let pollInterval = Duration.seconds(1)
    private static let cleanUpInterval = Duration.seconds(3600)
    private static let gaugeInterval = Duration.seconds(15)

    /// - Parameters:
    ///   - now: The wall clock, for instants that clients see and Flatpeak sets.
    ///   - time: A monotonic clock, for pauses of the background work.
    ///   - clock: Times the callback out.
    ///   - randomBytes: A cryptographically secure source.
    package init(
        flatpeak: FlatpeakClient, cache: SessionCache, reads: LocationReads, settings: SessionSettings,
        now: @escaping @Sendable () -> Date, time: ServiceClock = .real,
        clock: any Clock<Duration>,
        randomBytes: @escaping @Sendable (Int) -> [UInt8], logger: Logger
    ) {
        locations = LocationOwnership(cache: cache, reads: reads, logger: logger)
        feed = LocationFeed(cache: cache, locations: locations)
        let writes = WriteOnce(cache: cache, now: now, randomBytes: randomBytes, logger: logger)
        metering = Metering(
            flatpeak: flatpeak, cache: cache, locations: locations, reads: reads, writes: writes, now: now)
        devices = LocationDevices(
            flatpeak: flatpeak, cache: cache, locations: locations, writes: writes, now: now, logger: logger)
        minter = SessionMinter(
            flatpeak: flatpeak, cache: cache, locations: locations, settings: settings, now: now,
            randomBytes: randomBytes, logger: logger)
        relay = RelayAdmission(
            cache: cache, callbackURL: settings.callbackURL, pages: flatpeak.pages, now: now)
        tickets = TicketExchange(cache: cache, now: now, logger: logger)
        outcomes = OutcomeResolver(
            flatpeak: flatpeak, cache: cache, reads: reads, now: now, clock: clock, logger: logger)
        confirmation = SessionConfirmation(
            cache: cache, outcomes: outcomes, now: now, randomBytes: randomBytes, logger: logger)
        poller = SessionPoller(cache: cache, outcomes: outcomes, now: now)
        self.cache = cache
        self.reads = reads
        self.settings = settings
        self.now = now
        self.time = time
        self.logger = logger
    }

    /// Flushes the cache, polls open sessions and removes old ones, until cancelled.
    package func run() async {
        await withTaskGroup { group in
            group.addTask { [cache] in await cache.run() }
            group.addTask { [cache, reads] in await cache.watch { reads.invalidate($0) } }
            group.addTask { [self] in await every(Self.pollInterval) { await poller.pollDueSessions() } }
            group.addTask { [self] in await every(Self.pollInterval) { await poller.publishTimedChanges() } }
            group.addTask { [self] in await every(Self.cleanUpInterval) { await removeOldSessions() } }
            group.addTask { [self] in await every(Self.gaugeInterval) { recordStateGauges() } }
        }
    }

    /// Flushes pending writes; called once everything else has ended.
    package func finish() async {
        await cache.finish()
    }

    private func every(_ interval: Duration, _ work: () async -> Void) async {
        while !Task.isCancelled {
            await work()
            guard (try? await time.sleep(interval)) != nil else { return }
        }
    }

    private func removeOldSessions() async {
        let now = now()
        let life = settings.sessionLife
        let removed = try? await cache.withStore { store throws(BFFError) in
            try await store.removeSessions(before: now - life, at: now)
        }
        if let removed, removed > 0 { logger.info("old sessions removed", metadata: ["bff.count": "\(removed)"]) }
    }

    /// Records how many cached sessions are in each state.
    private func recordStateGauges() {
        let counts = cache.stateCounts(at: now())
        for state in SessionState.allCases {
            Gauge(label: "connect_bff_sessions", dimensions: [("state", state.rawValue)]).record(counts[state] ?? 0)
        }
    }
}
