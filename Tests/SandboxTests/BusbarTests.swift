import FoundationEssentials
import Testing

@testable import Sandbox

/// `2026-08-01.busbar` at the API host: upstream.md §9.
@Suite struct BusbarTests {
    // MARK: - Logins

    @Test func `a login is POST auth tokens, in four forms`() {
        let credentials = basic("acc_5a4db0c5000000000000ac01", "sk_test_sandbox")
        let headers: [(name: String, value: String)] = [
            ("Authorization", credentials), ("Flatpeak-Version", Emulation.busbar),
        ]
        for (older, members) in [
            ([], ["bearer_token", "live_mode", "time_expiry"]), ([.bearer], ["live_mode", "time_expiry", "token"]),
            ([.bearerExpiry], ["bearer_token", "expires_in", "live_mode"]),
            ([.bearer, .bearerExpiry], ["expires_in", "live_mode", "token"]),
        ] as [(Set<Sandbox.Disagreement>, [String])] {
            var emulation = Emulation.inBusbar(older: older)
            #expect(emulation.api("GET", "/login", headers: headers).status == 404)
            let login = emulation.api("POST", "/auth/tokens", headers: headers)
            #expect(login.body.object?.keys.sorted() == members)
            emulation.bearer = (login.body["bearer_token"] ?? login.body["token"])?.string ?? ""
            #expect(emulation.api("GET", "/events").status == 200)
        }
        var older = Emulation.inBusbar(older: [.login])
        #expect(older.api("GET", "/login", headers: headers).status == 200)
        #expect(older.api("POST", "/auth/tokens", headers: headers).status == 404)
    }

    @Test func `every refusal is an error object`() {
        var emulation = Emulation.inBusbar()
        let bad: [(name: String, value: String)] = [
            ("Authorization", basic("acc_5a4db0c5000000000000ac01", "sk_test_wrong")),
            ("Flatpeak-Version", Emulation.busbar),
        ]
        let refused = emulation.api("POST", "/auth/tokens", headers: bad)
        #expect(refused.status == 403)
        #expect(refused.body["message"] == "Bad credentials")
        for (reply, code) in [
            (refused, "forbidden"), (emulation.api("GET", "/nothing"), "not_found"),
            (emulation.api("DELETE", "/tariffs"), "method_not_allowed"),
            (emulation.api("GET", "/locations/loc_unknown"), "not_found"),
        ] {
            #expect(reply.body["object"] == "error")
            #expect(reply.body["type"] == "invalid_request")
            #expect(reply.code == code)
        }
    }

    // MARK: - Locations

    @Test func `a location is made before the session, once for each reference`() {
        var emulation = Emulation.inBusbar()
        let made = emulation.api("POST", "/locations", ["reference_id": "home"])
        #expect(made.status == 201)
        #expect(made.body["reference_id"] == "home")
        #expect(made.body["tariff_elements"] == [])
        #expect(made.body["timezone"] == .null)
        let again = emulation.api("POST", "/locations", ["reference_id": "home"])
        #expect(again.status == 409)
        #expect(again.code == "conflict")
        let found = emulation.api("GET", "/locations?reference_id=home")
        #expect(found.data[0]?["id"] == made.body["id"])
        #expect(found.data.array?.count == 1)
        #expect(emulation.api("GET", "/locations?reference_id=other").data == [])
        // A location without a reference stands for itself.
        #expect(emulation.api("POST", "/locations", [:]).body["id"] != emulation.api("POST", "/locations").body["id"])
    }

    @Test func `a location of an address has what follows from it, and the place that was given`() {
        var emulation = Emulation.inBusbar()
        let address: JSON = ["city": "Sydney", "state": "NSW", "country_code": "AU"]
        let body: JSON = ["postal_address": address, "geo_location": ["lat": -33.9, "lng": 151]]
        let made = emulation.api("POST", "/locations", body).body
        #expect(made["timezone"] == "Australia/Sydney")
        #expect(made["currency_code"] == "AUD")
        #expect(made["geo_location"] == ["lat": -33.9, "lng": 151])
        #expect(made["postal_address_verified"] == false)
        let refused = emulation.api("POST", "/locations", ["postal_address": ["country_code": "AUS"]])
        #expect(refused.code == "country_code_invalid")
    }

    @Test func `tariff_elements are objects, with the token of the session, and there is no status call`() {
        var emulation = Emulation.inBusbar()
        emulation.walkToSummary()
        let device = emulation.api(
            "POST", "/devices",
            ["reference_id": "car", "type": "EV_CHARGER", "locations": [.string(emulation.location)]])
        #expect(device.status == 201)
        let location = emulation.api("GET", "/locations/\(emulation.location)").body
        #expect(location["tariff_status"] == nil)
        let element = location["tariff_elements"]?[0]
        #expect(element?["status"] == "CONNECTED")
        #expect(element?["direction"] == "IMPORT")
        #expect(element?["type"] == "COMMODITY")
        #expect(element?["temporary"] == false)
        #expect(element?["connect_token"] == .string(emulation.token))
        #expect(element?["consents"]?["provider_tariff"] == false)
        #expect(location["devices"] == .array([device.body["id"] ?? .null]))
        #expect(element?["devices"] == location["devices"])
        #expect(emulation.api("GET", "/locations/\(emulation.location)/status").status == 404)
    }

    // MARK: - Sessions

    @Test func `the newer edition answers the whole session, whose token is its id`() {
        var emulation = Emulation.inBusbar()
        let minted = emulation.mintAtLocation()
        #expect(minted.status == 200)
        #expect(
            minted.body.object?.keys.sorted() == [
                "callback_url", "connect_url", "data_available", "id", "live_mode", "location_id", "object",
                "time_created", "time_expiry",
            ])
        #expect(minted.body["object"] == "connect_session")
        #expect(minted.body["time_expiry"] == "2026-07-02T10:00:00Z")
        let read = emulation.api("GET", "/connect/\(emulation.token)")
        #expect(read.body == minted.body)
        emulation.walkToSummary()
        #expect(emulation.api("GET", "/connect/\(emulation.token)").body["data_available"] == true)
        #expect(emulation.api("GET", "/connect/cot_unknown").status == 404)
        #expect(emulation.api("GET", "/connect/token?connect_token=\(emulation.token)").status == 404)
    }

    @Test func `each form of the older edition can be had alone`() {
        var mint = Emulation.inBusbar(older: [.mint])
        #expect(mint.mintAtLocation("/connect").status == 404)
        #expect(mint.mintAtLocation("/connect/sessions").body["id"] == .string(mint.token))

        var token = Emulation.inBusbar(older: [.token])
        #expect(token.mintAtLocation().body.object?.keys.sorted() == ["connect_token", "live_mode", "time_expiry"])

        var expiry = Emulation.inBusbar(older: [.token, .expiry])
        let body = expiry.mintAtLocation().body
        #expect(body.object?.keys.sorted() == ["connect_token", "expires_in", "live_mode"])
        #expect(body["expires_in"] == 86_400)

        var retrieval = Emulation.inBusbar(older: [.retrieval, .flag])
        _ = retrieval.mintAtLocation()
        let target = "/connect/sessions?connect_token=\(retrieval.token)"
        #expect(retrieval.api("GET", target).code == "connect_session_not_completed")
        #expect(retrieval.api("GET", "/connect/\(retrieval.token)").status == 404)
        retrieval.walkToSummary()
        let read = retrieval.api("GET", "/connect/sessions?connect_token=\(retrieval.token)").body
        #expect(read["price_available"] == true)
        #expect(read["data_available"] == nil)
    }

    @Test func `a session needs a location, and only what is documented counts`() {
        var emulation = Emulation.inBusbar()
        #expect(emulation.api("POST", "/connect", Emulation.urls).code == "location_id_missing")
        let unknown = emulation.api("POST", "/connect", Emulation.urls.merging(["location_id": "loc_unknown"]))
        #expect(unknown.code == "location_not_found")
        #expect(emulation.mintAtLocation(["tariff_direction": "EXPORT"]).status == 200)
        #expect(emulation.world.sessions[emulation.token]?.mint.slot.direction == .import)
        #expect(emulation.mintAtLocation(["device_id": "dev_unknown"]).code == "device_not_found")
        #expect(emulation.mintAtLocation(["provider_id": "prv_unknown"]).code == "provider_not_found")
        let provider = Provider.all[0].id
        #expect(emulation.mintAtLocation(["provider_id": .string(provider)]).body["provider_id"] == .string(provider))
        emulation.world.mode = .strict
        #expect(emulation.mintAtLocation(["tariff_direction": "EXPORT"]).code == "field_unknown")
        #expect(emulation.mintAtLocation(["route_options": [:]]).code == "field_unknown")
        emulation.world.olderEditions = [.mint]
        #expect(emulation.mintAtLocation("/connect/sessions", ["route_options": [:]]).status == 200)
        #expect(
            emulation.mintAtLocation("/connect/sessions", ["provider_id": .string(provider)]).code == "field_unknown")
    }

    // MARK: - Prices and schedules

    @Test func `prices take the location in the body, and echo nothing but the device`() {
        var emulation = Emulation.inBusbar(mode: .strict)
        emulation.walkToSummary()
        let body: JSON = ["location_id": .string(emulation.location), "end_time": "2026-07-02T00:00:00Z"]
        let prices = emulation.api("POST", "/prices", body)
        #expect(prices.data[0]?["price"]?["value"] == 0.2345)
        #expect(prices.body["request"] == nil)
        #expect(prices.body["next_update"] == nil)
        #expect(emulation.api("POST", "/prices", ["end_time": "2026-07-02T00:00:00Z"]).code == "location_id_missing")
        let device =
            emulation.api(
                "POST", "/devices",
                ["reference_id": "car", "type": "OTHER", "locations": [.string(emulation.location)]]
            ).body["id"] ?? .null
        #expect(emulation.api("POST", "/prices", body.merging(["device_id": device])).body["device_id"] == device)
        #expect(emulation.api("POST", "/prices", body.merging(["device_id": "dev_1"])).code == "device_not_found")
        #expect(emulation.api("POST", "/prices/\(emulation.location)", body).status == 404)

        emulation.world.olderEditions = [.prices]
        let older = emulation.api("POST", "/prices/\(emulation.location)", ["end_time": "2026-07-02T00:00:00Z"])
        #expect(older.body["request"] != nil)
        #expect(older.body["next_update"] != nil)
        #expect(emulation.api("POST", "/prices", body).status == 404)
    }

    @Test func `schedules take the location in the body or in the path, and say price value`() {
        for older in [false, true] {
            var emulation = Emulation.inBusbar(mode: .strict, older: older ? [.schedules] : [])
            emulation.walkToSummary()
            let window: JSON = [
                "start_time": "2026-07-01T12:00:00Z", "end_time": "2026-07-01T18:00:00Z", "segment": "LOW",
            ]
            let named = older ? window : window.merging(["location_id": .string(emulation.location)])
            let path = older ? "/\(emulation.location)" : ""
            let duration = emulation.api("POST", "/schedules/duration" + path, named.merging(["duration": 60]))
            #expect(duration.data[0]?["price"] == ["value": 0.2345, "confidence": 1])
            #expect(duration.data[0]?["vpp_event"] == false)
            #expect((duration.body["request"] != nil) == older)
            #expect((duration.body["next_update"] != nil) == older)
            let limit = emulation.api("POST", "/schedules/limit" + path, named.merging(["absolute": 1]))
            #expect(limit.body["duration"] == 360)
            #expect(limit.body["next_update"] != nil)
            let other = older ? "/schedules/limit" : "/schedules/limit/\(emulation.location)"
            #expect(emulation.api("POST", other, named.merging(["absolute": 1])).status == 404)
            #expect(emulation.api("POST", "/schedules/amount/\(emulation.location)", [:]).status == 404)
        }
    }

    @Test func `tariffs have formulas`() {
        var emulation = Emulation.inBusbar()
        emulation.walkToSummary()
        let tariff = emulation.api("GET", "/tariffs?location_id=\(emulation.location)").data[0]
        let rate = tariff?["schedule"]?[0]?["days_and_hours"]?[0]?["hours"]?[0]?["rate"]?[0]
        #expect(rate?["value"] == "(0.2345) * (1 + tax)")
        #expect(rate?["variables"]?.object?.keys.sorted() == ["index", "tax", "unitScale"])
    }

    @Test func `devices have a type and locations`() {
        var emulation = Emulation.inBusbar(mode: .strict)
        _ = emulation.mintAtLocation()
        let place = JSON.array([.string(emulation.location)])
        let whole: JSON = ["reference_id": "car", "type": "EV_CHARGER", "locations": place, "manufacturer": "M"]
        let made = emulation.api("POST", "/devices", whole)
        #expect(made.body["locations"] == place)
        #expect(made.body["manufacturer"] == "M")
        #expect(made.body["flex_enabled"] == false)
        for (name, code) in [
            ("reference_id", "reference_id_missing"), ("type", "type_missing"), ("locations", "locations_missing"),
        ] {
            #expect(emulation.api("POST", "/devices", whole.merging([name: .null])).code == code)
        }
        #expect(emulation.api("POST", "/devices", whole.merging(["type": "HEAT_PUMP"])).code == "type_invalid")
        let elsewhere = whole.merging(["locations": ["loc_unknown"]])
        #expect(emulation.api("POST", "/devices", elsewhere).code == "location_not_found")
    }

    // MARK: - An account that moves

    @Test func `an account that moves under way refuses the old version, and keeps its data and its sessions`() {
        var emulation = Emulation.at(.rateFixedCapture)
        let hasMoved = emulation.world.upgrade(to: Emulation.busbar)
        #expect(hasMoved)
        #expect(emulation.claim().code == "api_version_not_supported")
        let token = emulation.token
        #expect(emulation.mint().code == "api_version_not_supported")
        emulation.token = token
        let isBack = emulation.world.upgrade(to: "2025-09-14.anode")
        #expect(!isBack)
        // The session goes on in its own words.
        #expect(emulation.submit(["cost": 0.2345]).route == "tariff_summary")
        emulation.version = Emulation.busbar
        let read = emulation.api("GET", "/connect/\(emulation.token)").body
        #expect(read["data_available"] == true)
        let id = read["location_id"]?.string ?? ""
        let location = emulation.api("GET", "/locations/\(id)").body
        #expect(location["tariff_elements"]?[0]?["connect_token"] == .string(emulation.token))
        // Its end is an event in the words of the account.
        let event = emulation.api("GET", "/events?event_type=connect_session.complete").data[0]
        #expect(event?["data"]?["object"] == "connect_session")
        #expect(event?["data"]?["data_available"] == true)
        #expect(emulation.world.events.last { $0.type == "connect_session.complete" }?.version == Emulation.busbar)
    }

    @Test func `a session of BUSBAR is written in BUSBAR's words even where the account's default is older`() {
        var emulation = Emulation()
        emulation.version = Emulation.busbar
        emulation.walkToSummary()
        let event = emulation.world.events.last { $0.type == "connect_session.complete" }
        #expect(event?.version == Emulation.busbar)
        #expect(event?.data["data_available"] == true)
        // What ANODE reads of it is ANODE's.
        emulation.version = "2025-09-14.anode"
        #expect(emulation.claim().body["price_available"] == true)
        #expect(
            emulation.api("GET", "/locations/\(emulation.location)/status").body["tariff_status"]?["commodity_import"]?[
                "status"] == "CONNECTED")
    }
}

extension Emulation {
    static let busbar = "2026-08-01.busbar"
    static let urls: JSON = ["connect_url": "http://app.test/", "callback_url": "http://app.test/done"]

    static func inBusbar(mode: Sandbox.Mode = .plain, older: Set<Sandbox.Disagreement> = []) -> Emulation {
        var emulation = Emulation(mode: mode) { $0.accountVersion = busbar }
        emulation.world.olderEditions = older
        return emulation
    }

    /// The location of the current session.
    var location: String { world.sessions[token]?.mint.locationID ?? "" }

    /// Makes a location without an address and mints a session for it, which becomes the current one.
    @discardableResult
    mutating func mintAtLocation(_ path: String = "/connect", _ fields: [String: JSON] = [:]) -> Reply {
        let location = api("POST", "/locations", [:]).body["id"] ?? .null
        let reply = api("POST", path, Self.urls.merging(["location_id": location], fields))
        token = (reply.body["id"] ?? reply.body["connect_token"])?.string ?? ""
        return reply
    }

    mutating func mintAtLocation(_ fields: [String: JSON]) -> Reply { mintAtLocation("/connect", fields) }

    mutating func startTariff() -> Reply {
        connect(["connect_token": .string(token), "route": "session_start", "action": "TARIFF"])
    }

    /// Mints where there is no session, and connects a fixed tariff of 0.2345 a kWh.
    @discardableResult
    mutating func walkToSummary() -> Reply {
        if token.isEmpty {
            mintAtLocation(world.olderEditions.contains(.mint) ? "/connect/sessions" : "/connect")
        }
        _ = startTariff()
        _ = submit(Sample.address)
        _ = act("PROVIDER_MISSING")
        _ = submit(["provider": ["name": "Corner Shop Power"]])
        _ = submit(["options": ["FIXED"]])
        return submit(["cost": 0.2345])
    }
}
