import FoundationEssentials
import Testing

@testable import Sandbox

/// The sandbox, held against Flatpeak's web app (upstream.md §10): what the app shows, sends, and can be trapped by.
@Suite struct WebAppTests {
    // MARK: - Actions

    @Test("upstream.md §4.1: every page advertises BACK and CLOSE", arguments: ConnectRoute.allCases)
    func universalActions(_ route: ConnectRoute) {
        for dialect in [Dialect(.anode), Dialect(.busbar), Dialect(.busbar, older: [.summary])] {
            let actions = route.actions(dialect, isReported: false)
            #expect(actions.contains("BACK"))
            #expect(actions.contains("CLOSE"))
        }
    }

    @Test(
        "A customer can close the page of a pending or failed connection, by what it advertises",
        arguments: [ConnectionState.pending, .failed])
    func closesUnfinished(_ state: ConnectionState) {
        var emulation = Emulation.afterLogin(state)
        let page = emulation.start()
        #expect(page.body["actions"]?.array?.contains("CLOSE") == true)
        #expect(emulation.act("CLOSE").redirect == "http://app.test/done?fp_cot=\(emulation.token)")
    }

    // MARK: - Older pages

    private static func answer(_ emulation: inout Emulation, _ route: String, _ more: [String: JSON]) -> Reply {
        let step: JSON = ["connect_token": .string(emulation.token), "route": .string(route)]
        return emulation.connect(step.merging(more))
    }

    private static func emulation(at route: ConnectRoute, _ olderPages: Sandbox.OlderPages) -> Emulation {
        var emulation = Emulation { $0.olderPages = olderPages }
        emulation.walk(to: route)
        return emulation
    }

    @Test(
        "After a lost answer the customer answers the page again, and goes on", arguments: Sandbox.OlderPages.allCases)
    func lostAnswer(_ olderPages: Sandbox.OlderPages) {
        var emulation = Self.emulation(at: .tariffStructureSelect, olderPages)
        let again = Self.answer(&emulation, "provider_name_capture", ["data": ["provider": ["name": "Other Power"]]])
        #expect(again.status == 200)
        #expect(again.route == "tariff_structure_select")
        let name = emulation.act("BACK").data["provider"]?["name"]
        #expect(name == (olderPages == .rewind ? "Other Power" : "Corner Shop Power"))
    }

    @Test("Rewind: an older page is the current one again, with all that lies before it")
    func rewind() {
        var emulation = Self.emulation(at: .rateFixedCapture, .rewind)
        #expect(
            Self.answer(&emulation, "provider_select", ["action": "ADDRESS_CHANGE"]).route == "postal_address_capture")
        #expect(emulation.act("BACK").route == "provider_select")
        #expect(emulation.act("BACK").route == "session_redirect")
    }

    @Test("Rewind: the pages behind the summary can be answered again; what they say is connected")
    func rewindFromSummary() {
        var emulation = Self.emulation(at: .tariffSummary, .rewind)
        let summary = Self.answer(&emulation, "rate_fixed_capture", ["data": ["cost": 0.3]])
        #expect(summary.data["rates"]?["today"]?[0]?["tariff"]?["cost"] == 0.3)
        let location = emulation.claim().body["location_id"]?.string ?? ""
        #expect(emulation.api("GET", "/tariffs?location_id=\(location)").data.array?.count == 1)
    }

    @Test("Rewind: a refusal leaves the session on its page")
    func rewindRefused() {
        var emulation = Self.emulation(at: .tariffStructureSelect, .rewind)
        let refused = Self.answer(&emulation, "provider_name_capture", ["data": ["provider": ["name": ""]]])
        #expect(refused.code == "provider_name_missing")
        #expect(emulation.route == "tariff_structure_select")
    }

    @Test("Lead on: nothing of an older page is taken, and the current page is shown")
    func leadOn() {
        var emulation = Self.emulation(at: .rateFixedCapture, .leadOn)
        for more: [String: JSON] in [
            ["action": "ADDRESS_CHANGE"], ["action": "BACK"], ["data": ["provider": ["id": "prv_0"]]],
        ] {
            #expect(Self.answer(&emulation, "provider_select", more).route == "rate_fixed_capture")
        }
    }

    @Test("CLOSE leaves from an older page, too", arguments: Sandbox.OlderPages.allCases)
    func closesOlderPage(_ olderPages: Sandbox.OlderPages) {
        var emulation = Self.emulation(at: .rateFixedCapture, olderPages)
        let out = Self.answer(&emulation, "provider_select", ["action": "CLOSE"])
        #expect(out.redirect == "http://app.test/done?fp_cot=\(emulation.token)")
    }

    @Test("A page that BACK left leads on to the current one", arguments: Sandbox.OlderPages.allCases)
    func doubleBack(_ olderPages: Sandbox.OlderPages) {
        var emulation = Self.emulation(at: .rateFixedCapture, olderPages)
        #expect(emulation.act("BACK").route == "tariff_structure_select")
        // The same press once more, as an impatient customer sends it.
        #expect(Self.answer(&emulation, "rate_fixed_capture", ["action": "BACK"]).route == "tariff_structure_select")
        #expect(emulation.route == "tariff_structure_select")
    }

    @Test("The answer that ended a session can be asked for again", arguments: ["CLOSE", "DISCONNECT"])
    func lostEnd(_ action: String) {
        var emulation = Emulation.at(.tariffSummary)
        let first = emulation.act(action)
        let again = Self.answer(&emulation, "tariff_summary", ["action": .string(action)])
        #expect(again.body == first.body)
        #expect(emulation.start().code == "connect_token_used")
        #expect(Self.answer(&emulation, "region_select", ["action": "CLOSE"]).code == "connect_token_used")
        let types = emulation.api("GET", "/events").data.array?.compactMap { $0["type"]?.string } ?? []
        #expect(types.count { $0 == "connect_session.complete" } == 1)
    }

    @Test("Pages that were never shown are refused", arguments: Sandbox.OlderPages.allCases)
    func neverShown(_ olderPages: Sandbox.OlderPages) {
        var emulation = Self.emulation(at: .rateFixedCapture, olderPages)
        for route in ["region_select", "tariff_summary", "start-tariff"] {
            #expect(Self.answer(&emulation, route, ["action": "BACK"]).code == "route_invalid")
        }
    }

    @Test("older-pages: set by the control")
    func olderPagesControl() async throws {
        try await RunningSandbox.run { running async throws in
            let address: JSON = ["country_code": "GB", "city": "Bath"]
            let token = try await running.mint(try await running.bearer(), ["postal_address": address])
            func answer(_ route: JSON, _ action: JSON) async throws -> JSON? {
                try await running.connect(["connect_token": .string(token), "route": route, "action": action])
                    .json["route"]
            }
            _ = try await running.connect(["connect_token": .string(token), "route": "session_start"])
            _ = try await answer("provider_select", "PROVIDER_MISSING")
            #expect(try await answer("provider_select", "ADDRESS_CHANGE") == "postal_address_capture")
            _ = try await answer("postal_address_capture", "BACK")
            _ = try await answer("provider_select", "PROVIDER_MISSING")
            #expect(try await running.control("POST", "/older-pages", ["answer": "lead_on"]).json == ["ok": true])
            #expect(try await answer("provider_select", "ADDRESS_CHANGE") == "provider_name_capture")
            #expect(try await running.control("POST", "/older-pages", ["answer": "trap"]).status == 400)
        }
    }

    // MARK: - What pages show

    private static func market(at now: String) -> Emulation {
        var emulation = Emulation(now: now)
        emulation.walk(to: .surchargeCapture)
        _ = emulation.submit(["surcharge": ["fixed": 0, "percentage": 0]])
        return emulation
    }

    @Test(
        "Tomorrow's market prices appear at 14:00 of the place",
        arguments: [("2026-07-01T12:59:59Z", 0), ("2026-07-01T13:00:00Z", 48)])
    func afternoon(_ now: String, _ count: Int) {
        var emulation = Self.market(at: now)
        let rates = emulation.start().data["rates"]
        #expect(rates?["today"]?.array?.count == 48)
        #expect(rates?["tomorrow"]?.array?.count == count)
        // The API has a forecast before.
        let location = emulation.claim().body["location_id"]?.string ?? ""
        let prices = emulation.api(
            "POST", "/prices/\(location)",
            ["start_time": "2026-07-02T00:00:00+01:00", "end_time": "2026-07-03T00:00:00+01:00"])
        let confidences = Set(prices.data.array?.compactMap { $0["price"]?["confidence"]?.number } ?? [])
        #expect(prices.data.array?.count == 48)
        #expect(confidences == [count == 0 ? 0.8 : 1])
    }

    @Test("A tariff of its own rates knows tomorrow in the morning")
    func morning() {
        var emulation = Emulation(now: "2026-07-01T06:00:00Z")
        #expect(emulation.walk(to: .tariffSummary).data["rates"]?["tomorrow"]?.array?.count == 1)
    }

    @Test("The clock that is moved by the control decides what tomorrow is")
    func movedClock() async throws {
        try await RunningSandbox.run { running async throws in
            let address: JSON = ["country_code": "GB", "city": "Bath", "post_code": "BA1 1AA"]
            let token = try await running.mint(try await running.bearer(), ["postal_address": address])
            func step(_ route: JSON, _ more: [String: JSON] = [:]) async throws -> JSON {
                let step: JSON = ["connect_token": .string(token), "route": route]
                return try await running.connect(step.merging(more)).json
            }
            _ = try await step("session_start")
            _ = try await step("provider_select", ["action": "PROVIDER_MISSING"])
            _ = try await step("provider_name_capture", ["data": ["provider": ["name": "Mine"]]])
            _ = try await step("tariff_structure_select", ["data": ["options": ["MARKET"]]])
            let surcharge: JSON = ["surcharge": ["fixed": 0, "percentage": 0]]
            let morning = try await step("surcharge_capture", ["data": surcharge])
            #expect(morning["data"]?["rates"]?["tomorrow"] == [])
            _ = try await running.control("POST", "/clock", ["set": "2026-07-01T15:00:00Z"])
            #expect(try await step("session_start")["data"]?["rates"]?["tomorrow"]?.array?.count == 48)
        }
    }

    @Test(
        "Days and prices of an Australian tariff follow its state",
        arguments: [
            ("VIC", "Australia/Melbourne", "+11:00"), ("QLD", "Australia/Brisbane", "+10:00"),
            ("SA", "Australia/Adelaide", "+10:30"), ("WA", "Australia/Perth", "+08:00"),
        ])
    func state(_ state: JSON, _ zone: JSON, _ offset: String) {
        var emulation = Emulation(now: "2026-01-15T03:00:00Z")
        let address: JSON = ["country_code": "AU", "city": "There", "state": state]
        _ = emulation.mint(["postal_address": address])
        _ = emulation.start()
        _ = emulation.submit(["provider": ["id": "prv_5a4db0c5000000000000a001"]])
        let summary = emulation.submit(["tariff": ["id": "trt_5a4db0c5000000000000000a"]])
        #expect(summary.data["rates"]?["today"]?[0]?["valid_from"] == .string("2026-01-15T00:00:00" + offset))
        let location = emulation.claim().body["location_id"]?.string ?? ""
        #expect(emulation.api("GET", "/tariffs?location_id=\(location)").data[0]?["timezone"] == zone)
        let prices = emulation.api("POST", "/prices/\(location)", ["end_time": "2026-01-16T00:00:00Z"])
        #expect(prices.body["location_timezone"] == zone)
    }

    @Test("A market tariff in Victoria has Victoria's prices")
    func region() {
        var address = PostalAddress()
        (address.countryCode, address.state) = ("AU", "Vic")
        #expect(Market.of(address).region(of: address.state) == "VIC")
        #expect(Market.of(address).region(of: "QLD") == "NSW")
    }

    @Test("provider_name_capture is filled with the name given before, in the session and in a later one")
    func providerName() {
        var emulation = Emulation.at(.tariffStructureSelect)
        #expect(emulation.act("BACK").data["provider"]?["name"] == "Corner Shop Power")
        emulation.walk(to: .tariffSummary)
        let location = emulation.claim().body["location_id"] ?? .null
        _ = emulation.mint(["location_id": location])
        _ = emulation.start()
        _ = emulation.act("EDIT")
        #expect(emulation.act("PROVIDER_MISSING").data["provider"]?["name"] == "Corner Shop Power")
        // One from the list was not typed.
        emulation = Emulation.afterLogin(.connected)
        let listed = emulation.claim().body["location_id"] ?? .null
        _ = emulation.mint(["location_id": listed])
        _ = emulation.start()
        _ = emulation.act("EDIT")
        #expect(emulation.act("PROVIDER_MISSING").data["provider"]?["name"] == "")
    }

    @Test("upstream.md §6.3: 90 days of the location's calendar, also where the clocks change")
    func ninetyLocalDays() {
        var emulation = Emulation.at(.tariffSummary)
        let location = emulation.claim().body["location_id"]?.string ?? ""
        func status(_ start: JSON, _ end: JSON) -> Int {
            emulation.api("POST", "/prices/\(location)", ["start_time": start, "end_time": end]).status
        }
        #expect(status("2026-08-01T00:00:00+01:00", "2026-10-30T00:00:00Z") == 200)
        #expect(status("2026-08-01T00:00:00+01:00", "2026-10-30T00:00:01Z") == 400)
        #expect(status("2026-01-01T00:00:00Z", "2026-04-01T00:00:00+01:00") == 200)
        #expect(status("2026-01-01T00:00:00Z", "2026-04-01T00:00:01+01:00") == 400)
    }

    // MARK: - Pages that no document has

    @Test("pages: complete_tariff comes in place of the redirect, without data")
    func completeTariff() {
        for action in ["CLOSE", "DISCONNECT"] {
            var emulation = Emulation.at(.tariffSummary)
            emulation.world.extraPages[.completeTariff] = 1
            let page = emulation.act(action)
            #expect(page.route == "complete_tariff")
            #expect(page.body.object?.keys.sorted() == ["connect_token", "direction", "live_mode", "route", "type"])
            #expect(emulation.world.sessions[emulation.token]?.isOver == true)
        }
        var emulation = Emulation.at(.tariffSummary)
        #expect(emulation.act("CLOSE").route == "session_redirect")
    }

    @Test("pages: error comes in place of any answer, and the session stays where it is")
    func errorPage() {
        var emulation = Emulation.at(.rateFixedCapture)
        emulation.world.extraPages[.error] = 1
        let page = emulation.submit(["cost": 0.2])
        #expect(page.status == 200)
        #expect(
            page.body.object?.keys.sorted() == ["connect_token", "error_code", "error_message", "live_mode", "route"])
        #expect(page.route == "error")
        #expect(emulation.start().route == "rate_fixed_capture")
    }

    @Test("pages: reconnect_required is a member of the summary's tariff, as often as asked")
    func reconnectRequired() {
        var emulation = Emulation.at(.rateFixedCapture)
        emulation.world.extraPages[.reconnectRequired] = 2
        #expect(emulation.submit(["cost": 0.2]).data["tariff"]?["reconnect_required"] == true)
        #expect(emulation.start().data["tariff"]?["reconnect_required"] == true)
        #expect(emulation.start().data["tariff"]?["reconnect_required"] == nil)
    }

    @Test("pages: asked for by the control, and taken back", arguments: Sandbox.ExtraPage.allCases)
    func pagesControl(_ page: Sandbox.ExtraPage) async throws {
        try await RunningSandbox.run { running async throws in
            let name = JSON.string(page.rawValue)
            #expect(try await running.control("POST", "/pages", ["page": name]).json == ["ok": true])
            #expect(running.sandbox.withWorld { world, _ in world.extraPages } == [page: 1])
            _ = try await running.control("POST", "/pages", ["page": name, "count": 3])
            #expect(running.sandbox.withWorld { world, _ in world.extraPages } == [page: 3])
            _ = try await running.control("POST", "/pages", ["page": name, "count": 0])
            #expect(running.sandbox.withWorld { world, _ in world.takeExtraPage(page) } == false)
            for wrong: JSON in [[:], ["page": "tariff_summary"], ["page": name, "count": -1]] {
                #expect(try await running.control("POST", "/pages", wrong).status == 400)
            }
        }
    }
}
