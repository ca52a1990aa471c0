import Testing

@testable import Sandbox

/// The pages of upstream.md §4.4: what they show, what they take, where they lead.
@Suite struct ConnectPageTests {
    @Test("upstream.md §4.1: every page has the envelope", arguments: ConnectRoute.walkable)
    func envelope(_ route: ConnectRoute) {
        var emulation = Emulation.at(route)
        let page = emulation.start().body
        #expect(page["connect_token"] == .string(emulation.token))
        #expect(page["direction"] == "IMPORT")
        #expect(page["type"] == "COMMODITY")
        #expect(page["live_mode"] == false)
        #expect(page["data"]?.object != nil)
        #expect(page["actions"]?.array?.contains("BACK") == true)
    }

    @Test(
        "upstream.md §4.4: the members of data",
        arguments: [
            (ConnectRoute.postalAddressCapture, ["postal_address"]),
            (.providerSelect, ["postal_address", "providers"]),
            (.providerNameCapture, ["postal_address", "provider"]),
            (.tariffSelect, ["postal_address", "provider", "tariffs"]),
            (.tariffStructureSelect, ["options", "provider"]),
            (.rateFixedCapture, ["cost", "currency_code", "provider"]),
            (.rateTODCapture, ["currency_code", "hours", "provider"]),
            (.rateAdvancedCapture, ["currency_code", "provider", "tariff"]),
            (.regionSelect, ["provider", "region", "regions"]),
            (.surchargeCapture, ["currency_code", "provider", "surcharge"]),
            (.tariffNameCapture, ["provider", "tariff"]),
            (.contractTermCapture, ["contract_end_date", "contract_start_date", "provider"]),
            (
                .tariffSummary,
                ["connection_type", "currency_code", "market_rates_source", "provider", "rates", "tariff"]
            ),
        ])
    func dataMembers(_ route: ConnectRoute, _ names: [String]) {
        var emulation = Emulation.at(route)
        #expect(emulation.start().data.object?.keys.sorted() == names)
    }

    @Test(
        "upstream.md §4.4: the actions of the samples, and CLOSE as the web app's types have it",
        arguments: [
            (ConnectRoute.postalAddressCapture, ["BACK", "CLOSE"]),
            (.providerSelect, ["ADDRESS_CHANGE", "PROVIDER_MISSING", "BACK", "CLOSE"]),
            (.tariffSummary, ["WRONG_TARIFF_REPORT", "EDIT", "DISCONNECT", "CLOSE", "BACK"]),
            (.tariffConnectionPending, ["EDIT", "DISCONNECT", "BACK", "CLOSE"]),
            (.tariffConnectionFailed, ["EDIT", "DISCONNECT", "BACK", "CLOSE"]),
        ])
    func sampleActions(_ route: ConnectRoute, _ actions: [String]) {
        #expect(route.actions(Dialect(.anode), isReported: false) == actions)
    }

    @Test("upstream.md §4.4 postal_address_capture: blank fields are empty strings, given ones come back")
    func address() {
        var emulation = Emulation()
        _ = emulation.mint(["postal_address": ["city": "Leeds"]])
        let shown = emulation.start().data["postal_address"]
        #expect(shown?["city"] == "Leeds")
        #expect(shown?["address_line2"] == "")
        #expect(emulation.submit(Sample.address).route == "provider_select")
    }

    @Test("upstream.md §4.4 provider_select: the providers of the country, by kind of address")
    func providers() {
        var emulation = Emulation.at(.providerSelect)
        let all = emulation.start().data["providers"]?.array ?? []
        #expect(all.count == 3)
        #expect(all.first?["logo_url"] == "http://provider.test/77fadb6d07c984e6acf6fa1d410418d8.png")
        emulation.walk(to: .providerSelect, mint: ["postal_address_type": "COMMERCIAL"])
        let names = emulation.start().data["providers"]?.array?.compactMap { $0["display_name"]?.string }
        #expect(names == ["Brackenfield Energy", "Third Lamp Business"])
    }

    @Test("upstream.md §4.4 provider_select: actions lead to the address and to the provider's name")
    func providerActions() {
        var emulation = Emulation.at(.providerSelect)
        #expect(emulation.act("ADDRESS_CHANGE").route == "postal_address_capture")
        #expect(emulation.submit(Sample.address).route == "provider_select")
        #expect(emulation.act("PROVIDER_MISSING").route == "provider_name_capture")
        #expect(emulation.act("ADDRESS_CHANGE").route == "postal_address_capture")
    }

    @Test("upstream.md §4.2: a DIRECT provider answers a redirect that carries the token")
    func direct() {
        var emulation = Emulation.at(.providerSelect)
        let reply = emulation.submit(Sample.directProvider)
        #expect(reply.route == "session_redirect")
        #expect(reply.redirect == "http://provider.test/?fp_cot=\(emulation.token)")
        #expect(reply.body.object?.keys.sorted() == ["connect_token", "data", "live_mode", "route"])
    }

    @Test("upstream.md §4.4 tariff_select: a library tariff is connected at once, a missing one is typed")
    func library() {
        var emulation = Emulation.at(.tariffSelect)
        let offered = emulation.start().data["tariffs"]?.array ?? []
        #expect(offered.map { $0["description"] } == ["", "Cheaper from 23:30 to 05:30"])
        #expect(emulation.act("TARIFF_MISSING").route == "tariff_structure_select")
        #expect(emulation.act("BACK").route == "tariff_select")
        let summary = emulation.submit(["tariff": ["id": offered[1]["id"] ?? .null]])
        #expect(summary.route == "tariff_summary")
        #expect(summary.data["connection_type"] == "LIBRARY")
        #expect(summary.data["tariff"]?["structure_type"] == "TIME_OF_DAY")
    }

    @Test("upstream.md §4.4 tariff_structure_select: ADVANCED only when enabled, MARKET only where there is one")
    func structures() {
        var emulation = Emulation.at(.tariffStructureSelect)
        #expect(emulation.start().data["options"] == ["FIXED", "TIME_OF_DAY", "MARKET"])
        emulation = Emulation.at(.rateAdvancedCapture)
        _ = emulation.act("BACK")
        #expect(emulation.start().data["options"] == ["FIXED", "TIME_OF_DAY", "MARKET", "ADVANCED"])
    }

    @Test("upstream.md §4.4 rate_fixed_capture: leads to a FIXED summary of one price")
    func fixed() {
        var emulation = Emulation.at(.rateFixedCapture)
        let page = emulation.submit(["cost": 0.2345])
        #expect(page.route == "tariff_summary")
        #expect(page.data["connection_type"] == "MANUAL")
        #expect(page.data["tariff"]?["structure_type"] == "FIXED")
        #expect(page.data["provider"]?["logo_url"] == "")
        let today = page.data["rates"]?["today"]
        #expect(today?.array?.count == 1)
        #expect(today?[0]?["tariff"]?["cost"] == 0.2345)
        #expect(today?[0]?["valid_from"] == "2026-07-01T00:00:00+01:00")
        #expect(today?[0]?["valid_to"] == "2026-07-02T00:00:00+01:00")
    }

    @Test(
        "upstream.md §4.4 rate_tod_capture: what covers 24 hours passes",
        arguments: [
            Sample.hours((0.3, "07:00", "23:00"), (0.1, "23:00", "07:00")),
            Sample.hours((0.3, "00:00", "00:00")),
            Sample.hours((0.3, "00:00", "00:00"), (0, "05:00", "05:00")),
            Sample.hours((0.1, "00:00", "07:00"), (0.3, "07:00", "00:00")),
            Sample.hours((0.1, "16:00", "19:00"), (0.2, "19:00", "16:00")),
            Sample.hours((0.1, "07:00", "07:00")),
        ])
    func timeOfDay(_ data: JSON) {
        var emulation = Emulation.at(.rateTODCapture)
        #expect(emulation.submit(data).route == "tariff_summary")
    }

    @Test("upstream.md §4.4 rate_tod_capture: begins with one zero row, and splits at midnight on the way back")
    func timeOfDayRows() {
        var emulation = Emulation.at(.rateTODCapture)
        #expect(
            emulation.start().data["hours"] == [["cost": 0, "valid_from": "00:00:00", "valid_to": "00:00:00"]])
        let summary = emulation.submit(Sample.hours((0.3, "07:00", "23:00"), (0.1, "23:00", "07:00")))
        #expect(summary.data["rates"]?["today"]?.array?.count == 3)
        let shown = emulation.act("BACK").data["hours"]?.array?.compactMap { $0["valid_from"]?.string }
        #expect(shown == ["07:00:00", "23:00:00", "00:00:00"])
    }

    @Test("upstream.md §4.4 rate_advanced_capture: months, dates, weekdays and tiers")
    func advanced() {
        var emulation = Emulation(now: "2026-07-03T12:00:00Z")
        emulation.walk(to: .rateAdvancedCapture)
        let schedule: JSON = [
            Self.season(months: [7], days: "Weekend", cost: 0.1), Self.season(months: ["All"], days: "All", cost: 0.3),
        ]
        let next = emulation.submit(["tariff": ["market_rates": false, "schedule": schedule]])
        #expect(next.route == "tariff_name_capture")
        _ = emulation.submit(["tariff": ["name": "Two seasons"]])
        let summary = emulation.submit([:])
        #expect(summary.data["tariff"]?["structure_type"] == "STATIC")
        #expect(summary.data["tariff"]?["tiered"] == true)
        #expect(summary.data["rates"]?["today"]?[0]?["tariff"]?["cost"] == 0.3)
        #expect(summary.data["rates"]?["tomorrow"]?[0]?["tariff"]?["cost"] == 0.1)
    }

    private static func season(months: JSON, days: JSON, cost: JSON) -> JSON {
        let rate: JSON = ["fixed": cost, "to_kwh": 30, "surcharge_fixed": .null, "surcharge_percentage": .null]
        let period: JSON = ["valid_from": "00:00:00", "valid_to": "00:00:00", "rate": [rate]]
        return ["months": months, "days_and_hours": [["days": [days], "hours": [period]]]]
    }

    @Test("upstream.md §4.4 region_select: only for an ambiguous post code, and the region prices the tariff")
    func region() {
        var emulation = Emulation.at(.regionSelect)
        #expect(emulation.start().data["regions"] == ["FR", "CORS"])
        #expect(emulation.submit(["region": "CORS"]).route == "surcharge_capture")
        let summary = emulation.submit(["surcharge": ["fixed": 0, "percentage": 0]])
        #expect(summary.data["currency_code"] == "EUR")
        #expect(summary.data["market_rates_source"] == true)
        #expect(summary.data["rates"]?["today"]?[0]?["valid_from"] == "2026-07-01T00:00:00+02:00")
    }

    @Test("upstream.md §4.4 surcharge_capture: fixed first, then percentage; zeros skip")
    func surcharge() throws {
        func noon(_ surcharge: JSON) throws -> Double {
            var emulation = Emulation.at(.surchargeCapture)
            let page = emulation.submit(["surcharge": surcharge])
            #expect(page.data["connection_type"] == "MARKET")
            return try #require(page.data["rates"]?["today"]?[24]?["tariff"]?["cost"]?.number)
        }
        let bare = try noon(["fixed": 0, "percentage": 0])
        let dear = try noon(["fixed": 0.1, "percentage": 10])
        #expect(abs(dear - (bare + 0.1) * 1.1) < 0.00002)
    }

    @Test("upstream.md §4.4 tariff_name_capture: the name of the tariff")
    func name() {
        var emulation = Emulation.at(.tariffNameCapture)
        #expect(emulation.submit(["tariff": ["name": "Mine"]]).route == "contract_term_capture")
        #expect(emulation.act("BACK").data["tariff"]?["name"] == "Mine")
    }

    private static let terms: [(JSON, JSON)] = [
        (["contract_start_date": "2026-01-01T00:00:00.000Z", "contract_end_date": .null], .null),
        (["contract_start_date": .null, "contract_end_date": "2027-01-01T00:00:00Z"], "FIXED"),
        (["contract_start_date": .null, "contract_term_type": "UNTIL_TERMINATED"], "UNTIL_TERMINATED"),
    ]

    @Test("upstream.md §4.4 contract_term_capture: dates with milliseconds, null, no end", arguments: terms)
    func contractTerm(_ data: JSON, _ type: JSON) {
        var emulation = Emulation.at(.contractTermCapture)
        let page = emulation.submit(data)
        #expect(page.route == "tariff_summary")
        #expect(page.data["tariff"]?["contract_term_type"] == type)
    }

    @Test("upstream.md §4.4 contract_term_capture: neither data nor action skips the page")
    func contractTermSkipped() {
        var emulation = Emulation.at(.contractTermCapture)
        let token = JSON.string(emulation.token)
        let page = emulation.connect(["connect_token": token, "route": "contract_term_capture", "type": "submit"])
        #expect(page.route == "tariff_summary")
        #expect(page.data["tariff"]?["contract_start_date"] == .null)
    }

    @Test("upstream.md §4.4 tariff_summary: rates of yesterday, today and tomorrow follow the clock and the zone")
    func rates() {
        var emulation = Emulation(now: "2026-10-24T23:30:00Z")
        let rates = emulation.walk(to: .tariffSummary).data["rates"]
        #expect(rates?["yesterday"]?[0]?["valid_from"] == "2026-10-24T00:00:00+01:00")
        #expect(rates?["today"]?[0]?["valid_from"] == "2026-10-25T00:00:00+01:00")
        #expect(rates?["today"]?[0]?["valid_to"] == "2026-10-26T00:00:00+00:00")
        #expect(rates?["tomorrow"]?[0]?["valid_from"] == "2026-10-26T00:00:00+00:00")
    }

    @Test(
        "upstream.md §4.4 tariff_summary: both report actions show the page again",
        arguments: [
            "WRONG_TARIFF", "WRONG_TARIFF_REPORT",
        ])
    func report(_ action: String) {
        var emulation = Emulation.at(.tariffSummary)
        #expect(emulation.act(action).route == "tariff_summary")
        #expect(emulation.world.sessions[emulation.token]?.machine.reports == 1)
    }

    @Test(
        "upstream.md §4.4 tariff_connection_pending and _failed: type and provider",
        arguments: [
            (ConnectionState.pending, "tariff_connection_pending"), (.failed, "tariff_connection_failed"),
        ])
    func unfinished(_ state: ConnectionState, _ route: String) {
        var emulation = Emulation.afterLogin(state)
        let page = emulation.start()
        #expect(page.route == route)
        #expect(page.data["connection_type"] == "DIRECT")
        #expect(page.data["provider"]?["display_name"] == "Brackenfield Energy")
    }

    @Test(
        "upstream.md §4.4 tariff_connection_failed: EDIT and its alias RECONNECT begin again",
        arguments: [
            "EDIT", "RECONNECT",
        ])
    func editFailed(_ action: String) {
        var emulation = Emulation.afterLogin(.failed)
        _ = emulation.start()
        #expect(emulation.act(action).route == "provider_select")
        #expect(emulation.act("BACK").route == "tariff_connection_failed")
    }
}

extension ConnectRoute {
    /// The pages that the flow of a manual tariff can reach.
    static let walkable = allCases.filter {
        $0 != .tariffConnectionPending && $0 != .tariffConnectionFailed && $0 != .greenBonusCapture
            && $0 != .vppLanding
    }
}
