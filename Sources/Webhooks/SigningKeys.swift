import Keys
import Logging
import Metrics
import Resilience
import Synchronization
import Flatpeak

/// Flatpeak's public keys from their one address: the driver of ``KnownKeys``.
final class SigningKeys: Sendable {
    private let fetch: @Sendable () async -> [UInt8]?
    private let time: UpstreamTime
    private let logger: Logger
    private let known = Mutex(KnownKeys())
    private let flight = SingleFlight<Int, Void>()
    /// An outage is told once in ten minutes.
    private let alarm = Mutex(OncePer(.seconds(600)))

    /// - Parameter fetch: Reads the key set; nil when that fails.
    init(fetch: @escaping @Sendable () async -> [UInt8]?, time: UpstreamTime, logger: Logger) {
        self.fetch = fetch
        self.time = time
        self.logger = logger
    }

    /// Keeps the keys fresh until cancelled.
    func run() async {
        while !Task.isCancelled {
            if known.withLock({ $0.isOld(at: time.now()) }) { await refresh() }
            guard (try? await time.sleep(KnownKeys.pause)) != nil else { return }
        }
    }

    /// A key; nil for an id that is not known.
    func key(_ id: String) -> PSSKey? {
        known.withLock { $0.key(id, at: time.now()) }
    }

    /// Whether there is any key to check with.
    var isEmpty: Bool { known.withLock { $0.isEmpty(at: time.now()) } }

    /// How long ago the keys were read; nil when there are none.
    var age: Duration? { known.withLock { $0.age(at: time.now()) } }

    /// Asks for the keys, once for all who wait, unless somebody did a moment ago.
    func refresh() async {
        // Not in the flight: a crowd with unknown ids must not even wait for one.
        guard known.withLock({ $0.mayAsk(at: time.now()) }) else { return }
        await flight.value(for: 0) { [self] in
            guard known.withLock({ $0.ask(at: time.now()) }) else { return }
            guard let jwks = await fetch(), let keys = try? PSSKeySet(jwks: jwks) else {
                Counter(label: "connect_bff_webhook_key_failures_total").increment()
                logger.log(
                    level: alarm.withLock { $0.isDue(at: time.now()) } ? .error : .debug,
                    "Flatpeak's signing keys cannot be read; the last good ones stay in use for a day")
                return
            }
            if keys.skipped > 0 {
                logger.notice("signing keys of Flatpeak's were skipped", metadata: ["bff.count": "\(keys.skipped)"])
            }
            known.withLock { $0.learn(keys, at: time.now()) }
        }
    }
}

/// The keys that were read last, and when they may be asked for again; without a network or a clock.
struct KnownKeys {
    /// How long keys are as good as new; a key that Flatpeak took back is refused after that.
    static let life = Duration.seconds(600)
    /// How long the last good ones stay in use when no others can be had.
    static let cap = Duration.seconds(86400)
    /// However many unknown ids come, keys are asked for at most this often.
    static let pause = Duration.seconds(30)

    private var keys: PSSKeySet?
    private var readAt: ContinuousClock.Instant?
    private var askedAt: ContinuousClock.Instant?

    init() {}

    func age(at now: ContinuousClock.Instant) -> Duration? {
        keys == nil ? nil : readAt?.duration(to: now)
    }

    func isEmpty(at now: ContinuousClock.Instant) -> Bool {
        age(at: now).map { $0 > Self.cap } ?? true
    }

    func isOld(at now: ContinuousClock.Instant) -> Bool {
        age(at: now).map { $0 >= Self.life } ?? true
    }

    func key(_ id: String, at now: ContinuousClock.Instant) -> PSSKey? {
        isEmpty(at: now) ? nil : keys?[id]
    }

    func mayAsk(at now: ContinuousClock.Instant) -> Bool {
        askedAt.map { $0.duration(to: now) >= Self.pause } ?? true
    }

    /// Takes the right to ask now.
    mutating func ask(at now: ContinuousClock.Instant) -> Bool {
        guard mayAsk(at: now) else { return false }
        askedAt = now
        return true
    }

    mutating func learn(_ keys: PSSKeySet, at now: ContinuousClock.Instant) {
        self.keys = keys
        readAt = now
    }
}
