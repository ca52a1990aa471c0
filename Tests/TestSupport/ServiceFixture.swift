package import ConnectPage
package import Core
package import Edge
package import Flatpeak
package import FoundationEssentials
package import Gateway
package import Logging
package import Networking
package import Sessions
package import Tracing
package import Webhooks

/// The service without sockets: the domain, the webhooks and the routes on a store in memory, against a scripted Flatpeak.
package struct ServiceFixture: Sendable {
    package let flatpeak: FlatpeakClient
    package let cache: SessionCache
    package let reads: LocationReads
    package let sessions: Sessions
    package let webhooks: Webhooks
    package let logos: ProviderLogos
    /// The wall clock of all parts.
    package let now: @Sendable () -> Date
    private let logger: Logger

    /// - Parameters:
    ///   - keySet: Flatpeak's key set; throws or nil where it cannot be read.
    ///   - time: What the domain waits by.
    ///   - webhookTime: What the webhooks wait by.
    ///   - clock: Times all parts out.
    package init(
        flatpeak: FlatpeakClient, store: InMemoryStore, settings: SessionSettings = .test(),
        keySet: @escaping @Sendable () async throws(DocumentFailure) -> [UInt8]? = { nil }, mode: FlatpeakMode? = nil,
        now: @escaping @Sendable () -> Date = { Date() }, time: ServiceClock = .real, webhookTime: ServiceClock = .real,
        clock: any Clock<Duration> = ContinuousClock(), logger: Logger = .silent
    ) {
        self.flatpeak = flatpeak
        self.now = now
        self.logger = logger
        logos = ProviderLogos(flatpeak, now: time.now)
        cache = SessionCache(store: store, now: now, time: time, clock: clock, timeout: .seconds(60), logger: logger)
        reads = LocationReads(flatpeak: flatpeak, cache: cache, time: time, now: now)
        sessions = Sessions(
            flatpeak: flatpeak, cache: cache, reads: reads,
            settings: settings, now: now, time: time, clock: clock, randomBytes: countingBytes(), logger: logger)
        webhooks = Webhooks(
            sessions: sessions, reads: reads, flatpeak: flatpeak, inbox: store, fetchKeys: keySet, mode: mode, now: now,
            time: webhookTime, clock: clock, timeout: .seconds(60), logger: logger)
    }

    /// The table of every route of the contract.
    package func table(
        authenticator: any Authenticator = DevAuthenticator(), edge: EdgeSettings = EdgeSettings(),
        page: ConnectPage? = ConnectPage(), writers: RoutePolicy.Callers = .users,
        brand: BrandSettings = BrandSettings(),
        now monotonic: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        log: (@Sendable (RequestLine) -> Void)? = nil, tracer: (any Tracer)? = nil
    ) -> RouteTable {
        RouteTable(
            Route.contract(
                sessions: sessions, cache: cache, reads: reads, flatpeak: flatpeak, webhooks: webhooks,
                writers: writers, page: page,
                logos: logos,
                now: now),
            authenticator: authenticator, edge: edge, messages: MessagePages(brand, in: page), now: monotonic,
            logger: logger, log: log, tracer: tracer)
    }
}

extension SessionSettings {
    /// A web app, which is the default, and the hosted page.
    /// - Parameters:
    ///   - app: Where the web app is.
    ///   - confirmation: Whether sessions of the hosted page need a confirmation.
    package static func test(
        app: String = "http://web.test", returnURLs: [String] = [], confirmation: ConfirmationRule = .off
    ) -> SessionSettings {
        SessionSettings(
            callbackURL: "http://bff.test/v1/connect/callback",
            apps: [.init(name: "web", url: app), .init(hostedAt: "http://bff.test")], returnURLs: returnURLs,
            confirmation: confirmation)
    }
}
