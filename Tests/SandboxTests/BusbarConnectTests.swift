import Testing

@testable import Sandbox

/// Connect sessions in BUSBAR: upstream.md §9.
@Suite struct BusbarConnectTests {
    // MARK: - Start and resume

    @Test func `a start names its flow, and a session is resumed only once it has started`() {
        var emulation = Emulation.inBusbar()
        emulation.mintAtLocation()
        #expect(emulation.start().code == "action_missing")
        #expect(emulation.start("session_restore").code == "route_invalid")
        let step: JSON = ["connect_token": .string(emulation.token), "route": "session_start"]
        #expect(emulation.connect(step.merging(["action": "SOLAR"])).code == "action_invalid")
        #expect(emulation.startTariff().route == "postal_address_input")
        #expect(emulation.start("session_restore").route == "postal_address_input")
        // An answer may have been lost.
        #expect(emulation.startTariff().route == "postal_address_input")
    }

    @Test func `the flow for virtual power plants is its first page alone`() {
        var emulation = Emulation.inBusbar()
        emulation.mintAtLocation()
        let step: JSON = ["connect_token": .string(emulation.token), "route": "session_start", "action": "VPP"]
        let page = emulation.connect(step)
        #expect(page.route == "vpp_landing")
        #expect(page.data == ["tariff_connected": false, "providers": []])
        #expect(emulation.submit(["provider": ["id": "prv_1"]]).code == "action_missing")
        #expect(emulation.act("BACK").redirect == "http://app.test/done?fp_cot=\(emulation.token)")
    }

    // MARK: - Routes

    @Test func `pages have the names of BUSBAR, and no other`() {
        var emulation = Emulation.inBusbar(older: [.mint])
        let options: JSON = ["advanced_tariff_capture": true, "tariff_name_capture": true]
        emulation.mintAtLocation("/connect/sessions", ["route_options": options])
        let address = emulation.startTariff()
        #expect(address.route == "postal_address_input")
        #expect(address.body["direction"] == nil)
        #expect(address.body["type"] == nil)
        let old: JSON = [
            "connect_token": .string(emulation.token), "route": "postal_address_capture", "action": "BACK",
        ]
        #expect(emulation.connect(old).code == "route_invalid")
        #expect(emulation.submit(Sample.address).body["direction"] == "IMPORT")
        _ = emulation.act("PROVIDER_MISSING")
        let structure = emulation.submit(["provider": ["name": "Corner Shop Power"]])
        #expect(structure.route == "plan_structure")
        #expect(structure.data["options"] == ["FIXED", "TIME_OF_DAY", "MARKET", "ADVANCED_TARIFF_INPUT"])
        #expect(emulation.submit(["options": ["ADVANCED"]]).code == "option_not_supported")
        #expect(emulation.submit(["options": ["ADVANCED_TARIFF_INPUT"]]).route == "rate_advanced_capture")
        _ = emulation.act("BACK")
        _ = emulation.submit(["options": ["FIXED"]])
        let name = emulation.submit(["cost": 0.2345])
        #expect(name.route == "tariff_name_input")
        #expect(emulation.submit(["tariff": ["name": ""]]).body["context"] == "connect.tariff_name_input")
        #expect(emulation.submit(["tariff": ["name": "Mine"]]).route == "tariffs_summary")
    }

    @Test func `a login that fails leads to connection_failed, and a later visit to the summary, with an estimate`() {
        var emulation = Emulation.inBusbar()
        emulation.mintAtLocation()
        _ = emulation.startTariff()
        _ = emulation.submit(Sample.address)
        #expect(emulation.submit(Sample.directProvider).route == "session_redirect")
        _ = emulation.world.endVisit(emulation.token, with: .failed, at: emulation.now)
        let failed = emulation.start("session_restore")
        #expect(failed.route == "connection_failed")
        #expect(failed.body["actions"] == ["EDIT", "DISCONNECT", "BACK", "CLOSE"])
        let location = emulation.location
        emulation.token =
            emulation.api("POST", "/connect", Emulation.urls.merging(["location_id": .string(location)]))
            .body["id"]?.string ?? ""
        let later = emulation.startTariff()
        #expect(later.route == "tariffs_summary")
        #expect(later.body["tariffs"]?[0]?["status"] == "ERROR")
        #expect(later.body["tariffs"]?[0]?["temporary"] == true)
        let price = later.body["tariffs"]?[0]?["prices"]?["today"]?[0]?["price"]
        #expect((price?["confidence"]?.number ?? 1) < 1)
        #expect(emulation.act("RECONNECT").route == "provider_select")
    }

    // MARK: - The summary

    @Test func `the newer summary is a list of tariffs beside the envelope`() {
        var emulation = Emulation.inBusbar()
        let page = emulation.walkToSummary()
        #expect(page.route == "tariffs_summary")
        #expect(
            page.body.object?.keys.sorted() == [
                "actions", "connect_token", "currency_code", "live_mode", "route", "tariffs", "timezone",
            ])
        #expect(page.body["actions"] == ["DISCONNECT", "RECONNECT", "CREATE_ISSUE_REPORT", "CLOSE", "BACK"])
        let tariff = page.body["tariffs"]?[0]
        #expect(
            tariff?.object?.keys.sorted() == [
                "connection_type", "direction", "display_name", "market_rates_source", "prices", "provider", "status",
                "tariff_id", "temporary", "type", "vat",
            ])
        #expect(tariff?["prices"]?["today"]?[0]?["price"] == ["value": 0.2345, "confidence": 1])
    }

    @Test func `the older summary is an object by slot, with CHANGE and RETRY`() {
        var emulation = Emulation.inBusbar(older: [.summary])
        let page = emulation.walkToSummary()
        #expect(page.route == "tariff_summary")
        #expect(page.body["tariffs"] == nil)
        let tariff = page.body["tariff_status"]?["commodity_import"]
        #expect(tariff?["is_temporary"] == false)
        #expect(tariff?["prices"]?["today"]?[0]?["price"]?["vat"] == 1.05)
        #expect(page.body["actions"] == ["DISCONNECT", "CHANGE", "RETRY", "CREATE_ISSUE_REPORT", "CLOSE", "BACK"])
        #expect(emulation.act("RETRY").route == "tariff_summary")
        #expect(emulation.act("CHANGE").route == "provider_select")
    }

    @Test func `the summary shows every tariff of the location`() {
        var emulation = Emulation()
        emulation.walk(to: .tariffSummary)
        let location = emulation.claim().body["location_id"] ?? .null
        _ = emulation.mint(["location_id": location, "tariff_direction": "EXPORT"])
        _ = emulation.start()
        let offered = emulation.submit(Sample.libraryProvider).data["tariffs"]?[0]?["id"] ?? .null
        #expect(emulation.submit(["tariff": ["id": offered]]).route == "tariff_summary")
        emulation.version = Emulation.busbar
        emulation.token =
            emulation.api("POST", "/connect", Emulation.urls.merging(["location_id": location]))
            .body["id"]?.string ?? ""
        let shown = emulation.startTariff().body["tariffs"]?.array ?? []
        #expect(shown.map { $0["direction"] } == ["IMPORT", "EXPORT"])
    }

    @Test func `an issue report is opened, updated and withdrawn`() {
        var emulation = Emulation.inBusbar()
        emulation.walkToSummary()
        func status() -> JSON? {
            emulation.api("GET", "/locations/\(emulation.location)").body["tariff_elements"]?[0]?["status"]
        }
        let reported = emulation.act("CREATE_ISSUE_REPORT")
        #expect(reported.body["tariffs"]?[0]?["status"] == "ERROR_REPORTED")
        #expect(
            reported.body["actions"] == [
                "DISCONNECT", "RECONNECT", "UPDATE_ISSUE_REPORT", "CANCEL_ISSUE_REPORT", "CLOSE", "BACK",
            ])
        #expect(status() == "ERROR_REPORTED")
        #expect(emulation.act("UPDATE_ISSUE_REPORT").body["tariffs"]?[0]?["status"] == "ERROR_REPORTED")
        #expect(emulation.world.sessions[emulation.token]?.machine.reports == 2)
        #expect(emulation.act("CANCEL_ISSUE_REPORT").body["tariffs"]?[0]?["status"] == "CONNECTED")
        #expect(status() == "CONNECTED")
        #expect(emulation.act("WRONG_TARIFF").code == "action_invalid")
    }

    @Test func `disconnecting ends the session, and the location has no tariff`() {
        var emulation = Emulation.inBusbar()
        emulation.walkToSummary()
        #expect(emulation.act("DISCONNECT").route == "session_redirect")
        let read = emulation.api("GET", "/connect/\(emulation.token)").body
        #expect(read["data_available"] == false)
        #expect(emulation.api("GET", "/locations/\(emulation.location)").body["tariff_elements"] == [])
    }
}
