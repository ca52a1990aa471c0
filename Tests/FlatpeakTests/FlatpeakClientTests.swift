import Core
import Foundation
import Networking
import Resilience
import Synchronization
import TestSupport
import Testing
@testable import Flatpeak

@Suite struct FlatpeakClientTests {
    let upstream = ScriptedUpstream()
    let location = LocationID("loc_641b90b758fb8e6293716e40")

    private func object(_ text: String) throws -> NSDictionary {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary)
    }

    // MARK: - The public pages' samples, field by field

    @Test("upstream.md §2: the guide's mint is sent and read field by field")
    func mintSample() async throws {
        upstream.on("mint", .json(Samples.mintResponse))
        let order = MintOrder(
            connectURL: "http://localhost:7070", callbackURL: "https://app.example/callback",
            postalAddress: PostalAddress(
                address_line1: "1-3", address_line2: "Strand", city: "London", state: "Greater London",
                post_code: "WC2N 5EH", country_code: "GB"))
        let minted = try await FlatpeakClient.scripted(upstream).mint(order)

        let request = try #require(upstream.requests("mint").first)
        #expect(try object(request.text) == object(Samples.mintRequest))
        #expect(request.url == "https://api.test/connect/token")
        #expect(request.operation.name == "mint")
        #expect(request.header("authorization") == "Bearer bearer-1")
        #expect(request.header("content-type") == "application/json")
        #expect(request.header("flatpeak-version") == "2025-09-14.anode")
        #expect(minted.token.exposed == "cot_6587fa4362341be5b524de3b")
        #expect(minted.expiresIn == 86400)
    }

    @Test("upstream.md §3: the guide's claim is sent and read field by field")
    func claimSample() async throws {
        upstream.on("claim", .json(Samples.claimResponse))
        let token = try #require(ConnectToken("cot_6587fa4362341be5b524de3b"))
        let claim = try await FlatpeakClient.scripted(upstream).claim(token)
        #expect(claim == .located(try #require(location), pricesAvailable: false))
        let request = try #require(upstream.requests("claim").first)
        #expect(request.url == "https://api.test/connect/token?connect_token=cot_6587fa4362341be5b524de3b")
        #expect(request.body == nil)
    }

    @Test func `the key set is read without bearer and version, and again when the first try breaks`() async throws {
        upstream.on("jwks", [{ _ in .failure(.broken) }, { _ in .success(.json(#"{"keys":[]}"#)) }])
        let keys = try await FlatpeakClient.scripted(upstream).keySet()
        #expect(keys == Array(#"{"keys":[]}"#.utf8))
        #expect(upstream.requests("jwks").map(\.url) == Array(repeating: "https://api.test/jwks.json", count: 2))
        #expect(upstream.requests("jwks").allSatisfy { $0.headers.isEmpty })
        #expect(upstream.requests("jwks").allSatisfy { $0.body == nil })
        #expect(upstream.requests("login").isEmpty)
    }

    @Test func `a key set that cannot be read says why`() async throws {
        for (answer, expected): (Result<HTTPAnswer, TransportFailure>, DocumentFailure) in [
            (.success(.json("{}", status: 404)), .status(404)), (.success(.json("{}", status: 302)), .status(302)),
            (.success(.json("{}", status: 503)), .status(503)), (.failure(.notConnected), .noAnswer(.notConnected)),
            (.failure(.timedOut), .noAnswer(.timedOut)), (.failure(.encoded), .noAnswer(.encoded)),
        ] {
            upstream.on("jwks", [{ _ in answer }])
            await #expect(throws: expected) { try await FlatpeakClient.scripted(upstream).keySet() }
        }
        // Flatpeak asked for a pause, which holds for all calls to its API.
        upstream.on("jwks", .json("{}", status: 429, retryAfter: 30))
        let client = FlatpeakClient.scripted(upstream)
        await #expect(throws: DocumentFailure.status(429)) { try await client.keySet() }
        let asked = upstream.requests("jwks").count
        await #expect(throws: DocumentFailure.notSent(.upstreamLimited(retryAfter: 30))) { try await client.keySet() }
        #expect(upstream.requests("jwks").count == asked)
    }

    @Test("upstream.md §6.1: the list page's answer passes field by field, without the account id")
    func tariffsSample() async throws {
        upstream.on("tariffs", .json(Samples.tariffs))
        #expect(Samples.tariffs.contains("account_id"))
        let body = try await FlatpeakClient.scripted(upstream).tariffs(
            TariffQuery(
                location: try #require(location), direction: .importing, type: .commodity,
                page: .startingAfter(try #require(Identifier("trf_1"))), limit: 30))
        #expect(try object(String(decoding: body, as: UTF8.self)) == object(Samples.tariffsForClients))
        #expect(
            upstream.requests("tariffs").map(\.url) == [
                "https://api.test/tariffs/elements?location_id=loc_641b90b758fb8e6293716e40&direction=IMPORT"
                    + "&type=COMMODITY&starting_after=trf_1&limit=30"
            ])
    }

    // MARK: - Login

    @Test("upstream.md §1: one login serves many calls, with the Basic pair")
    func loginOnce() async throws {
        upstream.on("claim", .json("{}"))
        let client = FlatpeakClient.scripted(upstream)
        for _ in 0..<3 { _ = try await client.claim(try #require(ConnectToken("cot_1"))) }
        let logins = upstream.requests("login")
        #expect(logins.count == 1)
        #expect(logins.first?.header("authorization") == "Basic " + Data("acc_1:key_1".utf8).base64EncodedString())
        #expect(logins.first?.url == "https://api.test/login")
    }

    @Test func `a crowd without a bearer logs in once`() async throws {
        upstream.on("claim", .json("{}"))
        let client = FlatpeakClient.scripted(upstream)
        let token = try #require(ConnectToken("cot_1"))
        try await withThrowingTaskGroup { group in
            for _ in 0..<200 { group.addTask { _ = try await client.claim(token) } }
            try await group.waitForAll()
        }
        #expect(upstream.requests("login").count == 1)
    }

    @Test("a bearer ages by the monotonic clock, whatever the wall clock says (R6)")
    func R6() async throws {
        let clock = TestClock()
        upstream.on("login", .json(#"{"bearer_token":"b","expires_in":"3600","live_mode":false}"#))
        upstream.on("claim", .json("{}"))
        let client = FlatpeakClient.scripted(upstream, clock: clock)
        let token = try #require(ConnectToken("cot_1"))
        _ = try await client.claim(token)
        clock.advance(by: 3539)
        clock.setWall(forwardBy: 300)
        _ = try await client.claim(token)
        clock.setWall(forwardBy: -600)
        _ = try await client.claim(token)
        #expect(upstream.requests("login").count == 1)
        clock.advance(by: 1)
        _ = try await client.claim(token)
        #expect(upstream.requests("login").count == 2)
    }

    @Test(arguments: [401, 403])
    func `a refused bearer is renewed once and the call sent once more`(status: Int) async throws {
        upstream.on(
            "login", .json(#"{"bearer_token":"old","expires_in":3600}"#),
            .json(#"{"bearer_token":"new","expires_in":3600}"#))
        upstream.on("mint", .json(#"{"message":"Forbidden"}"#, status: status), .json(Samples.mintResponse))
        _ = try await FlatpeakClient.scripted(upstream).mint(MintOrder(connectURL: "a://b", callbackURL: "c://d"))
        #expect(upstream.requests("mint").map { $0.header("authorization") } == ["Bearer old", "Bearer new"])
    }

    @Test(
        "a call that is refused with two bearers fails, and the bearer stays in use (I3)",
        arguments: [
            (#"{"message":"Forbidden"}"#, BFFError.upstreamRefused(status: 403, code: nil)),
            ("Bad credentials", .upstreamRefusedCredentials),
        ])
    func I3(body: String, error: BFFError) async throws {
        upstream.on(
            "login", .json(#"{"bearer_token":"old","expires_in":3600}"#),
            .json(#"{"bearer_token":"new","expires_in":3600}"#))
        upstream.on("mint", .json(body, status: 403))
        upstream.on("claim", .json("{}"))
        let client = FlatpeakClient.scripted(upstream)
        for _ in 0..<10 {
            await #expect(throws: error) {
                try await client.mint(MintOrder(connectURL: "a://b", callbackURL: "c://d"))
            }
            _ = try await client.claim(try #require(ConnectToken("cot_1")))
        }
        #expect(upstream.requests("mint").count == 11)
        #expect(upstream.requests("login").count == 2)
    }

    @Test func `a firewall's page is no answer about the bearer (I3)`() async throws {
        let page = HTTPAnswer(
            status: 403, contentType: "text/html", retryAfter: nil, body: Array("<html>Blocked</html>".utf8))
        upstream.on("mint", page)
        let client = FlatpeakClient.scripted(upstream)
        await #expect(throws: BFFError.upstreamBlocked(status: 403)) {
            try await client.mint(MintOrder(connectURL: "a://b", callbackURL: "c://d"))
        }
        #expect(upstream.requests("login").count == 1)
    }

    @Test func `a breaker that a refused retry opens is probed, too (I2)`() async throws {
        // Five calls fail, and their retries meet a pause that upstream asked for.
        let isLimited = Mutex(false)
        upstream.on(
            "claim",
            [
                { _ in
                    if isLimited.withLock({ $0 }) { return .success(.json("{}", status: 429, retryAfter: 3)) }
                    return .success(.json("{}", status: 503))
                }
            ])
        upstream.on("api_probe", .json("{}", status: 404))
        let clock = TestClock()
        let (waits, wait) = AsyncStream<Void>.makeStream()
        var time = clock.time
        time.sleep = { _ in for await _ in waits { return } }
        let client = FlatpeakClient(
            .init(
                apiURL: "https://api.test", connectURL: "https://connect.test",
                credentials: Credentials(account: Secret("acc_1"), keys: [Secret("key_1")])), transport: upstream,
            time: time, logger: .silent)
        let token = try #require(ConnectToken("cot_1"))
        let calls = (0..<5).map { user in
            Task { try? await client.claim(token, for: CallerKey(user)) }
        }
        try await until { upstream.requests("claim").count == 5 }
        isLimited.withLock { $0 = true }
        for user in 5...6 { _ = try? await client.claim(token, for: CallerKey(user)) }
        for _ in 0..<5 { wait.yield() }
        for call in calls { _ = await call.value }
        #expect(client.status.openBreakers == [.claim])
        clock.advance(by: 60)
        let probes = Task { await client.probeOpenBreakers() }
        for _ in 0..<10 { wait.yield() }
        try await until { client.status.openBreakers.isEmpty }
        probes.cancel()
        wait.finish()
        await probes.value
    }

    @Test func `one user's failing location costs others no read, and its own probe brings reads back (I2)`()
        async throws
    {
        let isDown = Mutex(true)
        upstream.on(
            "status",
            [
                { request in
                    let fails = request.url.contains("loc_bad") || isDown.withLock { $0 }
                    return .success(fails ? .json("{}", status: 500) : .json(#"{"tariff_status":{}}"#))
                }
            ])
        upstream.on(
            "api_probe", [{ _ in .success(.json("{}", status: isDown.withLock { $0 } ? 503 : 404)) }])
        let clock = TestClock()
        let client = FlatpeakClient.scripted(upstream, clock: clock)
        let good = try #require(LocationID("loc_good")), bad = try #require(LocationID("loc_bad"))
        let probes = Task { await client.probeOpenBreakers() }
        // A real outage: five users fail.
        for user in 0..<5 {
            await #expect(throws: BFFError.upstreamFailed(status: 500)) {
                try await client.status(of: good, for: CallerKey(user))
            }
        }
        #expect(client.status.openBreakers == [.reads])
        isDown.withLock { $0 = false }
        try await until { client.status.openBreakers == [] }
        for _ in 0..<50 {
            await #expect(throws: BFFError.upstreamFailed(status: 500)) {
                try await client.status(of: bad, for: CallerKey("mallory"))
            }
            _ = try await client.status(of: good, for: CallerKey("alice"))
        }
        probes.cancel()
        await probes.value
    }

    @Test(arguments: [
        ("live", #"{"bearer_token":"b","expires_in":60,"live_mode":false}"#),
        ("test", #"{"bearer_token":"b","expires_in":60,"live_mode":true}"#),
        ("test", #"{"bearer_token":"b","expires_in":60}"#),
    ])
    func `a login of the other mode mints nothing`(mode: String, reply: String) async throws {
        upstream.on("login", .json(reply))
        let client = FlatpeakClient.scripted(upstream, mode: FlatpeakMode(rawValue: mode))
        await #expect(throws: BFFError.upstreamModeDiffers) {
            try await client.mint(MintOrder(connectURL: "a://b", callbackURL: "c://d"))
        }
        #expect(upstream.requests("mint").isEmpty)
    }

    @Test("a bearer that cannot be a credential is not kept (S4)", arguments: ["", "a b", "a\\r\\nX: y", "a\\u0000"])
    func S4(bearer: String) async throws {
        upstream.on("login", .json(#"{"bearer_token":"\#(bearer)","expires_in":3600,"live_mode":false}"#))
        await #expect(throws: BFFError.upstreamInvalidAnswer) {
            try await FlatpeakClient.scripted(upstream).mint(MintOrder(connectURL: "a://b", callbackURL: "c://d"))
        }
        #expect(upstream.requests("mint").isEmpty)
    }

    // MARK: - Leniency

    @Test("upstream.md §2: expires_in may be a number or a string", arguments: ["86400", #""86400""#, "86400.0"])
    func expiresIn(text: String) async throws {
        upstream.on("mint", .json(#"{"connect_token":"cot_1","expires_in":\#(text),"live_mode":true,"new_field":[]}"#))
        let minted = try await FlatpeakClient.scripted(upstream).mint(
            MintOrder(connectURL: "a://b", callbackURL: "c://d"))
        #expect(minted.expiresIn == 86400)
        #expect(minted.liveMode)
    }

    @Test(arguments: [#""soon""#, "-1", "0", "null", "1e300", "[]"])
    func `a life that is no number of seconds is an invalid answer`(text: String) async throws {
        upstream.on("mint", .json(#"{"connect_token":"cot_1","expires_in":\#(text)}"#))
        await #expect(throws: BFFError.upstreamInvalidAnswer) {
            try await FlatpeakClient.scripted(upstream).mint(MintOrder(connectURL: "a://b", callbackURL: "c://d"))
        }
    }

    @Test(
        "upstream.md §3: the price flag has three names",
        arguments: [
            ("price_available", "true", true), ("tariff_available", "true", true),
            ("is_tariff_processed", "true", true),
            ("price_available", "false", false), ("something_new", "true", false),
        ])
    func priceFlag(name: String, value: String, expected: Bool) async throws {
        upstream.on("claim", .json(#"{"location_id":"loc_1","\#(name)":\#(value)}"#))
        let claim = try await FlatpeakClient.scripted(upstream).claim(try #require(ConnectToken("cot_1")))
        #expect(claim == .located(try #require(LocationID("loc_1")), pricesAvailable: expected))
    }

    @Test(
        "upstream.md §3: what a claim's answers mean",
        arguments: [
            (422, #"{"object":"error","code":"connect_not_completed"}"#, Claim.notFinished),
            (422, #"{"message":"Connect is processing"}"#, .notFinished),
            (404, #"{"message":"Not Found"}"#, .gone),
            (200, #"{"id":"cot_1","location_id":""}"#, .notFinished),
            (200, #"{"id":"cot_1"}"#, .notFinished),
        ])
    func claims(status: Int, body: String, expected: Claim) async throws {
        upstream.on("claim", .json(body, status: status))
        #expect(try await FlatpeakClient.scripted(upstream).claim(try #require(ConnectToken("cot_1"))) == expected)
    }

    @Test(
        "upstream.md §7: some 422s are about us, not about the session",
        arguments: [
            ("account_disabled", BFFError.upstreamRefused(status: 422, code: .init("account_disabled"))),
            ("api_version_not_supported", .upstreamVersionNotSupported),
        ])
    func claimAboutUs(code: String, expected: BFFError) async throws {
        upstream.on("claim", .json(#"{"object":"error","code":"\#(code)"}"#, status: 422))
        await #expect(throws: expected) {
            try await FlatpeakClient.scripted(upstream).claim(try #require(ConnectToken("cot_1")))
        }
    }

    @Test("upstream.md §6.2: a status may carry a blank, a slot may be unknown")
    func statuses() async throws {
        upstream.on(
            "status",
            .json(
                #"{"account_id":"acc_1","tariff_status":{"commodity_import":{"status":"CONNECTED"},"commodity_export":"#
                    + #"{"status":"CONNECTED "},"non_commodity_import":{"status":"ERROR","x":1},"#
                    + #""local":{"status":"SOMETHING"},"a_new_one":{"kind":[1]}}}"#))
        let status = try await FlatpeakClient.scripted(upstream).status(of: try #require(location))
        #expect(status[slot: TariffSlot(direction: .importing, type: .commodity)] == .connected)
        #expect(status[slot: TariffSlot(direction: .exporting, type: .commodity)] == .connected)
        #expect(status[slot: TariffSlot(direction: .importing, type: .nonCommodity)] == .error)
        #expect(status[slot: TariffSlot(direction: .exporting, type: .nonCommodity)] == nil)
        #expect(!String(decoding: status.body, as: UTF8.self).contains("acc_1"))
        #expect(upstream.requests("status").first?.url == "https://api.test/locations/\(try #require(location))/status")
    }

    @Test("upstream.md §6.1: a 404 for a known location tries the other spelling once, and the answer is remembered")
    func tariffSpelling() async throws {
        upstream.on("tariffs", .json(#"{"message":"Not Found"}"#, status: 404), .json(#"{"data":[]}"#))
        let client = FlatpeakClient.scripted(upstream)
        let query = TariffQuery(location: try #require(location))
        _ = try await client.tariffs(query)
        _ = try await client.tariffs(query)
        let paths = upstream.requests("tariffs").map { $0.url.dropFirst("https://api.test".count).prefix { $0 != "?" } }
        #expect(paths == ["/tariffs/elements", "/tariffs", "/tariffs"])
    }

    @Test("upstream.md §6.3: prices are read through POST")
    func prices() async throws {
        upstream.on("prices", .json(#"{"object":"price","account_id":"acc_1","data":[]}"#))
        let start = Date(timeIntervalSince1970: 1_700_000_000)
        let body = try await FlatpeakClient.scripted(upstream).prices(
            of: try #require(location), from: start, to: start.addingTimeInterval(3600), direction: .exporting)
        #expect(String(decoding: body.body, as: UTF8.self) == #"{"object":"price","data":[]}"#)
        let request = try #require(upstream.requests("prices").first)
        #expect(
            request.text
                == #"{"end_time":"2023-11-14T23:13:20Z","start_time":"2023-11-14T22:13:20Z","tariff_direction":"EXPORT"}"#
        )
    }

    @Test(
        "upstream.md §6.3: why there are no prices is reported in Flatpeak's codes",
        arguments: BFFError.PriceGap.allCases)
    func noPrices(gap: BFFError.PriceGap) async throws {
        upstream.on("prices", .json(#"{"object":"error","code":"\#(gap.rawValue)"}"#, status: 422))
        await #expect(throws: BFFError.noPrices(gap)) {
            try await FlatpeakClient.scripted(upstream).prices(
                of: try #require(location), from: nil, to: Date(), direction: nil)
        }
    }

    // MARK: - Errors

    @Test(
        "upstream.md §7: both error shapes",
        arguments: [
            (
                400, #"{"object":"error","code":"tariff_type_invalid"}"#,
                BFFError.upstreamRefused(status: 400, code: .init("tariff_type_invalid"))
            ),
            (400, #"{"message":"Bad Request"}"#, .upstreamRefused(status: 400, code: nil)),
            (400, #"{"code":"<script>"}"#, .upstreamRefused(status: 400, code: nil)),
            (422, #"{"code":"api_version_not_supported"}"#, .upstreamVersionNotSupported),
            (429, "{}", .upstreamLimited(retryAfter: 7)), (500, #"{"message":"x"}"#, .upstreamFailed(status: 500)),
            (302, "", .upstreamInvalidAnswer), (200, "<html>", .upstreamInvalidAnswer),
            (200, "", .upstreamInvalidAnswer),
        ])
    func errors(status: Int, body: String, expected: BFFError) async throws {
        upstream.on("mint", .json(body, status: status, retryAfter: 7))
        await #expect(throws: expected) {
            try await FlatpeakClient.scripted(upstream).mint(MintOrder(connectURL: "a://b", callbackURL: "c://d"))
        }
    }

    @Test(
        "an answer that is nonsense is a typed error (S39)",
        arguments: [
            "[]", "null", #"{"tariff_status":7}"#, #"{"tariff_status":{"commodity_import":{"status":1}}}"#,
            "{\"tariff_status\":{}",
            "{\"tariff_status\":{},\"x\":\"\u{1}\"}", #"{"tariff_status":{},"x":NaN}"#,
            #"{"tariff_status":{},"x":"# + String(repeating: "[", count: 100_000),
        ])
    func S39(body: String) async throws {
        upstream.on("status", .json(body))
        await #expect(throws: BFFError.upstreamInvalidAnswer) {
            try await FlatpeakClient.scripted(upstream).status(of: try #require(location))
        }
    }
}
