import FoundationEssentials
import Testing

@testable import Sandbox

/// The life of a session: upstream.md §4.1 to §4.3 and §8.
@Suite struct ConnectSessionTests {
    @Test("upstream.md §4.2: start and restore resume at the current page, as often as asked")
    func resume() {
        for route in ConnectRoute.walkable {
            var emulation = Emulation.at(route)
            #expect(emulation.start("session_restore").body == emulation.start().body)
            #expect(emulation.start().route == route.rawValue)
        }
    }

    private static let mintedAddresses: [(JSON, String)] = [
        (["country_code": "GB", "city": "London"], "provider_select"),
        (["country_code": "gb", "city": "London"], "provider_select"),
        (["country_code": "GB"], "postal_address_capture"),
        (["country_code": "AQ", "city": "McMurdo"], "postal_address_capture"),
    ]

    @Test("upstream.md §4.2: country and city at mint skip the address page", arguments: mintedAddresses)
    func addressAtMint(_ address: JSON, _ route: String) {
        var emulation = Emulation()
        _ = emulation.mint(["postal_address": address])
        #expect(emulation.start().route == route)
    }

    @Test("upstream.md §4.1: BACK walks the pages back, and out of the first one")
    func back() {
        var emulation = Emulation.at(.contractTermCapture)
        let pages = (1...7).map { _ in emulation.act("BACK").route ?? "" }
        #expect(
            pages == [
                "tariff_name_capture", "rate_fixed_capture", "tariff_structure_select", "provider_name_capture",
                "provider_select", "postal_address_capture", "session_redirect",
            ])
    }

    @Test("upstream.md §4.1: CLOSE answers the callback on every page", arguments: ConnectRoute.walkable)
    func close(_ route: ConnectRoute) {
        var emulation = Emulation.at(route)
        let reply = emulation.act("CLOSE")
        #expect(reply.route == "session_redirect")
        #expect(reply.redirect == "http://app.test/done?fp_cot=\(emulation.token)")
    }

    @Test(
        "upstream.md §4.1: fp_cot joins any callback",
        arguments: [
            ("http://a.test/x", "http://a.test/x?fp_cot=T"), ("http://a.test/x?y=1", "http://a.test/x?y=1&fp_cot=T"),
            ("myapp://done", "myapp://done?fp_cot=T"), ("myapp:done?", "myapp:done?fp_cot=T"),
            ("http://a.test/#/end?z", "http://a.test/?fp_cot=T#/end?z"),
        ])
    func callback(_ url: String, _ joined: String) { #expect(appendingConnectToken("T", to: url) == joined) }

    @Test("upstream.md §3: a session left early is not completed, and can be resumed")
    func leftEarly() {
        var emulation = Emulation.at(.rateFixedCapture)
        _ = emulation.act("CLOSE")
        #expect(emulation.claim().status == 422)
        #expect(emulation.start().route == "rate_fixed_capture")
    }

    @Test("upstream.md §4.3: reaching the summary completes the session; leaving it ends the token")
    func completed() {
        var emulation = Emulation.at(.tariffSummary)
        #expect(emulation.claim().body["complete_action"] == "SAVE")
        #expect(emulation.start().route == "tariff_summary")
        _ = emulation.act("CLOSE")
        let used = emulation.start()
        #expect(used.status == 400)
        #expect(used.code == "connect_token_used")
        #expect(used.body["connect_token"] == .string(emulation.token))
        #expect(emulation.claim().status == 200)
    }

    @Test("upstream.md §2: an expired token can be neither used nor claimed")
    func expired() {
        var emulation = Emulation.at(.providerSelect)
        emulation.now = emulation.now.addingTimeInterval(86_400)
        #expect(emulation.start().code == "connect_token_expired")
        emulation.bearer = emulation.login(account: "acc_5a4db0c5000000000000ac01", key: "sk_test_sandbox")
        #expect(emulation.claim().status == 404)
    }

    @Test(
        "upstream.md §8: a location that is connected begins with its outcome page",
        arguments: [
            (ConnectionState.connected, "tariff_summary"), (.pending, "tariff_connection_pending"),
            (.failed, "tariff_connection_failed"),
        ])
    func existingLocation(_ state: ConnectionState, _ route: String) {
        var emulation = Emulation.afterLogin(state)
        let location = emulation.claim().body["location_id"] ?? .null
        _ = emulation.mint(["location_id": location])
        #expect(emulation.claim().code == "connect_session_not_completed")
        #expect(emulation.start().route == route)
        #expect(emulation.act("CLOSE").redirect?.contains(emulation.token) == true)
        #expect(emulation.claim().body["location_id"] == location)
    }

    @Test("upstream.md §2: edit_tariff begins at provider selection, and is not completed before the summary")
    func edit() {
        var emulation = Emulation.at(.tariffSummary)
        let location = emulation.claim().body["location_id"] ?? .null
        _ = emulation.mint(["location_id": location, "actions": ["edit_tariff": true]])
        #expect(emulation.start().route == "provider_select")
        #expect(emulation.claim().status == 422)
        _ = emulation.submit(Sample.libraryProvider)
        #expect(emulation.submit(["tariff": ["id": "trt_5a4db0c50000000000000002"]]).route == "tariff_summary")
        #expect(emulation.claim().body["location_id"] == location)
    }

    @Test("upstream.md §2: another direction starts at provider selection and fills its own slot")
    func export() {
        var emulation = Emulation.at(.tariffSummary)
        let location = emulation.claim().body["location_id"] ?? .null
        _ = emulation.mint(["location_id": location, "tariff_direction": "EXPORT"])
        let first = emulation.start()
        #expect(first.route == "provider_select")
        #expect(first.body["direction"] == "EXPORT")
        #expect(emulation.claim().status == 422)
        _ = emulation.submit(Sample.libraryProvider)
        _ = emulation.submit(["tariff": ["id": "trt_5a4db0c50000000000000002"]])
        let status = emulation.api("GET", "/locations/\(location.string ?? "")/status").body["tariff_status"]
        #expect(status?["commodity_import"]?["connection_type"] == "MANUAL")
        #expect(status?["commodity_export"]?["connection_type"] == "LIBRARY")
    }

    @Test("upstream.md §8: DISCONNECT on the summary empties the slot and ends the session")
    func disconnect() {
        var emulation = Emulation.at(.tariffSummary)
        #expect(emulation.act("DISCONNECT").redirect == "http://app.test/done?fp_cot=\(emulation.token)")
        let claim = emulation.claim().body
        #expect(claim["complete_action"] == "DISCONNECT")
        #expect(claim["price_available"] == false)
        #expect(emulation.start().code == "connect_token_used")
        let location = claim["location_id"]?.string ?? ""
        let status = emulation.api("GET", "/locations/\(location)/status").body["tariff_status"]
        #expect(status?["commodity_import"] == ["status": "NOT_CONNECTED"])
    }

    @Test("upstream.md §8: disconnect_tariff disconnects at the start, without a page")
    func disconnectAtMint() {
        var emulation = Emulation.at(.tariffSummary)
        let location = emulation.claim().body["location_id"] ?? .null
        _ = emulation.mint(["location_id": location, "actions": ["disconnect_tariff": true]])
        #expect(emulation.start().redirect == "http://app.test/done?fp_cot=\(emulation.token)")
        #expect(emulation.claim().body["complete_action"] == "DISCONNECT")
        _ = emulation.mint(["location_id": location])
        #expect(emulation.start().route == "provider_select")
    }

    @Test("upstream.md §2: tariff_id updates that tariff")
    func updateTariff() {
        var emulation = Emulation.at(.tariffSummary)
        let location = emulation.claim().body["location_id"]?.string ?? ""
        func listed() -> JSON? { emulation.api("GET", "/tariffs?location_id=\(location)").data[0] }
        let id = listed()?["id"] ?? .null
        _ = emulation.mint(["tariff_id": id, "actions": ["edit_tariff": true]])
        _ = emulation.start()
        _ = emulation.submit(Sample.libraryProvider)
        _ = emulation.submit(["tariff": ["id": "trt_5a4db0c50000000000000002"]])
        #expect(listed()?["id"] == id)
        #expect(listed()?["connection_type"] == "LIBRARY")
    }

    @Test("upstream.md §4.2: a declined consent changes nothing, an agreed one completes")
    func providerReturn() {
        var emulation = Emulation.at(.providerSelect)
        _ = emulation.submit(Sample.directProvider)
        #expect(emulation.start().route == "provider_select")
        #expect(
            emulation.world.endVisit(emulation.token, with: nil, at: emulation.now)
                == "http://app.test/?fp_cot=\(emulation.token)")
        #expect(emulation.start().route == "provider_select")
        #expect(emulation.claim().status == 422)
        #expect(emulation.world.visit(emulation.token, at: emulation.now) == nil)
        _ = emulation.submit(Sample.directProvider)
        _ = emulation.world.endVisit(emulation.token, with: .connected, at: emulation.now)
        #expect(emulation.claim().body["price_available"] == true)
        #expect(emulation.start().data["connection_type"] == "DIRECT")
    }

    @Test("upstream.md §4.4: a pending page turns into the summary when the provider answers")
    func pendingSettles() {
        var emulation = Emulation.afterLogin(.pending)
        #expect(emulation.start().route == "tariff_connection_pending")
        let location = emulation.claim().body["location_id"]?.string
        let settled = emulation.world.settlePending(
            locationID: location, token: nil, as: .connected, at: emulation.now)
        #expect(settled)
        #expect(emulation.start().route == "tariff_summary")
    }
}
