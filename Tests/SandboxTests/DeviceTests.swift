import FoundationEssentials
import Testing

@testable import Sandbox

/// Devices and locations: upstream.md §6.9 and §6.2.
@Suite struct DeviceTests {
    private static let zero = "2024-08-24.zero"

    @Test func `a device is made, read, listed and deleted`() {
        var fixture = EnergyFixture()
        let solar: JSON = ["rated_power_kw": 4.2, "azimuth": 180]
        let made = fixture.call(
            "POST", "/devices", ["reference_id": "r1", "location_id": "HERE", "pv_system": solar])
        #expect(made.status == 201)
        let id = made.body["id"]?.string ?? ""
        #expect(
            made.body == [
                "id": .string(id), "object": "device", "live_mode": false, "reference_id": "r1",
                "location_id": .string(fixture.location), "time_created": "2026-07-01T10:00:00Z",
                "account_id": "acc_5a4db0c5000000000000ac01",
                "pv_system": [
                    "rated_power_kw": 4.2, "azimuth": 180, "tilt": 23, "terrain_shading": false,
                    "forecasts": ["enabled": false],
                ],
            ])
        #expect(id.hasPrefix("dev_"))
        #expect(fixture.call("GET", "/devices/\(id)").body == made.body)
        #expect(fixture.call("GET", "/devices").data == [made.body])
        #expect(fixture.events().first == "device.create")
        let deleted = fixture.call("DELETE", "/devices/\(id)")
        #expect(deleted.status == 202)
        #expect(deleted.body == ["message": "Accepted"])
        #expect(fixture.call("GET", "/devices/\(id)").status == 404)
        #expect(fixture.call("DELETE", "/devices/\(id)").status == 404)
        #expect(fixture.call("GET", "/devices").data == [])
        #expect(fixture.events().first == "device.delete")
    }

    @Test func `the list is newest first, by reference and in pages`() {
        var fixture = EnergyFixture()
        let ids = ["a", "b", "a"].map { fixture.device($0) }
        func list(_ query: String) -> [String] {
            fixture.call("GET", "/devices" + query).data.array?.compactMap { $0["id"]?.string } ?? []
        }
        #expect(list("") == ids.reversed())
        #expect(list("?reference_id=a") == [ids[2], ids[0]])
        #expect(list("?reference_id=c") == [])
        #expect(list("?limit=1&starting_after=\(ids[2])") == [ids[1]])
    }

    @Test func `a record says when its device was last seen`() {
        var fixture = EnergyFixture()
        let id = fixture.device()
        #expect(fixture.call("GET", "/devices/\(id)").body["last_seen"] == nil)
        _ = fixture.call("PUT", "/meters/interval", [EnergyFixture.record.merging(["device_id": .string(id)])])
        #expect(fixture.call("GET", "/devices/\(id)").body["last_seen"] == "2026-07-01T10:00:00Z")
    }

    @Test(
        arguments: [
            (["location_id": "loc_1"], "location_not_found"), (["reference_id": 1], "data_json_invalid"),
            (["pv_system": [:]], "data_json_invalid"), (["pv_system": ["rated_power_kw": 0]], "rated_power_kw_invalid"),
        ] as [(JSON, String)])
    func `a device is not made from`(_ body: JSON, _ code: String) {
        var fixture = EnergyFixture()
        let reply = fixture.call("POST", "/devices", body)
        #expect(reply.status == 400)
        #expect(reply.code == code)
    }

    @Test func `devices are their account's, and a device's records are those of its location`() {
        var fixture = EnergyFixture()
        let id = fixture.device()
        let first = fixture.location
        fixture.emulation.walk(to: .tariffSummary)
        let other = fixture.emulation.claim().body["location_id"] ?? .null
        let record = EnergyFixture.record.merging(["device_id": .string(id), "location_id": other])
        #expect(fixture.call("POST", "/costs/instant", record).code == "device_id_invalid")
        fixture.emulation.world.addAccount("acc_2", key: "sk_test_2", version: fixture.version)
        fixture.emulation.bearer = fixture.emulation.login(account: "acc_2", key: "sk_test_2")
        #expect(fixture.call("GET", "/devices/\(id)").status == 404)
        #expect(fixture.call("DELETE", "/devices/\(id)").status == 404)
        #expect(fixture.call("GET", "/devices").data == [])
        #expect(fixture.call("GET", "/locations/\(first)").status == 404)
    }

    @Test func `ZERO's devices have a reference alone`() {
        var fixture = EnergyFixture(version: Self.zero)
        let made = fixture.call("POST", "/devices", ["reference_id": "r1", "location_id": "HERE"])
        #expect(made.status == 201)
        #expect(
            made.body.object?.keys.sorted()
                == ["account_id", "id", "live_mode", "object", "reference_id", "time_created"])
    }

    // MARK: - Locations

    @Test func `a location has what the documents list`() {
        var fixture = EnergyFixture()
        let body = fixture.call("GET", "/locations/HERE").body
        #expect(
            body.object?.keys.sorted() == [
                "account_id", "currency_code", "customer_id", "flex_allowed", "geo_location", "id", "live_mode",
                "market_sources", "object", "postal_address", "reference_id", "tariff_elements", "tariff_status",
                "time_created", "timezone",
            ])
        #expect(body["timezone"] == "Europe/London")
        #expect(body["currency_code"] == "GBP")
        #expect(body["postal_address"]?["city"] == "London")
        #expect(
            body["tariff_status"] == [
                "commodity_import": "CONNECTED", "commodity_export": "NOT_CONNECTED",
                "non_commodity_import": "NOT_CONNECTED", "non_commodity_export": "NOT_SUPPORTED",
                "local": "NOT_SUPPORTED",
            ])
        #expect(body["tariff_elements"]?[0]?.string?.hasPrefix("trf_") == true)
        #expect(fixture.call("GET", "/locations/loc_1").status == 404)
    }

    @Test func `ZERO's location has fewer members`() {
        var fixture = EnergyFixture(version: Self.zero)
        let body = fixture.call("GET", "/locations/HERE").body
        #expect(body["timezone"] == nil)
        #expect(body["tariff_status"]?["commodity_import"] == "CONNECTED")
    }

    @Test func `odd mode puts a connect token into every object`() {
        var fixture = EnergyFixture(mode: .odd)
        let location = fixture.call("GET", "/locations/HERE").body
        #expect(location["connect_token"] == .string(Oddities.token))
        #expect(location["postal_address"]?["link"] == .string(Oddities.token))
        let batch = fixture.call("PUT", "/meters/interval", ["bad"]).body
        #expect(batch["failed_records"]?[0]?["connect_token"] == .string(Oddities.token))
        #expect(fixture.call("POST", "/devices", [:]).body["connect_token"] == .string(Oddities.token))
    }

    @Test func `ZERO mints under its own names`() {
        var emulation = Emulation { $0.accountVersion = Self.zero }
        let headers: [(name: String, value: String)] = [
            ("Authorization", "Bearer " + emulation.bearer), ("Content-Type", "application/json"),
            ("Flatpeak-Version", Self.zero),
        ]
        let minted = emulation.api(
            "POST", "/connect/tariff/token", ["callback_uri": "http://app.test/done", "direction": "EXPORT"],
            headers: headers)
        #expect(minted.status == 200)
        let token = minted.body["connect_token"]?.string ?? ""
        #expect(emulation.world.sessions[token]?.mint.slot.direction == .export)
        #expect(
            emulation.api("GET", "/connect/tariff/token?connect_token=\(token)", headers: headers).code
                == "connect_session_not_completed")
    }
}
