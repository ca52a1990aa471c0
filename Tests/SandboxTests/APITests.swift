import FoundationEssentials
import Testing

@testable import Sandbox

/// The API host: upstream.md §0 to §3, §5 and §6.
@Suite struct APITests {
    private static let account = "acc_5a4db0c5000000000000ac01"

    // MARK: - Login

    @Test("upstream.md §1: login answers a JWT, its life and the mode of the key")
    func login() throws {
        var emulation = Emulation { $0.keys = ["sk_test_sandbox", "sk_live_sandbox"] }
        let reply = emulation.api("GET", "/login", headers: [("authorization", basic(Self.account, "sk_live_sandbox"))])
        #expect(reply.body.object?.keys.sorted() == ["bearer_token", "expires_in", "live_mode"])
        #expect(reply.body["expires_in"] == 3600)
        #expect(reply.body["live_mode"] == true)
        #expect(reply.body["bearer_token"]?.string?.split(separator: ".").count == 3)
        emulation.bearer = try #require(reply.body["bearer_token"]?.string)
        #expect(emulation.mint().body["live_mode"] == true)
    }

    @Test(
        "upstream.md §1: bad credentials are 403 with a message",
        arguments: [
            "", "Bearer x", "Basic !!!", basic("acc_other", "sk_test_sandbox"), basic(account, "sk_test_wrong"),
            basic(account, ""),
        ])
    func badCredentials(_ credentials: String) {
        var emulation = Emulation()
        let reply = emulation.api("GET", "/login", headers: [("Authorization", credentials)])
        #expect(reply.status == 403)
        #expect(reply.body == ["message": "Bad credentials"])
    }

    @Test(
        "upstream.md §1: every other call needs a live bearer",
        arguments: [
            ("POST", "/connect/token"), ("GET", "/connect/token?connect_token=cot_1"), ("GET", "/tariffs"),
            ("GET", "/tariffs/elements"), ("GET", "/locations/loc_1/status"), ("POST", "/prices/loc_1"),
            ("GET", "/events"),
            ("GET", "/events/evt_1"),
        ])
    func bearer(_ method: String, _ target: String) {
        var emulation = Emulation()
        #expect(emulation.api(method, target, headers: []).status == 403)
        emulation.now = emulation.now.addingTimeInterval(3599)
        #expect(emulation.api(method, target).status != 403)
        emulation.now = emulation.now.addingTimeInterval(1)
        let expired = emulation.api(method, target)
        #expect(expired.status == 403)
        #expect(expired.body.object?.keys.sorted() == ["message"])
    }

    @Test("upstream.md §0: unknown paths are 404, unknown methods 405; jwks.json needs no bearer")
    func routes() {
        var emulation = Emulation()
        #expect(emulation.api("GET", "/customers").status == 404)
        #expect(emulation.api("GET", "//login").status == 404)
        #expect(emulation.api("DELETE", "/tariffs").status == 405)
        #expect(emulation.api("GET", "/jwks.json", headers: []).body == ["keys": []])
    }

    @Test(
        "upstream.md §0: the version is echoed, and one older than the account's default is 422",
        arguments: [
            ("2025-09-14.anode", 200), ("2026-03-01.busbar", 200), ("2024-08-24.zero", 422), ("anode", 400),
        ])
    func version(_ version: String, _ status: Int) {
        var emulation = Emulation()
        let reply = emulation.api(
            "GET", "/events",
            headers: [
                ("Authorization", "Bearer " + emulation.bearer), ("flatpeak-version", version),
            ])
        #expect(reply.status == status)
        #expect(reply.header("flatpeak-version") == (status == 200 ? version : nil))
        if status == 422 {
            #expect(reply.code == "api_version_not_supported")
            #expect(reply.body["context"] == "api")
        }
        let standard = emulation.api("GET", "/events", headers: [("Authorization", "Bearer " + emulation.bearer)])
        #expect(standard.header("flatpeak-version") == "2025-09-14.anode")
    }

    // MARK: - Mint and claim

    @Test("upstream.md §2: mint answers token, life and mode")
    func mint() {
        var emulation = Emulation()
        let reply = emulation.mint()
        #expect(reply.status == 200)
        #expect(reply.body.object?.keys.sorted() == ["connect_token", "expires_in", "live_mode"])
        #expect(reply.body["expires_in"] == 86_400)
        #expect(emulation.token.hasPrefix("cot_"))
        #expect(emulation.token.count == 28)
    }

    private static let refusedMints: [(String, [String: JSON])] = [
        ("connect_url_missing", ["connect_url": .null]), ("callback_url_missing", ["callback_url": ""]),
        ("connect_url_invalid", ["connect_url": "no url"]),
        ("callback_url_invalid", ["callback_url": "http://a/\r\nb"]),
        ("tariff_direction_invalid", ["tariff_direction": "SIDEWAYS"]),
        ("tariff_direction_not_supported", ["tariff_direction": "LOCAL"]),
        ("tariff_direction_not_supported", ["tariff_direction": "EXPORT", "tariff_type": "NON_COMMODITY"]),
        ("tariff_type_invalid", ["tariff_type": "GAS"]), ("location_not_found", ["location_id": "loc_unknown"]),
        ("location_id_conflict", ["location_id": "loc_1", "location_reference_id": "home"]),
        ("tariff_not_found", ["tariff_id": "trf_unknown"]),
        ("postal_address_type_invalid", ["postal_address_type": "CASTLE"]),
        ("data_json_invalid", ["actions": ["edit_tariff": "yes"]]), ("data_json_invalid", ["postal_address": "London"]),
    ]

    @Test("The seed decides the identifiers")
    func seed() {
        let tokens = ([1, 1, 2] as [UInt64]).map { seed in
            var emulation = Emulation { $0.seed = seed }
            _ = emulation.mint()
            return emulation.token
        }
        #expect(tokens[0] == tokens[1])
        #expect(tokens[0] != tokens[2])
    }

    @Test("upstream.md §2: what mint refuses", arguments: refusedMints)
    func mintRefusals(_ code: String, _ fields: [String: JSON]) {
        var emulation = Emulation()
        let reply = emulation.mint(fields)
        #expect(reply.status == 400)
        #expect(reply.code == code)
        #expect(reply.body["context"] == "api.connect_token_create")
        #expect(reply.body["time_created"] == "2026-07-01T10:00:00Z")
        #expect(reply.body["request_id"]?.string != nil)
    }

    @Test("upstream.md §2: a body that is no JSON object is 400", arguments: ["", "{", "[]", "1", "\u{0}"])
    func malformed(_ body: String) {
        var emulation = Emulation()
        let request = HTTPRequest(
            method: "POST", target: "/connect/token", headers: [("Authorization", "Bearer " + emulation.bearer)],
            body: Array(body.utf8))
        #expect(Reply(emulation.world.answerAPI(request, keySet: nil, at: emulation.now)).code == "data_json_invalid")
    }

    @Test("upstream.md §3: the fields of a claim")
    func claim() {
        var emulation = Emulation()
        emulation.walk(to: .tariffSummary, mint: ["location_reference_id": "home", "customer_reference_id": "u1"])
        let claim = emulation.claim().body
        #expect(claim["id"] == .string(emulation.token))
        #expect(claim["object"] == "connect_token")
        #expect(claim["location_id"]?.string?.hasPrefix("loc_") == true)
        #expect(claim["location_reference_id"] == "home")
        #expect(claim["customer_reference_id"] == "u1")
        #expect(claim["price_available"] == true)
        #expect(claim["time_created"] == "2026-07-01T10:00:00Z")
        #expect(claim["time_expiry"] == "2026-07-02T10:00:00Z")
        emulation.walk(to: .tariffSummary, mint: ["customer_reference_id": "u1"])
        #expect(emulation.claim().body["customer_id"] == claim["customer_id"])
    }

    @Test("upstream.md §3: unknown is 404 with a message, unfinished 422 with an error object")
    func claimRefusals() {
        var emulation = Emulation()
        #expect(emulation.api("GET", "/connect/token").status == 404)
        #expect(emulation.api("GET", "/connect/token?connect_token=cot_1").body == ["message": "Not Found"])
        _ = emulation.mint()
        #expect(emulation.claim().code == "connect_session_not_completed")
    }

    @Test("upstream.md §0: accounts and modes see nothing of each other")
    func isolation() {
        var emulation = Emulation { $0.keys = ["sk_test_sandbox", "sk_live_sandbox"] }
        emulation.walk(to: .tariffSummary)
        let location = emulation.claim().body["location_id"]?.string ?? ""
        let event = emulation.api("GET", "/events").data[0]?["id"]?.string ?? ""
        emulation.world.addAccount("acc_other", key: "sk_test_other", version: "2025-09-14.anode")
        for (account, key) in [("acc_other", "sk_test_other"), (Self.account, "sk_live_sandbox")] {
            emulation.bearer = emulation.login(account: account, key: key)
            let session = emulation.token
            #expect(emulation.claim().status == 404)
            #expect(emulation.api("GET", "/locations/\(location)/status").status == 404)
            #expect(emulation.api("GET", "/tariffs?location_id=\(location)").status == 404)
            #expect(emulation.api("POST", "/prices/\(location)", ["end_time": "2026-07-02T00:00:00Z"]).status == 404)
            #expect(emulation.api("GET", "/events").data == [])
            #expect(emulation.api("GET", "/events/\(event)").status == 404)
            #expect(emulation.mint(["location_id": .string(location)]).code == "location_not_found")
            emulation.token = session
        }
    }

    // MARK: - Tariffs

    /// A location with all three slots connected, the export last.
    private static func fullLocation() -> (Emulation, String) {
        var emulation = Emulation.at(.tariffSummary)
        let location = emulation.claim().body["location_id"]?.string ?? ""
        let slots: [[String: JSON]] = [["tariff_type": "NON_COMMODITY"], ["tariff_direction": "EXPORT"]]
        for slot in slots {
            _ = emulation.mint(slot.merging(["location_id": .string(location)]) { $1 })
            _ = emulation.start()
            _ = emulation.submit(Sample.libraryProvider)
            _ = emulation.submit(["tariff": ["id": "trt_5a4db0c50000000000000003"]])
        }
        return (emulation, location)
    }

    @Test("upstream.md §6.1: the members of a tariff in the list", arguments: ["/tariffs", "/tariffs/elements"])
    func tariffs(_ path: String) {
        var (emulation, location) = Self.fullLocation()
        let list = emulation.api("GET", "\(path)?location_id=\(location)").body
        #expect(list["object"] == "list")
        #expect(list["url"] == "/tariffs")
        #expect(list["has_more"] == false)
        let tariff = list["data"]?[2]
        #expect(
            tariff?.object?.keys.sorted() == [
                "account_id", "connection_type", "contract_end_date", "contract_start_date", "direction",
                "display_name",
                "id", "is_linked", "live_mode", "location_id", "market_rates", "object", "provider_id", "schedule",
                "status",
                "time_created", "timezone", "type",
            ])
        #expect(tariff?["connection_type"] == "MANUAL")
        #expect(tariff?["timezone"] == "Europe/London")
        let rate = tariff?["schedule"]?[0]?["days_and_hours"]?[0]?["hours"]?[0]?["rate"]?[0]
        #expect(rate == ["fixed": 0.2345, "to_kwh": .null, "surcharge_fixed": .null, "surcharge_percentage": .null])
    }

    @Test(
        "upstream.md §6.1: filters of the list",
        arguments: [
            ("direction=EXPORT", 1), ("direction=IMPORT", 2), ("type=NON_COMMODITY", 1),
            ("direction=EXPORT&type=NON_COMMODITY", 0),
        ])
    func tariffFilters(_ filter: String, _ count: Int) {
        var (emulation, location) = Self.fullLocation()
        #expect(emulation.api("GET", "/tariffs?location_id=\(location)&\(filter)").data.array?.count == count)
    }

    @Test("upstream.md §6.1: market and direct tariffs come back as such")
    func connectionTypes() {
        var emulation = Emulation.at(.surchargeCapture)
        _ = emulation.submit(["surcharge": ["fixed": 0.02, "percentage": 5]])
        let location = emulation.claim().body["location_id"]?.string ?? ""
        let market = emulation.api("GET", "/tariffs?location_id=\(location)").data[0]
        #expect(market?["connection_type"] == "MARKET")
        #expect(market?["market_rates"] == true)
        let rate = market?["schedule"]?[0]?["days_and_hours"]?[0]?["hours"]?[0]?["rate"]?[0]
        #expect(rate?["surcharge_percentage"] == 5)
        emulation = Emulation.afterLogin(.connected)
        let other = emulation.claim().body["location_id"]?.string ?? ""
        #expect(emulation.api("GET", "/tariffs?location_id=\(other)").data[0]?["connection_type"] == "DIRECT")
    }

    @Test("upstream.md §6.5: pages forwards and backwards, newest first")
    func pagination() {
        var (emulation, location) = Self.fullLocation()
        func page(_ query: String) -> (ids: [String], hasMore: Bool?) {
            let body = emulation.api("GET", "/tariffs?location_id=\(location)\(query)").body
            return (body["data"]?.array?.compactMap { $0["id"]?.string } ?? [], body["has_more"]?.bool)
        }
        let all = page("").ids
        #expect(all.count == 3)
        #expect(page("&limit=2") == (Array(all[..<2]), true))
        #expect(page("&limit=2&starting_after=\(all[1])") == ([all[2]], false))
        #expect(page("&limit=1&ending_before=\(all[2])") == ([all[1]], true))
        #expect(page("&limit=2&ending_before=\(all[2])") == (Array(all[..<2]), false))
    }

    @Test(
        "upstream.md §6.1, §6.5: what the list refuses",
        arguments: [
            ("", "location_id_missing"), ("location_id=L&limit=0", "limit_invalid"),
            ("location_id=L&limit=101", "limit_invalid"),
            ("location_id=L&limit=x", "limit_invalid"), ("location_id=L&direction=UP", "direction_invalid"),
            ("location_id=L&type=GAS", "type_invalid"),
            ("location_id=L&starting_after=trf_0", "starting_after_invalid"),
            ("location_id=L&ending_before=trf_0", "ending_before_invalid"),
            ("location_id=L&starting_after=a&ending_before=b", "pagination_invalid"),
        ])
    func listRefusals(_ query: String, _ code: String) {
        var (emulation, location) = Self.fullLocation()
        let reply = emulation.api("GET", "/tariffs?" + query.replacing("L", with: location, maxReplacements: 1))
        #expect(reply.status == 400)
        #expect(reply.code == code)
    }

    // MARK: - Status and prices

    @Test(
        "upstream.md §6.2: five slots; pending is NOT_CONNECTED, failed is ERROR",
        arguments: [
            (ConnectionState.connected, "CONNECTED"), (.pending, "NOT_CONNECTED"), (.failed, "ERROR"),
        ])
    func status(_ state: ConnectionState, _ status: String) {
        var emulation = Emulation.afterLogin(state)
        let location = emulation.claim().body["location_id"]?.string ?? ""
        let body = emulation.api("GET", "/locations/\(location)/status").body
        #expect(body["object"] == "location_status")
        let slots = body["tariff_status"]
        #expect(slots?["commodity_import"]?["status"] == .string(status))
        #expect(slots?["commodity_export"] == ["status": "NOT_CONNECTED"])
        #expect(slots?["non_commodity_import"] == ["status": "NOT_CONNECTED"])
        #expect(slots?["non_commodity_export"] == ["status": "NOT_SUPPORTED"])
        #expect(slots?["local"] == ["status": "NOT_SUPPORTED"])
        if state == .connected { #expect(slots?["commodity_import"]?["tariff"]?["structure_type"] == "TIME_OF_DAY") }
    }

    @Test("upstream.md §6.3: prices of a window, in the offset of its end, forecasts beyond tomorrow")
    func prices() {
        var emulation = Emulation.afterLogin(.connected)
        let location = emulation.claim().body["location_id"]?.string ?? ""
        let reply = emulation.api(
            "POST", "/prices/\(location)",
            ["start_time": "2026-07-01T21:00:00Z", "end_time": "2026-07-20T00:00:00+01:00"])
        #expect(reply.status == 200)
        #expect(reply.body["currency_code"] == "GBP")
        #expect(reply.body["location_timezone"] == "Europe/London")
        #expect(reply.body["tariff_direction"] == "IMPORT")
        #expect(reply.body["request"]?["start_time"] == "2026-07-01T22:00:00+01:00")
        let first = reply.data[0]
        #expect(first?["valid_from"] == "2026-07-01T22:00:00+01:00")
        #expect(first?["valid_to"] == "2026-07-01T22:30:00+01:00")
        #expect(first?["price"] == ["value": 0.2671, "confidence": 1])
        // Two hours of today, all of tomorrow, and four days of forecast, in half hours.
        let intervals = reply.data.array ?? []
        #expect(intervals.count == 4 + 48 + 4 * 48)
        #expect(intervals.filter { $0["price"]?["confidence"] == 1 }.count == 52)
        #expect(intervals[3]["price"]?["value"] == 0.0899)
    }

    private static let refusedWindows: [(JSON, String)] = [
        ([:], "end_time_missing"), (["end_time": "tomorrow"], "end_time_invalid"),
        (["end_time": "2026-07-02T00:00:00"], "end_time_invalid"),
        (["end_time": "2026-07-02T00:00:00Z", "start_time": "x"], "start_time_invalid"),
        (["end_time": "2026-06-01T00:00:00Z"], "time_window_invalid"),
        (["end_time": "2026-07-02T00:00:00Z", "start_time": "2026-04-02T23:59:59Z"], "time_window_invalid"),
        (["end_time": "2026-07-02T00:00:00Z", "tariff_direction": "UP"], "tariff_direction_invalid"),
    ]

    @Test("upstream.md §6.3: what prices refuse", arguments: refusedWindows)
    func priceRefusals(_ body: JSON, _ code: String) {
        var emulation = Emulation.afterLogin(.connected)
        let location = emulation.claim().body["location_id"]?.string ?? ""
        let reply = emulation.api("POST", "/prices/\(location)", body)
        #expect(reply.status == 400)
        #expect(reply.code == code)
    }

    @Test(
        "upstream.md §6.3: 422 where there are no prices",
        arguments: [
            (ConnectionState.pending, "IMPORT", "pending_connect"), (.failed, "IMPORT", "no_price_data"),
            (.connected, "EXPORT", "no_tariff_connected"), (.connected, "LOCAL", "no_tariff_connected"),
        ])
    func noPrices(_ state: ConnectionState, _ direction: String, _ code: String) {
        var emulation = Emulation.afterLogin(state)
        let location = emulation.claim().body["location_id"]?.string ?? ""
        let reply = emulation.api(
            "POST", "/prices/\(location)", ["end_time": "2026-07-02T00:00:00Z", "tariff_direction": .string(direction)])
        #expect(reply.status == 422)
        #expect(reply.code == code)
    }

    // MARK: - Events

    @Test("upstream.md §5.1: events of a connection, newest first, by type and object")
    func events() {
        var emulation = Emulation.afterLogin(.pending)
        let location = emulation.claim().body["location_id"]?.string ?? ""
        let settled = emulation.world.settlePending(
            locationID: nil, token: emulation.token, as: .failed, at: emulation.now)
        #expect(settled)
        func types(_ query: String) -> [String] {
            emulation.api("GET", "/events" + query).data.array?.compactMap { $0["type"]?.string } ?? []
        }
        #expect(types("") == ["tariff.fetch.failed", "connect_session.complete", "location.create"])
        #expect(types("?event_type=location.create") == ["location.create"])
        #expect(types("?object_id=\(emulation.token)") == ["connect_session.complete"])
        #expect(types("?object_id=\(location)").count == 3)
        #expect(types("?limit=1") == ["tariff.fetch.failed"])
        let listed = emulation.api("GET", "/events").data
        let complete = listed[1]
        #expect(
            complete?["data"] == [
                "id": .string(emulation.token), "object": "connect_token", "location_id": .string(location),
                "price_available": false,
            ])
        #expect(emulation.api("GET", "/events/\(complete?["id"]?.string ?? "")").body == complete)
        #expect(emulation.api("GET", "/events/evt_0").status == 404)
        #expect(listed[0]?["data"]?.object?.keys.sorted() == ["account_id", "live_mode", "location_id", "tariff_id"])
    }

    @Test("upstream.md §5.1: edits and disconnects are location.update; completion fires once")
    func updateEvents() {
        var emulation = Emulation.at(.tariffSummary)
        _ = emulation.act("EDIT")
        _ = emulation.submit(Sample.libraryProvider)
        _ = emulation.submit(["tariff": ["id": "trt_5a4db0c50000000000000002"]])
        _ = emulation.act("DISCONNECT")
        let types = emulation.api("GET", "/events").data.array?.compactMap { $0["type"]?.string }
        #expect(types == ["location.update", "location.update", "connect_session.complete", "location.create"])
    }

    @Test("upstream.md §5.3: events are kept for 90 days")
    func eventAge() {
        var emulation = Emulation.at(.tariffSummary)
        emulation.now = emulation.now.addingTimeInterval(90 * 86_400 + 1)
        emulation.bearer = emulation.login(account: Self.account, key: "sk_test_sandbox")
        #expect(emulation.api("GET", "/events").data == [])
    }
}
