import Core
import Edge
import Flatpeak
import Foundation
import Gateway
import NIOSSL
import Relay
import Resilience
import ServiceLifecycle
import Sessions
import Synchronization
import Telemetry
import TestSupport
import Testing

/// The gateway on a real socket, between clients and an upstream whose bytes a test writes.
struct RelayFixture {
    /// What a test may set before it starts.
    struct Setup {
        var origins: Set<String> = []
        var addressLimit: RateLimit?
        var callLimit: RateLimit?
        var proxies = TrustedProxies([], unix: false)
        var hosts: Set<String> = []
        var capacity = EdgeSettings.Capacity()
        var readsPlain = true
        /// Nil for that of the staged upstream.
        var connectURL: String?
        var certificateAuthorities: [UInt8]?
        var upstreamTLS: NIOSSLContext?
        var authenticator: any Authenticator = DevAuthenticator()
        var tracer: SpanTracer?
    }

    let port: Int
    let adminPort: Int
    /// Every route that is served.
    let routes: [Route]
    let upstream: StagedServer
    let api: ScriptedUpstream
    let sessions: Sessions
    let clock: TestClock
    let lines: Lines
    /// Requests in flight, and requests that wait for a slot.
    let load: @Sendable () -> (inFlight: Int, waiting: Int)
    private let group: ServiceGroup
    let relay: SessionRelay
    private let ticks: TickCounter

    /// The request lines that were written.
    final class Lines: Sendable {
        private let state = Mutex<[RequestLine]>([])
        var all: [RequestLine] { state.withLock { $0 } }
        func append(_ line: RequestLine) { state.withLock { $0.append(line) } }
    }

    static let subject = Subject("alice")

    /// Runs `body` with a gateway that is stopped afterwards.
    static func run(_ setup: Setup = Setup(), _ body: (RelayFixture) async throws -> Void) async throws {
        let upstream = try await StagedServer(tls: setup.upstreamTLS)
        let clock = TestClock()
        let lines = Lines()
        let api = ScriptedUpstream()
        let tokens = countingBytes()
        api.on(
            "mint",
            [
                { _ in
                    .success(
                        .json(
                            #"{"connect_token":"cot_\#(tokens(12).hexadecimal)","expires_in":86400,"live_mode":false}"#)
                    )
                }
            ])
        let scheme = setup.upstreamTLS == nil ? "http" : "https"
        let flatpeak = FlatpeakClient.scripted(
            api, connectURL: setup.connectURL ?? "\(scheme)://127.0.0.1:\(upstream.port)", clock: clock,
            tracer: setup.tracer)
        let service = ServiceFixture(
            flatpeak: flatpeak, store: InMemoryStore(), now: { clock.wall }, webhookTime: clock.time)
        let sessions = service.sessions
        var edge = EdgeSettings(
            hosts: setup.hosts, origins: setup.origins, trustedProxies: setup.proxies,
            rateLimits: .init(address: setup.addressLimit))
        edge.capacity = setup.capacity
        edge.readsPlainCalls = setup.readsPlain
        // The clock is the test's; this is only how soon its moves are noticed.
        edge.times.tick = .milliseconds(5)
        let table = service.table(
            authenticator: setup.authenticator, edge: edge, now: { clock.monotonic }, log: lines.append,
            tracer: setup.tracer)
        let relay = try SessionRelay(
            at: Route.relayPaths, sessions: sessions, calls: flatpeak.relayCalls, slots: table.edge.fastPathSlots,
            tls: try UpstreamTLS(certificateAuthorities: setup.certificateAuthorities), instance: "self",
            limit: setup.callLimit,
            tracer: setup.tracer)
        let ticks = TickCounter(relay)
        let connections = ClientConnections(
            table.edge, router: table, fastPath: ticks, now: { clock.monotonic },
            secondsSince1970: { Int(clock.wall.timeIntervalSince1970) }, randomBytes: countingBytes())
        let (ports, port) = AsyncStream<Int>.makeStream()
        let server = GatewayServer(connections, at: .tcp(host: "127.0.0.1", port: 0)) {
            port.yield($0 ?? 0)
        }
        let (adminPorts, adminPort) = AsyncStream<Int>.makeStream()
        let admin = AdminServer(
            Route.probes(flatpeak: flatpeak, cache: service.cache, isReady: { true }),
            at: .tcp(host: "127.0.0.1", port: 0),
            times: edge.times, now: { clock.monotonic },
            secondsSince1970: { Int(clock.wall.timeIntervalSince1970) }, randomBytes: countingBytes(), logger: .silent,
            listening: { adminPort.yield($0 ?? 0) })
        let group = ServiceGroup(configuration: .init(services: [admin, server], logger: .silent))
        let running = Task { try await group.run() }
        var iterator = ports.makeAsyncIterator(), adminIterator = adminPorts.makeAsyncIterator()
        let fixture = RelayFixture(
            port: try #require(await iterator.next()), adminPort: try #require(await adminIterator.next()),
            routes: table.routes, upstream: upstream, api: api,
            sessions: sessions,
            clock: clock, lines: lines, load: { table.load }, group: group, relay: relay, ticks: ticks)
        let result: Result<Void, any Error>
        do { result = .success(try await body(fixture)) } catch { result = .failure(error) }
        await upstream.stop()
        // Ends what waits for its time, since the service waits for its clients.
        clock.advance(by: 200)
        await group.triggerGracefulShutdown()
        try await running.value
        try result.get()
    }

    /// The service is asked to stop; `run` waits for it.
    func stop() async {
        await group.triggerGracefulShutdown()
    }

    func mint() async throws -> ConnectSession {
        try await sessions.minter.mint(Array("{}".utf8), as: nil, for: try #require(Self.subject)).session
    }

    /// What is known of a session.
    func facts(of session: ConnectSession) async throws -> SessionFacts {
        try await sessions.outcomes.session(session.id, of: session.subject).facts
    }

    func client() async throws -> RawClient {
        try await RawClient(port: port)
    }

    /// A call of the relay.
    static func call(
        _ session: ConnectSession, path: String = "/", fields: String = "", version: String = "1.1",
        route: String = "session_start"
    ) -> String {
        post(
            #"{"connect_token":"\#(session.connectToken.exposed)","route":"\#(route)"}"#, path: path, fields: fields,
            version: version)
    }

    static func post(_ body: String, path: String = "/", fields: String = "", version: String = "1.1") -> String {
        "POST \(path) HTTP/\(version)\r\nHost: bff.test\r\nContent-Type: application/json\r\n\(fields)"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    static func get(_ path: String = "/livez", fields: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: bff.test\r\n\(fields)\r\n"
    }

    /// Waits until every event loop has looked at the time, and has read what had arrived before.
    func tick() async throws {
        try await ticks.next()
    }

    /// Lets time pass until the task is cancelled; what a client sent before is not older than it should be.
    func passTime() -> Task<Void, any Error> {
        Task {
            while true {
                clock.advance(by: 5)
                try await tick()
            }
        }
    }
}
