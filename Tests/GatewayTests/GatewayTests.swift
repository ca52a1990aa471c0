import Core
import Edge
import Flatpeak
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTesting
import InMemoryLogging
import Logging
import NIOCore
import NIOPosix
import Networking
import Relay
import Resilience
import Sessions
import Synchronization
import TestSupport
import Testing

@testable import Gateway

/// The routes without sockets, against a scripted upstream.
@Suite struct GatewayTests {
    let upstream = ScriptedUpstream()
    let logs = InMemoryLogHandler()
    let store = InMemoryStore()
    let service: ServiceFixture
    let table: RouteTable
    /// In front of the router where there are sockets.
    let connections: ClientConnections

    static let origin = "http://localhost:7070"
    static let subject = HTTPField.Name("X-Dev-Subject")!
    static let json: HTTPFields = [.contentType: "application/json"]

    init() throws {
        let logs = logs
        var logger = Logger(label: "test") { _ in logs }
        logger.logLevel = .trace
        service = ServiceFixture(
            flatpeak: .scripted(upstream), store: store, settings: .test(app: Self.origin), logger: logger)
        table = service.table(edge: EdgeSettings(origins: [Self.origin]))
        connections = ClientConnections(
            table.edge, router: table,
            fastPath: try SessionRelay(
                at: Route.relayPaths, sessions: service.sessions, calls: service.flatpeak.relayCalls,
                slots: table.edge.fastPathSlots, tls: try UpstreamTLS(), instance: "self", limit: nil),
            secondsSince1970: { 0 }, randomBytes: countingBytes())
        upstream.on("mint", .json(#"{"connect_token":"cot_a","expires_in":86400,"live_mode":false}"#))
    }

    private func send(
        _ method: HTTPRequest.Method, _ path: String, _ headers: HTTPFields = [:], _ body: String? = nil
    ) async throws -> TestResponse {
        try await Application(responder: InProcessRouter(table)).test(.router) { client in
            try await client.execute(
                uri: path, method: method, headers: headers, body: body.map { ByteBuffer(string: $0) })
        }
    }

    private func code(_ response: TestResponse) throws -> String {
        struct Body: Decodable { let code: String, request_id: String }
        let body = try JSONDecoder().decode(Body.self, from: Data(response.body.readableBytesView))
        #expect(response.headers[HTTPField.Name("X-Request-Id")!] == body.request_id)
        return body.code
    }

    // MARK: - Policy

    @Test("every route has a policy, and only those with a body limit read one (S26)")
    func S26() {
        for route in table.routes {
            #expect(route.template.hasPrefix("/"))
            #expect((route.policy.bodyLimit != nil) == [.post, .put].contains(route.method), "\(route.template)")
            if case .anyone = route.handler { #expect(route.policy.origins != .listed, "\(route.template)") }
        }
        #expect(Set(table.routes.map { "\($0.method) \($0.template)" }).count == table.routes.count)
    }

    @Test(
        "every answer carries the security headers (S24)",
        arguments: ["/livez", "/nope", "/v1/connect/sessions/x", "/"])
    func S24(path: String) async throws {
        let response = try await send(.get, path)
        #expect(response.headers[.xContentTypeOptions] == "nosniff")
        #expect(response.headers[.contentSecurityPolicy] == "default-src 'none'; frame-ancestors 'none'")
        #expect(response.headers[.referrerPolicy] == "no-referrer")
        #expect(response.headers[.crossOriginResourcePolicy] == "same-origin")
        #expect(response.headers[.cacheControl] == "no-store, no-transform")
        #expect(response.headers[.contentType]?.contains("charset=utf-8") == true)
    }

    @Test(
        "HSTS when a proxy of ours says that the client used https, and not on anybody else's word (S24)",
        arguments: [true, false])
    func S24hsts(isTrusted: Bool) async throws {
        let proxies = TrustedProxies(isTrusted ? [try #require(AddressRange("127.0.0.1"))] : [])
        let behindProxy = service.table(edge: EdgeSettings(trustedProxies: proxies))
        try await Application(
            responder: InProcessRouter(behindProxy), configuration: .init(address: .hostname("127.0.0.1", port: 0))
        ).test(.live) { client in
            for (value, isSet) in [("https", isTrusted), ("http", false)] {
                let fields: HTTPFields = [try #require(HTTPField.Name("X-Forwarded-Proto")): value]
                let response = try await client.execute(uri: "/v1/locations", method: .get, headers: fields)
                #expect((response.headers[.strictTransportSecurity] != nil) == isSet)
            }
        }
    }

    @Test("a method that is not on the route is 405 with Allow, and does nothing (S25)")
    func S25() async throws {
        for (path, method, allow) in [
            ("/v1/connect/sessions", HTTPRequest.Method.get, "OPTIONS, POST"),
            ("/v1/connect/sessions", .head, "OPTIONS, POST"),
            ("/v1/connect/sessions/cs_1", .delete, "GET, HEAD, OPTIONS"), ("/", .trace, "OPTIONS, POST"),
            ("/livez", .connect, "GET, HEAD, OPTIONS"),
        ] {
            let response = try await send(method, path)
            #expect(response.status == .methodNotAllowed)
            #expect(response.headers[.allow] == allow)
        }
        let unknown = try await send(try #require(HTTPRequest.Method("PROPFIND")), "/livez")
        #expect(unknown.status == .notImplemented)
        #expect(try code(unknown) == "method_unknown")
        #expect(upstream.requests().isEmpty)
    }

    @Test(arguments: [
        "//livez", "/livez/", "/v1//connect", "/v1/connect/sessions/%2e%2e", "/v1/connect/sessions/a%2Fb",
    ])
    func `a path has one spelling`(path: String) async throws {
        #expect(try await send(.get, path).status == .notFound)
    }

    @Test("beyond the capacity a request waits for its place, more are refused at once, and probes answer (R13)")
    func R13() async throws {
        let (gate, open) = AsyncStream<Void>.makeStream()
        upstream.on(
            "mint",
            [
                { _ in
                    for await _ in gate {}; return .success(.json("{}", status: 500))
                }
            ])
        var edge = EdgeSettings()
        edge.capacity = .init(router: 2, timeout: .seconds(30))
        let small = service.table(edge: edge)
        try await Application(responder: InProcessRouter(small)).test(.router) { client in
            // Of as many users, since one alone has a share of the slots.
            let send = { @Sendable (method: HTTPRequest.Method, path: String, user: String) in
                var fields = Self.json
                fields[try #require(HTTPField.Name("X-Dev-Subject"))] = user
                return try await client.execute(
                    uri: path, method: method, headers: fields, body: ByteBuffer(string: "{}"))
            }
            let accepted = (0..<2).map { user in Task { try await send(.post, "/v1/connect/sessions", "\(user)") } }
            try await until { upstream.requests("mint").count == 2 }
            let waiting = Task { try await send(.get, "/v1/locations", "alice") }
            try await until { small.load == (2, 1) }
            for path in ["/v1/connect/sessions", "/"] {
                let refused = try await send(.post, path, "bob")
                #expect(refused.status == .serviceUnavailable)
                #expect(refused.headers[.retryAfter] == "1")
                #expect(try code(refused) == "overloaded")
            }
            #expect(try await send(.get, "/livez", "bob").status == .ok)
            open.finish()
            for task in accepted { #expect(try await task.value.status == .badGateway) }
            #expect(try await waiting.value.status == .ok)
            #expect(small.load == (0, 0))
        }
    }

    @Test(
        "a request is refused at its route's deadline; a read is cancelled, and a mint runs to its end in its slot",
        arguments: [true, false])
    func deadline(isRead: Bool) async throws {
        let (gate, open) = AsyncStream<Void>.makeStream()
        let slow: ScriptedUpstream.Answer = { _ in
            for await _ in gate {}
            return Task.isCancelled
                ? .failure(.cancelled)
                : .success(.json(#"{"connect_token":"cot_late","expires_in":86400,"live_mode":false}"#))
        }
        upstream.on("status", [slow])
        upstream.on("mint", [slow])
        store.bind(try #require(LocationID("loc_1")), to: try #require(Subject("demo")))
        let clock = TestClock()
        var edge = EdgeSettings()
        edge.times.tick = .milliseconds(5)
        let table = service.table(edge: edge, now: { clock.monotonic })
        let request =
            isRead
            ? "GET /v1/locations/loc_1/status HTTP/1.1\r\nHost: a\r\n\r\n"
            : "POST /v1/connect/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                + "Idempotency-Key: tap\r\nContent-Length: 2\r\n\r\n{}"
        try await serving(table, now: { clock.monotonic }) { port in
            let client = try await RawClient(port: port)
            try await client.send(request)
            try await until { upstream.requests(isRead ? "status" : "mint").count == 1 }
            clock.advance(by: 21)
            let answer = try await client.answer()
            #expect(answer.status == 503)
            #expect(answer.body.contains(#""overloaded""#))
            if !isRead {
                #expect(table.load == (1, 0))
                open.finish()
            }
            try await until { table.load == (0, 0) }
            guard !isRead else { return }
            try await client.send(request)
            #expect(try await client.answer().status == 201)
            #expect(upstream.requests("mint").count == 1)
        }
    }

    @Test("a read without a waiting client is cancelled at once; a mint runs to its end (R14)")
    func R14() async throws {
        let (ended, end) = AsyncStream<Bool>.makeStream()
        let (started, start) = AsyncStream<Void>.makeStream()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let slow: ScriptedUpstream.Answer = { _ in
            start.yield()
            for await _ in gate {}
            end.yield(Task.isCancelled)
            return Task.isCancelled ? .failure(.cancelled) : .success(.json("{}", status: 500))
        }
        upstream.on("status", [slow])
        upstream.on("mint", [slow])
        store.bind(try #require(LocationID("loc_1")), to: try #require(Subject("demo")))
        try await serving(table) { port in
            for (request, isRead) in [
                ("GET /v1/locations/loc_1/status HTTP/1.1\r\nHost: a\r\n\r\n", true),
                (
                    "POST /v1/connect/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                        + "Content-Length: 2\r\n\r\n{}", false
                ),
            ] {
                let connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                    .connect(host: "127.0.0.1", port: port).get()
                try await connection.writeAndFlush(ByteBuffer(string: request))
                for await _ in started { break }
                let left = ContinuousClock.now
                try await connection.close()
                if !isRead { open.finish() }
                for await wasCancelled in ended {
                    #expect(wasCancelled == isRead)
                    if isRead { #expect(left.duration(to: .now) < .seconds(5)) }
                    break
                }
            }
        }
    }

    @Test("liveness makes no call, readiness is about this process (R18)")
    func R18() async throws {
        #expect(try await send(.get, "/livez").status == .ok)
        let before = try await send(.get, "/readyz")
        #expect(before.status == .serviceUnavailable)
        #expect(try code(before) == "not_ready")
        #expect(upstream.requests().isEmpty)
        // A login that fails is Flatpeak's trouble; the process is ready.
        upstream.on("login", .json("{}", status: 500))
        _ = try await send(.post, "/v1/connect/sessions", Self.json, "{}")
        #expect(try await send(.get, "/readyz").status == .ok)
    }

    // MARK: - Bodies

    @Test func `a body is JSON, whole and small`() async throws {
        let path = "/v1/connect/sessions"
        var response = try await send(.post, path, [.contentType: "text/plain"], "{}")
        #expect(response.status == .unsupportedMediaType)
        #expect(try code(response) == "content_type_unsupported")
        response = try await send(.post, path, [:], "{}")
        #expect(response.status == .unsupportedMediaType)
        response = try await send(.post, path, Self.json, "{")
        #expect(response.status == .badRequest)
        #expect(try code(response) == "json_malformed")
        response = try await send(.post, path, Self.json, "\"" + String(repeating: "x", count: 64 << 10) + "\"")
        #expect(response.status == .contentTooLarge)
        #expect(try code(response) == "body_too_large")
        response = try await send(.post, path, [.contentType: "Application/JSON ; charset=utf-8"], "{}")
        #expect([.created, .badRequest].contains(response.status))
    }

    // MARK: - CORS

    @Test(
        "a listed origin may read, any other learns nothing (S21, S22)",
        arguments: [
            ("http://localhost:7070", true), ("http://localhost:7071", false), ("https://localhost:7070", false),
            ("http://localhost:7070.evil.example", false), ("http://LOCALHOST:7070", false), ("null", false),
            ("http://localhost:7070/", false), ("http://user@localhost:7070", false), ("http://localhost.:7070", false),
        ])
    func S21(origin: String, isListed: Bool) async throws {
        for path in ["/", "/v1/connect/sessions"] {
            let preflight = try await send(
                .options, path, [.origin: origin, .accessControlRequestMethod: "POST"])
            #expect(preflight.status == .noContent)
            #expect(preflight.headers[.accessControlAllowOrigin] == (isListed ? origin : nil))
            #expect((preflight.headers[.accessControlAllowMethods] != nil) == isListed)
            #expect((preflight.headers[.accessControlMaxAge] != nil) == isListed)
            #expect(preflight.headers[.vary] == "Origin, Sec-Fetch-Site")
            let answer = try await send(.post, path, [.contentType: "application/json", .origin: origin], "{}")
            #expect(answer.headers[.accessControlAllowOrigin] == (isListed ? origin : nil))
            #expect(answer.headers[.accessControlAllowCredentials] == nil)
        }
        let probe = try await send(.get, "/livez", [.origin: origin])
        #expect(probe.headers[.accessControlAllowOrigin] == nil)
    }

    @Test func `a page of a listed origin reads what no route answers, after a preflight that passes`() async throws {
        let long = "\"" + String(repeating: "x", count: 64 << 10) + "\""
        for (origin, isListed) in [(Self.origin, true), ("https://evil.example", false)] {
            let fields: HTTPFields = [.origin: origin, .contentType: "application/json"]
            for (method, path, body, status) in [
                (.get, "/v1/nope", "", 404), (.get, "//v1/locations", "", 404), (.get, "/v1/loc\u{301}", "", 404),
                (.put, "/v1/locations", "", 405), (.get, "/v1/connect", "", 405),
                (.post, "/v1/connect/sessions", long, isListed ? 413 : 403),
                (HTTPRequest.Method("FROB") ?? .get, "/v1/locations", "", 501),
            ] as [(HTTPRequest.Method, String, String, Int)] {
                let answer = try await send(method, path, fields, body)
                #expect(answer.status.code == status, "\(method) \(path)")
                #expect(answer.headers[.accessControlAllowOrigin] == (isListed ? origin : nil), "\(method) \(path)")
                #expect(answer.headers[.vary] == "Origin, Sec-Fetch-Site", "\(method) \(path)")
                let exposed = answer.headers[.accessControlExposeHeaders]
                #expect((exposed?.contains("X-Request-Id") == true) == isListed)
            }
            let preflight = try await send(
                .options, "/v1/nope", [.origin: origin, .accessControlRequestMethod: "GET"])
            #expect(preflight.status.code == (isListed ? 204 : 404))
            #expect(preflight.headers[.accessControlAllowOrigin] == (isListed ? origin : nil))
            #expect((preflight.headers[.accessControlAllowMethods] != nil) == isListed)
        }
    }

    @Test(
        "Origin is compared by its bytes (I8)",
        arguments: [
            "http://localhost:7070\u{301}", "http://loc\u{AD}alhost:7070", "http://\u{212A}.test", "http://K.test",
        ])
    func originBytes(origin: String) {
        let rules = CrossOrigin(origins: ["http://\u{212A}.test", Self.origin], headers: [])
        #expect((rules.index(of: origin) != nil) == (origin.utf8.count == 15))
    }

    @Test(
        "pages of other sites are refused; these headers only ever deny (S20)",
        arguments: [
            ([:], true), ([.origin: "http://localhost:7070"], true), ([.origin: "https://evil.example"], false),
            ([.origin: "null"], false), ([.secFetchSite: "same-origin"], true), ([.secFetchSite: "none"], true),
            ([.secFetchSite: "cross-site"], false), ([.secFetchSite: "same-site"], false),
            ([.secFetchSite: "x"], false),
            ([.secFetchSite: "cross-site", .origin: "http://localhost:7070"], true),
            ([.secFetchSite: "same-origin", .origin: "https://evil.example"], false),
        ] as [(HTTPFields, Bool)])
    func S20(fields: HTTPFields, isAdmitted: Bool) async throws {
        for (method, path) in [
            (HTTPRequest.Method.post, "/v1/connect/sessions"), (.get, "/v1/locations"), (.post, "/"),
            (.delete, "/v1/locations/loc_1"),
        ] {
            var headers = fields
            headers[.contentType] = "application/json"
            let response = try await send(method, path, headers, "{}")
            #expect((response.status != .forbidden) == isAdmitted, "\(method) \(path)")
            if !isAdmitted { #expect(try code(response) == "origin_not_allowed") }
        }
        #expect(try await send(.get, "/v1/connect/callback?fp_cot=cot_x", fields).status == .notFound)
    }

    @Test("with a proxy's identity, which is a cookie to the browser, a bare request changes nothing (S20)")
    func S20proxy() {
        let rules = CrossOrigin(origins: [Self.origin], headers: [])
        #expect(!rules.admits(RequestHeadFacts(), carriesItsCredential: false, isSafe: false))
        #expect(rules.admits(RequestHeadFacts(), carriesItsCredential: false, isSafe: true))
        #expect(rules.admits(RequestHeadFacts(), carriesItsCredential: true, isSafe: false))
    }

    @Test("mint N+1 is refused with Retry-After and RateLimit, per subject, before Flatpeak is asked (S15)")
    func S15() async throws {
        let limited = service.table(
            edge: EdgeSettings(rateLimits: .init(mint: RateLimit(count: 2, period: .seconds(60)))))
        try await Application(responder: InProcessRouter(limited)).test(.router) { client in
            let mint = { @Sendable (subject: String) in
                try await client.execute(
                    uri: "/v1/connect/sessions", method: .post,
                    headers: [.contentType: "application/json", Self.subject: subject], body: ByteBuffer(string: "{}"))
            }
            let first = try await mint("alice")
            #expect(first.headers[.rateLimitPolicy] == #""mint";q=2;w=60"#)
            #expect(first.headers[.rateLimit] == #""mint";r=1;t=0"#)
            #expect(try await mint("alice").status == .created)
            let third = try await mint("alice")
            #expect(third.status == .tooManyRequests)
            #expect(try code(third) == "rate_limited")
            #expect((29...30).contains(Int(third.headers[.retryAfter] ?? "") ?? 0))
            #expect(third.headers[.rateLimit]?.hasPrefix(#""mint";r=0;t="#) == true)
            #expect(upstream.requests("mint").count == 2)
            #expect(try await mint("bob").status == .created)
        }
    }

    // MARK: - Sessions

    @Test func `a minted session is readable by its owner alone`() async throws {
        let minted = try await send(.post, "/v1/connect/sessions", Self.json, "{}")
        #expect(minted.status == .created)
        let body = try #require(
            try JSONSerialization.jsonObject(with: Data(minted.body.readableBytesView)) as? [String: Any])
        #expect(body["connect_token"] as? String == "cot_a")
        #expect(body["launch_url"] as? String == "http://localhost:7070/?fp_cot=cot_a")
        #expect(body["state"] as? String == "created")
        #expect(Set(body.keys) == ["id", "object", "state", "connect_token", "launch_url", "expires_at", "live_mode"])

        let id = try #require(body["id"] as? String)
        let read = try await send(.get, "/v1/connect/sessions/\(id)")
        #expect(read.status == .ok)
        #expect(!String(buffer: read.body).contains("cot_a"))
        let other = try await send(.get, "/v1/connect/sessions/\(id)", [Self.subject: "bob"])
        let unknown = try await send(.get, "/v1/connect/sessions/cs_unknown", [Self.subject: "bob"])
        #expect(other.status == .notFound)
        let withoutID = { (response: TestResponse) in
            String(buffer: response.body).replacing(/req_[0-9a-f]*/, with: "")
        }
        #expect(withoutID(other) == withoutID(unknown))
    }

    @Test func `a caller who cannot be a subject is 401 before anything is done`() async throws {
        let response = try await send(
            .post, "/v1/connect/sessions", [.contentType: "application/json", Self.subject: " "], "{}")
        #expect(response.status == .unauthorized)
        #expect(upstream.requests().isEmpty)
    }

    @Test("a read of another user's resource is answered like a missing one; generated from the route table (S12)")
    func S12() async throws {
        let mine: HTTPFields = [Self.subject: "alice"], theirs: HTTPFields = [Self.subject: "bob"]
        // Over at once, so that its events come to an end.
        upstream.on("mint", .json(#"{"connect_token":"cot_a","expires_in":0.001,"live_mode":false}"#))
        let minted = try await send(
            .post, "/v1/connect/sessions", [.contentType: "application/json", Self.subject: "alice"], "{}")
        let id = try #require(String(buffer: minted.body).firstMatch(of: /"(cs_[0-9a-f]+)"/)?.1)
        let location = try #require(LocationID("loc_1")), alice = try #require(Subject("alice"))
        store.bind(location, to: alice)
        let device = try #require(DeviceID("dev_1")), batch = try #require(BatchID("bat_1"))
        #expect(try await store.add(StoredDevice(id: device, location: location, subject: alice, createdAt: Date())))
        #expect(
            try await store.keep(
                StoredBatch(id: batch, location: location, subject: alice, isProcessed: false, sentAt: Date())))
        for operation in ["meters_interval", "meters_cumulative", "meters_batch"] {
            upstream.on(operation, .json(#"{"id":"bat_1"}"#))
        }
        upstream.on("device_create", .json(#"{"id":"dev_2"}"#, status: 201))
        upstream.on("device_delete", .json("{}", status: 202))
        upstream.on("status", .json(#"{"tariff_status":{}}"#))
        upstream.on("tariffs", .json(#"{"data":[]}"#))
        upstream.on("prices", .json("{}"))
        upstream.on("location", .json(#"{"id":"loc_1"}"#))
        upstream.on("cost_instant", .json(#"{"data":{"start_time":"a","end_time":"b"}}"#))
        for operation in ["schedule_duration", "schedule_limit", "schedule_amount", "cost_interval", "cost_session"] {
            upstream.on(operation, .json(#"{"data":[]}"#))
        }
        let window = "start_time=2026-01-01T00:00:00Z&end_time=2026-01-02T00:00:00Z"
        // An id of alice's and an id that does not exist, for each route that takes an id.
        let owned: [String: (String, String)] = [
            "/v1/connect/sessions/{id}": ("/v1/connect/sessions/\(id)", "/v1/connect/sessions/cs_unknown"),
            "/v1/connect/sessions/{id}/events": (
                "/v1/connect/sessions/\(id)/events", "/v1/connect/sessions/cs_unknown/events"
            ),
            "/v1/connect/sessions/{id}/confirm": (
                "/v1/connect/sessions/\(id)/confirm", "/v1/connect/sessions/cs_unknown/confirm"
            ),
            "/v1/locations/{id}": ("/v1/locations/loc_1", "/v1/locations/loc_unknown"),
            "/v1/locations/{id}/events": ("/v1/locations/loc_1/events", "/v1/locations/loc_unknown/events"),
            "/v1/locations/{id}/status": ("/v1/locations/loc_1/status", "/v1/locations/loc_unknown/status"),
            "/v1/locations/{id}/prices": (
                "/v1/locations/loc_1/prices?end_time=2026-01-01T00:00:00Z",
                "/v1/locations/loc_unknown/prices?end_time=2026-01-01T00:00:00Z"
            ),
            "/v1/locations/{id}/schedules/duration": (
                "/v1/locations/loc_1/schedules/duration?\(window)&segment=LOW&duration=60",
                "/v1/locations/loc_unknown/schedules/duration?\(window)&segment=LOW&duration=60"
            ),
            "/v1/locations/{id}/schedules/limit": (
                "/v1/locations/loc_1/schedules/limit?\(window)&segment=LOW&relative=1",
                "/v1/locations/loc_unknown/schedules/limit?\(window)&segment=LOW&relative=1"
            ),
            "/v1/locations/{id}/schedules/amount": (
                "/v1/locations/loc_1/schedules/amount", "/v1/locations/loc_unknown/schedules/amount"
            ),
            "/v1/locations/{id}/costs": (
                "/v1/locations/loc_1/costs?\(window)", "/v1/locations/loc_unknown/costs?\(window)"
            ),
            "/v1/locations/{id}/costs/sessions/{ref}": (
                "/v1/locations/loc_1/costs/sessions/a", "/v1/locations/loc_unknown/costs/sessions/a"
            ),
            "/v1/locations/{id}/costs/simulate": (
                "/v1/locations/loc_1/costs/simulate", "/v1/locations/loc_unknown/costs/simulate"
            ),
            "/v1/locations/{id}/meters/interval": (
                "/v1/locations/loc_1/meters/interval", "/v1/locations/loc_unknown/meters/interval"
            ),
            "/v1/locations/{id}/meters/cumulative": (
                "/v1/locations/loc_1/meters/cumulative", "/v1/locations/loc_unknown/meters/cumulative"
            ),
            "/v1/locations/{id}/meters/batches/{batch}": (
                "/v1/locations/loc_1/meters/batches/bat_1", "/v1/locations/loc_1/meters/batches/bat_unknown"
            ),
            "/v1/locations/{id}/devices": ("/v1/locations/loc_1/devices", "/v1/locations/loc_unknown/devices"),
            "/v1/locations/{id}/devices/{device}": (
                "/v1/locations/loc_1/devices/dev_1", "/v1/locations/loc_1/devices/dev_unknown"
            ),
            "/v1/tariffs/elements": (
                "/v1/tariffs/elements?location_id=loc_1", "/v1/tariffs/elements?location_id=loc_2"
            ),
        ]
        // Of the routes that need one.
        let bodies = [
            "/v1/connect/sessions/{id}/confirm": #"{"code":"AAECAwQFBgcICQoLDA0ODw"}"#,
            "/v1/locations/{id}/schedules/amount":
                #"{"max_power":{"units":"KW","value":7},"data":[{"device_id":"dev_1","#
                + #""end_time":"\#((Date() + 36_000).formatted(.iso8601))","energy":{"units":"KWH","value":1}}]}"#,
            "/v1/locations/{id}/costs/simulate":
                #"{"units":"WH","value":1,"start_time":"2026-01-01T00:00:00Z","end_time":"2026-01-02T00:00:00Z"}"#,
            "/v1/locations/{id}/meters/interval":
                #"[{"units":"WH","value":1,"start_time":"2026-01-01T00:00:00Z","end_time":"2026-01-01T00:15:00Z"}]"#,
            "/v1/locations/{id}/meters/cumulative": #"{"units":"WH","data":[{"time":1,"value":1}]}"#,
            "/v1/locations/{id}/devices": "{}",
        ]
        // Routes of a user that take no id of anything.
        let own: Set = ["/v1/connect/sessions", "/v1/locations"]
        let ofUsers = table.routes.filter { if case .user = $0.handler { true } else { false } }
        // Reads first, and last what takes the location away.
        let order: [HTTPRequest.Method] = [.get, .post, .put, .delete]
        let ordered = ofUsers.sorted {
            (order.firstIndex(of: $0.method) ?? 0, -$0.template.utf8.count)
                < (order.firstIndex(of: $1.method) ?? 0, -$1.template.utf8.count)
        }
        for route in ordered where !own.contains(route.template) {
            let body = route.policy.bodyLimit.map { _ in bodies[route.template] ?? "" }
            #expect(body != "", "a route without a body: \(route.template)")
            let type: HTTPFields = body == nil ? [:] : Self.json
            let (path, nobodys) = try #require(owned[route.template], "a route without a rule: \(route.template)")
            let asked = upstream.requests().count
            let foreign = try await send(route.method, path, theirs + type, body)
            let unknown = try await send(route.method, nobodys, theirs + type, body)
            #expect(foreign.status == .notFound, "\(path)")
            #expect(unknown.status == .notFound, "\(path)")
            let withoutID = { (response: TestResponse) in
                String(buffer: response.body).replacing(/req_[0-9a-f]*/, with: "")
            }
            #expect(withoutID(foreign) == withoutID(unknown), "\(path)")
            #expect(upstream.requests().count == asked, "\(path)")
            // The stream of a location has no end of its own; its head is decided in the same way.
            let method = route.template == "/v1/locations/{id}/events" ? .head : route.method
            let own = try await send(method, path, mine + type, body)
            // No code was given out; that is another answer than a stranger's.
            let isCode = String(buffer: own.body).contains("confirmation_code_unknown")
            #expect(own.status.kind == .successful || isCode, "\(path) \(String(buffer: own.body))")
        }
    }

    @Test(
        "a mint without JSON or without credentials is refused (S9, S19)",
        arguments: [
            "application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "application/jsonp",
            "",
        ])
    func S19(contentType: String) async throws {
        let response = try await send(
            .post, "/v1/connect/sessions", contentType.isEmpty ? [:] : [.contentType: contentType], "{}")
        #expect(response.status == .unsupportedMediaType)
        let anonymous = try await send(
            .post, "/v1/connect/sessions", [.contentType: "application/json", Self.subject: " "], "{}")
        #expect(anonymous.status == .unauthorized)
        #expect(upstream.requests().isEmpty)
    }

    @Test("the key is a header, and the second answer is the first (S16)")
    func S16() async throws {
        let key = try #require(HTTPField.Name("Idempotency-Key"))
        let fields: HTTPFields = [.contentType: "application/json", key: "8e03978e-40d5-43dd-bc93-6894a57f9324"]
        let first = try await send(.post, "/v1/connect/sessions", fields, "{}")
        let second = try await send(.post, "/v1/connect/sessions", fields, "{}")
        #expect(first.status == .created)
        #expect(second.status == .created)
        #expect(String(buffer: first.body) == String(buffer: second.body))
        #expect(upstream.requests("mint").count == 1)
        let other = try await send(.post, "/v1/connect/sessions", fields, #"{"direction":"EXPORT"}"#)
        #expect(try code(other) == "idempotency_key_reused")
        let malformed = try await send(
            .post, "/v1/connect/sessions", [.contentType: "application/json", key: "a b"], "{}")
        #expect(try code(malformed) == "field_invalid")
    }

    @Test(arguments: [
        "", "?location_id=", "?location_id=a/b", "?location_id=loc_1&location_id=loc_2",
        "?location_id=loc_1&direction=UP",
        "?location_id=loc_1&type=GAS", "?location_id=loc_1&limit=0", "?location_id=loc_1&limit=101",
        "?location_id=loc_1&limit=1e1", "?location_id=loc_1&limit=01", "?location_id=loc_1&starting_after=a%20b",
        "?location_id=loc_1&starting_after=a&ending_before=b",
    ])
    func `a tariff query is checked before anybody is asked`(query: String) async throws {
        store.bind(try #require(LocationID("loc_1")), to: try #require(Subject("demo")))
        let response = try await send(.get, "/v1/tariffs/elements\(query)")
        #expect(response.status == .unprocessableContent)
        #expect(try code(response) == "field_invalid")
    }

    @Test(
        "upstream.md §6.3: moments in any form of RFC 3339",
        arguments: [
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), ("2026-01-01t00:00:00z", "2026-01-01T00:00:00Z"),
            ("2026-01-01T01:30:00%2B01:30", "2026-01-01T00:00:00Z"),
            ("2026-01-01T00:00:00-23:59", "2026-01-01T23:59:00Z"),
            ("2026-01-01T00:00:00.250Z", "2026-01-01T00:00:00Z"), ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ])
    func instants(text: String, expected: String) async throws {
        upstream.on("prices", .json("{}"))
        store.bind(try #require(LocationID("loc_1")), to: try #require(Subject("demo")))
        let response = try await send(.get, "/v1/locations/loc_1/prices?end_time=\(text)")
        #expect(response.status == .ok, "\(String(buffer: response.body))")
        #expect(upstream.requests("prices").first?.text == #"{"end_time":"\#(expected)"}"#)
    }

    @Test(arguments: [
        ("", "end_time is required."), ("?end_time=tomorrow", timestamp("end_time")),
        ("?end_time=2026-01-01", timestamp("end_time")),
        ("?end_time=2026-01-02T00:00:00Z&direction=UP", "direction is not one of"),
        ("?end_time=2026-02-30T00:00:00Z", timestamp("end_time")),
        ("?end_time=2026-03-01T00:00:00Z&start_time=2026-02-29T00:00:00Z", timestamp("start_time")),
        ("?end_time=2026-01-02T24:00:00Z", timestamp("end_time")),
        ("?end_time=2026-01-02T23:59:60Z", timestamp("end_time")),
        ("?end_time=2026-01-02T00:00:00%2B24:00", timestamp("end_time")),
        ("?end_time=2026-01-02T00:00:00Z&start_time=2026-01-01T00:00:00", timestamp("start_time")),
        (
            "?end_time=2026-01-02T00:00:00Z&start_time=2026-01-02T00:00:00Z",
            "end_time must be later than start_time."
        ),
        (
            "?end_time=2026-01-02T00:00:00Z&start_time=2025-10-03T00:00:00Z",
            "end_time must be at most 90 days after start_time."
        ),
    ])
    func `a price query is checked before anybody is asked`(query: String, detail: String) async throws {
        store.bind(try #require(LocationID("loc_1")), to: try #require(Subject("demo")))
        let response = try await send(.get, "/v1/locations/loc_1/prices\(query)")
        #expect(response.status == .unprocessableContent)
        #expect(try code(response) == "field_invalid")
        #expect(String(buffer: response.body).contains(detail))
    }

    private static func timestamp(_ field: String) -> String {
        "\(field) must be an RFC 3339 date and time, such as 2026-01-31T00:00:00Z."
    }

    @Test(
        "90 days of a calendar are 90 days, also where the clocks change",
        arguments: [
            ("2026-08-01T00:00:00%2B02:00", "2026-10-30T00:00:00%2B01:00", true),
            ("2026-07-31T22:00:00Z", "2026-10-29T23:00:00Z", true),
            ("2026-07-31T22:00:00Z", "2026-10-29T23:00:01Z", false),
            ("2026-01-01T00:00:00%2B01:00", "2026-04-01T00:00:00%2B02:00", true),
        ])
    func ninetyDays(start: String, end: String, passes: Bool) async throws {
        upstream.on("prices", .json("{}"))
        store.bind(try #require(LocationID("loc_1")), to: try #require(Subject("demo")))
        let response = try await send(.get, "/v1/locations/loc_1/prices?start_time=\(start)&end_time=\(end)")
        #expect(response.status == (passes ? .ok : .unprocessableContent))
        #expect(upstream.requests("prices").count == (passes ? 1 : 0))
    }

    // MARK: - Callback

    @Test func `the callback is a page, and a HEAD ends nothing`() async throws {
        upstream.on("claim", .json(#"{"message":"processing"}"#, status: 422))
        _ = try await send(.post, "/v1/connect/sessions", Self.json, "{}")
        #expect(try await send(.head, "/v1/connect/callback?fp_cot=cot_a").status == .ok)
        #expect(upstream.requests("claim").isEmpty)
        let page = try await send(.get, "/v1/connect/callback?fp_cot=cot_a")
        #expect(page.status == .ok)
        #expect(page.headers[.contentType] == "text/html; charset=utf-8")
        #expect(String(buffer: page.body).contains("You can go back to the app."))
        #expect(try await send(.get, "/v1/connect/callback").status == .badRequest)
        #expect(try await send(.get, "/v1/connect/callback?fp_cot=cot_x").status == .notFound)
        #expect(try await send(.get, "/v1/connect/callback?fp_cot=%3Cscript%3E").status == .badRequest)
    }

    @Test(
        "The callback answers a client that asks for JSON with what it adds to the return URL, and to all others as before",
        arguments: [
            ("application/json", true), ("APPLICATION/JSON ; q=0.9", true), ("text/html;q=0.8, application/json", true),
            ("application/json;q=0", false), ("application/json, text/html", false), ("*/*", false), ("", false),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", false),
            ("application/*", false), ("application/json;q=x", false),
        ])
    func callbackInJSON(_ accept: String, _ isJSON: Bool) async throws {
        upstream.on("claim", .json(#"{"message":"processing"}"#, status: 422))
        let minted = try await send(.post, "/v1/connect/sessions", Self.json, "{}")
        let id = try #require(String(buffer: minted.body).firstMatch(of: /cs_[0-9a-f]+/)).output
        let answer = try await send(.get, "/v1/connect/callback?fp_cot=cot_a", [.accept: accept])
        #expect(answer.status == .ok)
        if isJSON {
            #expect(answer.headers[.contentType] == "application/json; charset=utf-8")
            #expect(String(buffer: answer.body) == #"{"session":"\#(id)","status":"abandoned"}"#)
        } else {
            #expect(answer.headers[.contentType] == "text/html; charset=utf-8")
        }
        // The effects are the same.
        #expect(String(buffer: try await send(.get, "/v1/connect/sessions/\(id)").body).contains(#""abandoned""#))
    }

    @Test(
        "A refusal of the callback has its code for a client that asks for JSON, and is a page for all others",
        arguments: [
            ("", 400, "connect_token_missing"), ("?fp_cot=%3Cscript%3E", 400, "connect_token_missing"),
            ("?fp_cot=cot_x", 404, "connect_token_unknown"), ("?fp_cot=cot_x&fp_cot=cot_x", 422, "field_invalid"),
        ])
    func callbackRefusal(_ query: String, _ status: Int, _ expected: String) async throws {
        let path = "/v1/connect/callback\(query)"
        let problem = try await send(.get, path, [.accept: "application/json"])
        #expect(problem.status.code == status)
        #expect(problem.headers[.contentType] == "application/problem+json; charset=utf-8")
        #expect(try code(problem) == expected)
        for headers: HTTPFields in [[:], [.accept: "*/*"], [.accept: "text/html, application/json;q=0.9"]] {
            let page = try await send(.get, path, headers)
            #expect(page.status.code == status)
            #expect(page.headers[.contentType] == "text/html; charset=utf-8")
        }
    }

    @Test(
        "A page of the callback is in the language of `lang`, and else of the browser",
        arguments: [
            ("", "de-AT, en;q=0.5", "de"), ("&lang=fr", "de", "fr"), ("&lang=xx", "nl", "nl"), ("", "", "en"),
            ("&lang=fr&lang=nl", "de", "de"),
        ])
    func callbackLanguage(_ query: String, _ accepted: String, _ language: String) async throws {
        upstream.on("claim", .json(#"{"message":"processing"}"#, status: 422))
        _ = try await send(.post, "/v1/connect/sessions", Self.json, "{}")
        for token in ["cot_a", "cot_unknown"] {
            let page = try await send(
                .get, "/v1/connect/callback?fp_cot=\(token)\(query)", [.acceptLanguage: accepted])
            #expect(page.headers[.contentLanguage] == language)
            #expect(String(buffer: page.body).contains(#"<html lang="\#(language)">"#))
        }
    }

    // MARK: - Logs

    @Test("the log has the route's template and no token (S2)")
    func S2() async throws {
        _ = try await send(.post, "/v1/connect/sessions", Self.json, "{}")
        _ = try await send(.get, "/v1/connect/callback?fp_cot=cot_a")
        _ = try await send(.get, "/nothing/cot_here?x=cot_a")
        _ = try await send(.get, "/v1/locations/loc_secret/status")
        let lines = logs.entries.map { "\($0.message) \($0.metadata)" }
        #expect(lines.contains { $0.contains("/v1/locations/{id}/status") })
        #expect(lines.contains { $0.contains("NotFound") })
        for line in lines {
            #expect(!line.contains("cot_"))
            #expect(!line.contains("loc_secret"))
        }
    }
}
