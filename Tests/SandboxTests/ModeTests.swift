import Testing

@testable import Sandbox

@Suite struct ModeTests {
    // MARK: - Odd

    @Test("Odd mode, upstream.md §2: expires_in is a string, and every object has an unknown field")
    func oddMint() {
        var emulation = Emulation(mode: .odd)
        let reply = emulation.mint()
        #expect(reply.body["expires_in"] == "86400")
        #expect(reply.body["undocumented"] != nil)
        let page = emulation.start()
        #expect(page.body["undocumented"] != nil)
        #expect(page.data["postal_address"]?["undocumented"] != nil)
    }

    @Test("Odd mode, upstream.md §3, §5.1, §6.2: other names, a stray blank, a misspelt event, times without a zone")
    func oddAnswers() {
        var emulation = Emulation.at(.tariffSummary, mode: .odd)
        let claim = emulation.claim().body
        #expect(claim["tariff_available"] == true)
        #expect(claim["price_available"] == nil)
        #expect(claim["time_expiry"] == "2026-07-02T10:00:00")
        let status = emulation.api("GET", "/locations/\(claim["location_id"]?.string ?? "")/status").body
        #expect(status["tariff_status"]?["commodity_import"]?["status"] == "CONNECTED ")
        #expect(emulation.act("DISCONNECT").route == "session_redirect")
        #expect(emulation.api("GET", "/events").data[0]?["type"] == "locaiton.update")
    }

    @Test("Odd mode: an unknown page, once per session", arguments: [true, false])
    func oddPage(byAction: Bool) {
        var emulation = Emulation.at(.greenBonusCapture, mode: .odd)
        #expect(emulation.start().body["actions"] == ["CONTINUE", "BACK", "CLOSE"])
        let next = byAction ? emulation.act("CONTINUE") : emulation.submit(["green_bonus": ["share": 5]])
        #expect(next.route == "tariff_select")
        #expect(emulation.act("BACK").route == "green_bonus_capture")
        #expect(emulation.act("BACK").route == "provider_select")
        #expect(emulation.submit(Sample.libraryProvider).route == "tariff_select")
    }

    // MARK: - Strict

    @Test("Strict mode: a documented flow passes")
    func strictFlow() {
        for route in ConnectRoute.walkable {
            var emulation = Emulation.at(route, mode: .strict)
            #expect(emulation.start().status == 200)
        }
        var emulation = Emulation.at(.contractTermCapture, mode: .strict)
        let term: JSON = [
            "contract_start_date": .null, "contract_end_date": .null, "contract_term_type": "UNTIL_TERMINATED",
        ]
        #expect(emulation.submit(term).route == "tariff_summary")
        let location = emulation.claim().body["location_id"]?.string ?? ""
        #expect(
            emulation.api("GET", "/tariffs?location_id=\(location)&direction=IMPORT&type=COMMODITY&limit=5").status
                == 200)
        #expect(emulation.api("POST", "/prices/\(location)", ["end_time": "2026-07-02T00:00:00Z"]).status == 200)
        #expect(emulation.api("GET", "/events?event_type=a&object_id=b").status == 200)
    }

    private static let undocumentedMints: [(String, [String: JSON])] = [
        ("field_unknown", ["foo": 1]), ("field_unknown", ["postal_address": ["street": "x"]]),
        ("field_unknown", ["connect_web_uri": "http://a"]), ("field_type_invalid", ["customer_id": 7]),
        ("field_type_invalid", ["route_options": ["tariff_name_capture": 1]]),
    ]

    @Test("Strict mode: what mint refuses beyond the rules", arguments: undocumentedMints)
    func strictMint(_ code: String, _ fields: [String: JSON]) {
        var emulation = Emulation(mode: .strict)
        #expect(emulation.mint(fields).code == code)
    }

    @Test("Strict mode: headers and queries of API calls")
    func strictHeaders() {
        var emulation = Emulation(mode: .strict)
        let authorization = ("Authorization", "Bearer " + emulation.bearer)
        #expect(emulation.api("GET", "/events", headers: [authorization]).code == "version_header_missing")
        #expect(
            emulation.api(
                "POST", "/connect/token", [:], headers: [authorization, ("Flatpeak-Version", "2025-09-14.anode")]
            )
            .code == "content_type_invalid")
        #expect(emulation.api("GET", "/events?page=2").code == "query_parameter_unknown")
    }

    @Test("Strict mode: what must not reach Connect")
    func strictConnect() {
        var emulation = Emulation.at(.rateFixedCapture, mode: .strict)
        let body: JSON = ["connect_token": .string(emulation.token), "route": "rate_fixed_capture", "type": "submit"]
        let json = ("Content-Type", "application/json; charset=utf-8")
        func code(_ fields: [String: JSON], _ headers: [(name: String, value: String)]) -> String? {
            emulation.connect(body.merging(fields), headers: headers).code
        }
        #expect(code([:], []) == "content_type_invalid")
        #expect(code([:], [json, ("Authorization", "Bearer x")]) == "header_not_allowed")
        #expect(code([:], [json, ("cookie", "a=b")]) == "header_not_allowed")
        #expect(code(["extra": true], [json]) == "field_unknown")
        #expect(code(["data": ["cost": 0.2, "unit": "GBP"]], [json]) == "field_unknown")
        #expect(code(["data": ["cost": "0.2"]], [json]) == "field_type_invalid")
        #expect(code(["data": ["cost": 0.2], "action": "BACK"], [json]) == "data_and_action")
        #expect(code(["data": ["cost": 0.2]], [json]) == nil)
    }
}
