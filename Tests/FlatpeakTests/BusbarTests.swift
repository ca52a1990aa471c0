import Core
import Foundation
import Logging
import Networking
import Resilience
import Synchronization
import TestSupport
import Testing

@testable import Flatpeak

/// `2026-08-01.busbar` (upstream.md §9): what is asked, what is read, and the order in which spellings are tried.
@Suite struct BusbarTests {
    let upstream = ScriptedUpstream()
    let clock = TestClock()
    let location = LocationID("loc_1")!
    let own = SessionID("cs_1")!
    let caller = CallerKey(1)

    private var client: FlatpeakClient { .scripted(upstream, version: .busbar, clock: clock) }

    /// Answers calls to these paths alone, and others with 404.
    private func know(_ operation: String, _ paths: String..., answer: String) {
        upstream.on(
            operation,
            [
                { request in
                    let path = request.url.dropFirst("https://api.test".count).prefix { $0 != "?" }
                    return .success(
                        paths.contains(String(path)) ? .json(answer) : .json(#"{"code":"not_found"}"#, status: 404))
                }
            ])
    }

    private func urls(_ operation: String) -> [String] {
        upstream.requests(operation).map { "\($0.method) \($0.url.dropFirst("https://api.test".count))" }
    }

    // MARK: - Login

    @Test(
        "a login is read by each name that its documents leave open",
        arguments: [
            (#"{"bearer_token":"b","expires_in":60}"#, 60), (#"{"token":"b","expires_in":"60"}"#, 60),
            (#"{"token":"b","time_expiry":"2023-11-14T22:14:20Z"}"#, 60),
            (#"{"bearer_token":"b","time_expiry":"2023-11-14T23:13:20Z","live_mode":true}"#, 3600),
        ])
    func login(answer: String, seconds: Double) throws {
        let reply = try BusbarTable.login(from: .json(answer), at: clock.wall)
        #expect(reply.bearer_token == "b")
        #expect(reply.expires_in.value == seconds)
    }

    @Test(
        "a login without a usable bearer or life is no answer",
        arguments: [
            #"{"expires_in":60}"#, #"{"token":"b"}"#, #"{"token":"b","time_expiry":"2023-11-14T22:13:20Z"}"#,
            #"{"token":"b","time_expiry":"soon"}"#, #"{"token":"b","expires_in":0}"#, "[]",
        ])
    func noLogin(answer: String) {
        #expect(throws: BFFError.upstreamInvalidAnswer) {
            try BusbarTable.login(from: .json(answer), at: clock.wall)
        }
    }

    @Test func `the bearer comes from the newer route, and from the older one where there is no such route`()
        async throws
    {
        upstream.on("claim", .json(#"{"location_id":"loc_1"}"#))
        let token = try #require(ConnectToken("cot_1"))
        know("login", "/auth/tokens", answer: #"{"token":"b","time_expiry":"2023-11-14T23:13:20Z"}"#)
        _ = try await client.claim(token)
        #expect(urls("login") == ["POST /auth/tokens"])
        #expect(upstream.requests("login").first?.header("authorization")?.hasPrefix("Basic ") == true)
        #expect(upstream.requests("claim").last?.header("authorization") == "Bearer b")
        know("login", "/login", answer: #"{"bearer_token":"c","expires_in":60}"#)
        _ = try await client.claim(token)
        #expect(urls("login") == ["POST /auth/tokens", "POST /auth/tokens", "GET /login"])
        #expect(upstream.requests("claim").last?.header("authorization") == "Bearer c")
    }

    // MARK: - Spellings

    @Test func `spellings are tried in their order, the one that is known comes first, and the log names it once`()
        async throws
    {
        know("mint", "/connect/sessions", answer: #"{"connect_token":"cot_1","expires_in":60}"#)
        let log = RecordedLog()
        let client = FlatpeakClient.scripted(upstream, version: .busbar, clock: clock, logger: log.logger)
        let order = MintOrder(connectURL: "a://b", callbackURL: "c://d", location: location)
        for _ in 0..<3 { _ = try await client.mint(order) }
        #expect(
            urls("mint") == [
                "POST /connect", "POST /connect/sessions", "POST /connect/sessions", "POST /connect/sessions",
            ])
        #expect(log.lines.filter { $0.contains("bff.operation=mint") }.count == 1)
        #expect(log.lines.contains { $0.contains("POST /connect/sessions") })
        // What was known is not taken for granted.
        know("mint", "/connect", answer: #"{"id":"cot_2","expires_in":60}"#)
        #expect(try await client.mint(order).token.exposed == "cot_2")
        #expect(urls("mint").suffix(2) == ["POST /connect/sessions", "POST /connect"])
    }

    @Test func `any other refusal ends the trial`() async throws {
        upstream.on("mint", .json(#"{"code":"location_not_found"}"#, status: 400))
        let order = MintOrder(connectURL: "a://b", callbackURL: "c://d", location: location)
        await #expect(throws: BFFError.self) { try await client.mint(order) }
        #expect(urls("mint") == ["POST /connect"])
        upstream.on("mint", .json("{}", status: 404))
        await #expect(throws: BFFError.upstreamRefused(status: 404, code: nil)) { try await client.mint(order) }
    }

    @Test func `no token is in the log`() async throws {
        know("claim", "/connect/cot_secret", answer: #"{"location_id":"loc_1"}"#)
        let log = RecordedLog()
        let client = FlatpeakClient.scripted(upstream, version: .busbar, clock: clock, logger: log.logger)
        _ = try await client.claim(try #require(ConnectToken("cot_secret")))
        #expect(log.lines.contains { $0.contains("GET /connect/{id}") })
        #expect(!log.lines.contains { $0.contains("cot_") })
    }

    // MARK: - Sessions

    @Test func `a mint names its location, and route options in the older spelling alone`() async throws {
        know("mint", "/connect/sessions", answer: #"{"connect_token":"cot_1","expires_in":60}"#)
        _ = try await client.mint(
            MintOrder(
                connectURL: "a://b", callbackURL: "c://d", direction: .exporting, type: .nonCommodity,
                location: location, routeOptions: RouteOptions(tariff_name_capture: true),
                postalAddress: PostalAddress(city: "London")))
        #expect(
            upstream.requests("mint").map(\.text) == [
                #"{"callback_url":"c://d","connect_url":"a://b","location_id":"loc_1"}"#,
                #"{"callback_url":"c://d","connect_url":"a://b","location_id":"loc_1","#
                    + #""route_options":{"tariff_name_capture":true}}"#,
            ])
        #expect(upstream.requests("mint").first?.header("flatpeak-version") == "2026-08-01.busbar")
    }

    @Test(arguments: ["tariff_id", "action", "postal_address_type"])
    func `what a session cannot be asked for is refused without a call`(field: String) async throws {
        var order = MintOrder(connectURL: "a://b", callbackURL: "c://d", location: location)
        switch field {
        case "tariff_id": order.tariff = TariffID("trf_1")
        case "action": order.action = .edit
        default: order.postalAddressType = .residential
        }
        let client = client, refused = order
        #expect(throws: BFFError.invalidField(.init(field), reason: .notListed)) { try client.check(refused) }
        await #expect(throws: BFFError.self) { try await client.mint(refused) }
        #expect(upstream.requests().isEmpty)
    }

    @Test(
        "the token is the one that begins cot_, and its life is given or ends at an instant",
        arguments: [
            (#"{"id":"cot_1","time_expiry":"2023-11-15T22:13:20Z","live_mode":true}"#, "cot_1", 86400),
            (#"{"id":"cse_9","connect_token":"cot_2","expires_in":"86400"}"#, "cot_2", 86400),
            (#"{"connect_token":"cot_3","expires_in":60}"#, "cot_3", 60),
            (#"{"id":"cse_9","expires_in":60}"#, nil, 0), (#"{"id":"cot_1"}"#, nil, 0),
            (#"{"id":"cot_1","time_expiry":"2023-11-14T22:13:19Z"}"#, nil, 0),
        ] as [(String, String?, Double)])
    func minted(answer: String, token: String?, seconds: Double) throws {
        guard let token else {
            #expect(throws: BFFError.upstreamInvalidAnswer) {
                try BusbarTable.minted(from: .json(answer), at: clock.wall)
            }
            return
        }
        let minted = try BusbarTable.minted(from: .json(answer), at: clock.wall)
        #expect(minted.token.exposed == token)
        #expect(minted.expiresIn == seconds)
    }

    @Test func `a session is read by its path, and by its query where there is no such route`() async throws {
        let token = try #require(ConnectToken("cot_1"))
        let answer = #"{"id":"cot_1","location_id":"loc_1","data_available":true}"#
        know("claim", "/connect/cot_1", answer: answer)
        #expect(try await client.claim(token) == .located(location, pricesAvailable: true))
        #expect(urls("claim") == ["GET /connect/cot_1"])
        know("claim", "/connect/sessions", answer: answer)
        #expect(try await client.claim(token) == .located(location, pricesAvailable: true))
        #expect(urls("claim").suffix(2) == ["GET /connect/cot_1", "GET /connect/sessions?connect_token=cot_1"])
        upstream.on("claim", .json("{}", status: 404))
        #expect(try await client.claim(token) == .gone)
        upstream.on("claim", .json(#"{"code":"connect_session_not_completed"}"#, status: 422))
        #expect(try await client.claim(token) == .notFinished)
    }

    @Test(
        "a location alone decides nothing",
        arguments: [
            (#"{"location_id":"loc_1","data_available":false}"#, Claim.undecided(LocationID("loc_1")!)),
            (#"{"location_id":"loc_1"}"#, .undecided(LocationID("loc_1")!)),
            (#"{"location_id":"loc_1","price_available":true}"#, .located(LocationID("loc_1")!, pricesAvailable: true)),
            (#"{"location_id":"loc_1","state":"COMPLETE","later":true}"#, .undecided(LocationID("loc_1")!)),
            (#"{"data_available":true}"#, .notFinished), (#"{"location_id":""}"#, .notFinished),
        ])
    func claim(answer: String, expected: Claim) throws {
        #expect(try BusbarTable.claim(from: .json(answer)) == expected)
    }

    // MARK: - Locations

    /// One answer of Flatpeak's to `POST /locations`.
    enum Made: Sendable {
        case made, lost, status(Int, String)

        var answer: Result<HTTPAnswer, TransportFailure> {
            switch self {
            case .made: .success(.json(#"{"id":"loc_1","object":"location"}"#, status: 201))
            case .lost: .failure(.broken)
            case .status(let status, let body): .success(.json(body, status: status))
            }
        }
    }

    @Test(
        "a location is looked up after a lost answer alone, by our own reference alone",
        arguments: [
            ([Made.made], #"[]"#, "loc_1", 0), ([.lost, .made], #"[]"#, "loc_1", 0),
            ([.status(500, "{}"), .made], #"[]"#, "loc_1", 0), ([.status(403, "{}"), .made], #"[]"#, "loc_1", 0),
            ([.lost, .status(409, "{}")], #"[{"id":"loc_9","reference_id":"cs_1"}]"#, "loc_9", 1),
            (
                [.status(502, "<html>"), .status(409, "{}")],
                #"[{"id":"loc_8","reference_id":"cs_2"},{"id":"loc_9","reference_id":"cs_1"},{"id":"loc_7"}]"#,
                "loc_9", 1
            ),
            ([.lost, .status(409, "{}")], #"[{"id":"loc_8","reference_id":"cs_2"}]"#, nil, 1),
            (
                [.lost, .status(409, "{}")],
                #"[{"id":"loc_8","reference_id":"cs_1"},{"id":"loc_9","reference_id":"cs_1"}]"#, nil, 1
            ),
            ([.status(409, "{}")], #"[{"id":"loc_9","reference_id":"cs_1"}]"#, nil, 0),
            ([.lost, .lost], #"[]"#, nil, 0),
        ] as [([Made], String, String?, Int)])
    func createLocation(answers: [Made], list: String, expected: String?, lookUps: Int) async throws {
        upstream.on("location_create", answers.map { answer in { _ in answer.answer } })
        upstream.on("locations", .json(#"{"data":\#(list)}"#))
        let made = try? await client.createLocation(own, at: PostalAddress(city: "London"), for: caller)
        #expect(made?.text == expected)
        #expect(urls("location_create") == Array(repeating: "POST /locations", count: answers.count))
        #expect(urls("locations") == Array(repeating: "GET /locations?reference_id=cs_1", count: lookUps))
        #expect(
            upstream.requests("location_create").allSatisfy {
                $0.text == #"{"postal_address":{"city":"London"},"reference_id":"cs_1"}"#
            })
    }

    @Test(
        "an address is required where Flatpeak refuses a location without one",
        arguments: [
            (400, "{}", true, BFFError.postalAddressRequired), (422, "{}", true, .postalAddressRequired),
            (
                422, #"{"code":"account_disabled"}"#, true,
                .upstreamRefused(status: 422, code: .init("account_disabled"))
            ),
            (422, "{}", false, .upstreamRefused(status: 422, code: nil)),
            (409, "{}", true, .upstreamRefused(status: 409, code: nil)),
        ])
    func addressRequired(status: Int, body: String, isMissing: Bool, expected: BFFError) async throws {
        upstream.on("location_create", .json(body, status: status))
        let address = isMissing ? nil : PostalAddress(city: "London")
        await #expect(throws: WriteFailure.refused(expected)) {
            try await client.createLocation(own, at: address, for: caller)
        }
    }

    private static func element(_ status: String, _ rest: String = #""temporary":false"#) -> String {
        #"{"tariff_elements":[{"status":"\#(status)","tariff_id":"trf_1","type":"COMMODITY","direction":"IMPORT","#
            + #""connect_token":"cot_9",\#(rest)}]}"#
    }

    @Test(
        "how tariffs stand is read from the location, and an estimate is not the customer's tariff",
        arguments: [
            (element("CONNECTED"), TariffStatus.connected), (element("CONNECTED "), .connected),
            (element("ERROR"), .error), (element("ERROR_REPORTED"), .other), (element("PAUSED"), .other),
            (element("CONNECTED", #""temporary":true"#), .error), (#"{"tariff_elements":[]}"#, .notConnected),
        ])
    func status(body: String, expected: TariffStatus) async throws {
        upstream.on("status", .json(body))
        let status = try await client.status(of: location)
        #expect(urls("status") == ["GET /locations/loc_1"])
        #expect(status[slot: TariffSlot(direction: .importing, type: .commodity)] == expected)
        #expect(status[slot: TariffSlot(direction: .exporting, type: .commodity)] == .notConnected)
        #expect(!String(decoding: status.body, as: UTF8.self).contains("cot_"))
        upstream.on("location", .json(#"{"id":"loc_1",\#(body.dropFirst())"#))
        let clients = try await client.location(location, for: caller)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(clients)) as? [String: Any])
        let read = try #require((object["tariff_status"] as? [String: String])?["commodity_import"])
        #expect(TariffStatus(read) == expected)
        #expect(!String(decoding: clients, as: UTF8.self).contains("cot_"))
    }

    @Test func `a location without its tariffs says nothing of them`() async throws {
        upstream.on("status", .json(#"{"id":"loc_1"}"#))
        await #expect(throws: BFFError.upstreamInvalidAnswer) { try await client.status(of: location) }
    }

    // MARK: - Prices, schedules, devices

    @Test func `prices and schedules have the location in the body, and in the path where there is no such route`()
        async throws
    {
        let end = Date(timeIntervalSince1970: 3600), start = Date(timeIntervalSince1970: 0)
        upstream.on("prices", .json("{}"))
        know("schedule_duration", "/schedules/duration/loc_1", answer: #"{"data":[]}"#)
        let client = client
        _ = try await client.prices(of: location, from: nil, to: end, direction: .exporting)
        #expect(urls("prices") == ["POST /prices"])
        #expect(
            upstream.requests("prices").last?.text
                == #"{"end_time":"1970-01-01T01:00:00Z","location_id":"loc_1","tariff_direction":"EXPORT"}"#)
        _ = try await client.schedule(
            ScheduleQuery(location: location, start: start, end: end, segment: .low, measure: .duration(minutes: 30)),
            for: caller)
        #expect(urls("schedule_duration") == ["POST /schedules/duration", "POST /schedules/duration/loc_1"])
        #expect(
            upstream.requests("schedule_duration").map { $0.text.contains(#""location_id":"loc_1""#) } == [true, false])
        #expect(client.longestScheduleDays == 3)
    }

    @Test func `a schedule by the newer name of its price, and formula rates, reach clients`() async throws {
        let row = #"{"start_time":"a","end_time":"b","price":{"value":0.1,"confidence":1},"vpp_event":false}"#
        upstream.on("schedule_limit", .json(#"{"data":[\#(row)]}"#))
        let answer = try await client.schedule(
            ScheduleQuery(location: location, start: .now, end: .now, segment: .low, measure: .absolute(1)),
            for: caller)
        #expect(String(decoding: answer.body, as: UTF8.self).contains(#""price":{"average":0.1,"confidence":1}"#))
        let formula = #"{"value":"index*unitScale","variables":{"index":"a","unitScale":0.001,"tax":1.2}}"#
        upstream.on("tariffs", .json(#"{"data":[{"id":"trf_1","schedule":[{"rate":\#(formula)}]}]}"#))
        let tariffs = try await client.tariffs(TariffQuery(location: location))
        #expect(String(decoding: tariffs, as: UTF8.self).contains(formula))
        #expect(urls("tariffs") == ["GET /tariffs?location_id=loc_1"])
    }

    @Test func `a device names its places, and needs a reference and a type`() throws {
        var order = DeviceOrder(
            reference: "a", location: location, type: .solar, manufacturer: "m",
            pvSystem: PVSystem(install_date: "2026-01-01", azimuth: 180, forecasts: .init(enabled: true)))
        #expect(
            String(decoding: try BusbarTable.body(of: order), as: UTF8.self)
                == #"{"locations":["loc_1"],"manufacturer":"m","properties":{"install_date":"2026-01-01","#
                + #""pv_azimuth":180,"pv_forecasts_enabled":true},"reference_id":"a","type":"PV_SYSTEM"}"#)
        order.pvSystem?.rated_power_kw = 4
        #expect(throws: BFFError.invalidField("pv_system.rated_power_kw", reason: .notListed)) {
            try BusbarTable.body(of: order)
        }
        order.type = nil
        #expect(throws: BFFError.invalidField("type", reason: .missing)) { try BusbarTable.body(of: order) }
        order.reference = nil
        #expect(throws: BFFError.invalidField("reference_id", reason: .missing)) { try BusbarTable.body(of: order) }
    }
}

/// What was logged, with its metadata.
private final class RecordedLog: Sendable {
    private let written = Mutex<[String]>([])

    var lines: [String] { written.withLock { $0 } }

    var logger: Logger {
        Logger(label: "test") { _ in Handler { line in self.written.withLock { $0.append(line) } } }
    }

    private struct Handler: LogHandler {
        let write: @Sendable (String) -> Void
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        init(_ write: @escaping @Sendable (String) -> Void) { self.write = write }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let facts = (event.metadata ?? [:]).map { "\($0.key)=\($0.value)" }.sorted()
            write(([event.message.description] + facts).joined(separator: " "))
        }
    }
}
