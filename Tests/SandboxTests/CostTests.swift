import Testing

@testable import Sandbox

/// Costs (upstream.md §6.7); the oracle's cases are in EnergyOracleTests.
@Suite struct CostTests {
    private static let record = EnergyFixture.record
    private static let day: JSON = ["start_time": "2026-06-30T23:00:00Z", "end_time": "2026-07-01T23:00:00Z"]

    @Test func `an instant cost is simulated or kept`() {
        var fixture = EnergyFixture()
        let asked = Self.record.merging(["session_reference_id": "s1", "record_reference_id": "r1"])
        let simulated = fixture.call("POST", "/costs/instant?non_persistent=true", asked)
        #expect(simulated.status == 200)
        #expect(simulated.body["object"] == "meter_record")
        #expect(simulated.body["id"]?.string?.hasPrefix("mre_") == true)
        #expect(simulated.body["energy_flow_direction"] == "INBOUND")
        #expect(simulated.body["tariff_direction"] == "IMPORT")
        #expect(simulated.body["currency_code"] == "GBP")
        #expect(simulated.body["energy_units"] == "WH")
        #expect(
            simulated.data == [
                "start_time": "2026-07-01T08:00:00+00:00", "end_time": "2026-07-01T09:00:00+00:00",
                "session_reference_id": "s1", "record_reference_id": "r1", "energy": ["value": 2000],
                "cost": ["value": 0.469, "confidence": 1],
            ])
        #expect(fixture.call("POST", "/costs/interval/HERE", Self.day).data == [])
        #expect(!fixture.events().contains("location.update"))

        #expect(fixture.call("POST", "/costs/instant", asked).data == simulated.data)
        #expect(fixture.call("POST", "/costs/instant", asked).data == simulated.data)
        #expect(fixture.call("POST", "/costs/interval/HERE", Self.day).data == [simulated.data])
        #expect(fixture.events().first == "location.update")
    }

    @Test(
        arguments: [("W", 2000, 2000), ("KW", 2, 2000), ("WH", 1500, 1500), ("KWH", 1.5, 1500)]
            as [(String, Double, Double)])
    func `power is constant over the time of a record`(_ units: String, _ value: Double, _ wattHours: Double) {
        var fixture = EnergyFixture()
        let asked = Self.record.merging(["units": .string(units), "value": .double(value)])
        #expect(
            fixture.call("POST", "/costs/instant?non_persistent=true", asked).data["energy"]?["value"]
                == .int(Int(wattHours)))
    }

    @Test func `a record that crosses prices costs its share of each`() {
        var fixture = EnergyFixture.night()
        let asked = Self.record.merging(["start_time": "2026-07-01T22:00:00Z", "end_time": "2026-07-01T23:00:00Z"])
        let cost = fixture.call("POST", "/costs/instant?non_persistent=true", asked).data["cost"]
        #expect(cost == ["value": 0.357, "confidence": 1])
    }

    @Test func `tiers count what the location used since its midnight, a simulation on top`() {
        var fixture = EnergyFixture()
        fixture.replace(
            .advanced,
            TariffSchedule(daily: [
                .init(
                    validFrom: "00:00:00", validTo: "00:00:00",
                    rate: [.init(fixed: 0.1, toKwh: 3), .init(fixed: 0.2, toKwh: 5), .init(fixed: 0.5)])
            ]))
        for (start, end, cost) in [("08", "09", 0.2), ("09", "10", 0.3), ("10", "11", 0.7)] {
            let asked = Self.record.merging([
                "start_time": .string("2026-07-01T\(start):00:00Z"),
                "end_time": .string("2026-07-01T\(end):00:00Z"),
            ])
            let simulated = fixture.call("POST", "/costs/instant?non_persistent=true", asked)
            #expect(simulated.data["cost"]?["value"] == .double(cost))
            #expect(fixture.call("POST", "/costs/instant", asked).data == simulated.data)
        }
        let tomorrow = Self.record.merging(["start_time": "2026-07-02T08:00:00Z", "end_time": "2026-07-02T09:00:00Z"])
        #expect(fixture.call("POST", "/costs/instant", tomorrow).data["cost"]?["value"] == 0.2)
        let days = fixture.call(
            "POST", "/costs/interval/HERE?aggregation=DAY",
            ["start_time": "2026-06-30T23:00:00Z", "end_time": "2026-07-02T23:00:00Z"])
        #expect(days.data.array?.map { $0["cost"]?["value"] } == [1.2, 0.2])
    }

    @Test func `network charges are part of the price`() {
        var fixture = EnergyFixture()
        _ = fixture.emulation.mint(["location_id": .string(fixture.location), "tariff_type": "NON_COMMODITY"])
        if var draft = fixture.emulation.world.tariffs[fixture.location]?.first?.draft {
            draft.schedule = TariffSchedule(always: .init(fixed: 0.05))
            fixture.emulation.world.connect(draft, token: fixture.emulation.token, at: fixture.emulation.now)
        }
        #expect(fixture.call("POST", "/costs/instant", Self.record).data["cost"]?["value"] == 0.569)
        let prices = fixture.call("POST", "/prices/HERE", ["end_time": "2026-07-02T00:00:00Z"])
        #expect(prices.data[0]?["price"]?["value"] == 0.2845)
    }

    @Test func `a corrected price changes what was, with an event`() {
        var fixture = EnergyFixture()
        _ = fixture.call("POST", "/costs/instant", Self.record.merging(["session_reference_id": "s1"]))
        let half = EnergyOracle.at("2026-07-01T08:30:00Z")
        let correction = PriceCorrection(direction: .import, from: half, to: half + 86_400, value: 0.1)
        let isKnown = fixture.emulation.world.correct(correction, at: fixture.location, now: fixture.emulation.now)
        #expect(isKnown)
        #expect(fixture.call("POST", "/costs/session/s1").data[0]?["cost"]?["value"] == 0.3345)
        #expect(fixture.call("POST", "/costs/interval/HERE", Self.day).data[0]?["cost"]?["value"] == 0.3345)
        #expect(fixture.events().first == "location.update")
        let prices = fixture.call("POST", "/prices/HERE", ["end_time": "2026-07-02T00:00:00Z"])
        #expect(prices.data[0]?["price"]?["value"] == 0.1)
    }

    // MARK: - Sessions and intervals

    @Test func `a session has a row for each of its records, and an unknown one is 404`() {
        var fixture = EnergyFixture()
        let device = fixture.device()
        let records: [JSON] = (8...10).map { hour in
            Self.record.merging([
                "start_time": .string("2026-07-01T\(hour < 10 ? "0" : "")\(hour):00:00Z"),
                "end_time": .string("2026-07-01T\(hour < 10 ? "0" : "")\(hour):15:00Z"),
                "session_reference_id": hour == 10 ? "other" : "a.b_c-1", "device_id": .string(device),
            ])
        }
        _ = fixture.call("PUT", "/meters/interval", .array(records))
        let session = fixture.call("POST", "/costs/session/a.b_c-1?tariff_direction=IMPORT")
        #expect(session.body["object"] == "energy_cost")
        #expect(session.body["id"]?.string?.hasPrefix("ecs_") == true)
        #expect(session.body["object_id"] == .string(device))
        #expect(session.body["location_timezone"] == "Europe/London")
        #expect(session.body["energy_units"] == "WH")
        // The times of a session are the location's.
        #expect(
            session.data.array?.map { $0["start_time"] }
                == ["2026-07-01T09:00:00+01:00", "2026-07-01T10:00:00+01:00"])
        #expect(session.data[0]?["session_reference_id"] == "a.b_c-1")
        #expect(fixture.call("POST", "/costs/session/a.b_c-1?tariff_direction=LOCAL").data == [])
        #expect(fixture.call("POST", "/costs/session/a%2Eb_c-1").status == 200)
        #expect(fixture.call("POST", "/costs/session/nobody").status == 404)
    }

    @Test func `an interval is the location's with its devices, or one device's`() {
        var fixture = EnergyFixture()
        let device = fixture.device()
        _ = fixture.call("POST", "/costs/instant", Self.record)
        _ = fixture.call("POST", "/costs/instant", Self.record.merging(["device_id": .string(device), "value": 1]))
        let all = fixture.call("POST", "/costs/interval/HERE", Self.day)
        #expect(all.body["object_id"] == .string(fixture.location))
        #expect(all.data.array?.map { $0["energy"]?["value"] } == [2000, 1000])
        let own = fixture.call("POST", "/costs/interval/\(device)", Self.day)
        #expect(own.body["object_id"] == .string(device))
        #expect(own.data.array?.map { $0["energy"]?["value"] } == [1000])
        #expect(fixture.call("POST", "/costs/interval/loc_1", Self.day).status == 404)
    }

    /// 2026-10-25 has 25 hours in London.
    @Test func `days and months are the location's own, and cut at the window`() {
        var fixture = EnergyFixture()
        fixture.emulation.now = instant("2026-10-26T00:00:00Z")
        fixture.emulation.bearer = fixture.emulation.login(
            account: "acc_5a4db0c5000000000000ac01", key: "sk_test_sandbox")
        let asked = Self.record.merging([
            "units": "KW", "value": 1, "start_time": "2026-10-24T12:00:00Z", "end_time": "2026-10-26T00:00:00Z",
        ])
        _ = fixture.call("POST", "/costs/instant", asked)
        let window: JSON = ["start_time": "2026-10-24T13:00:00Z", "end_time": "2026-10-26T00:00:00Z"]
        let days = fixture.call("POST", "/costs/interval/HERE?aggregation=DAY", window)
        #expect(days.data.array?.map { $0["energy"]?["value"] } == [10_000, 25_000])
        #expect(
            days.data.array?.map { $0["start_time"] } == ["2026-10-24T13:00:00+00:00", "2026-10-24T23:00:00+00:00"])
        let months = fixture.call("POST", "/costs/interval/HERE?aggregation=MONTH", window)
        #expect(months.data.array?.map { $0["end_time"] } == ["2026-10-26T00:00:00+00:00"])
        #expect(months.data[0]?["energy"]?["value"] == 35_000)
    }

    @Test func `energy made at the place is free until it has a price`() {
        var fixture = EnergyFixture()
        let asked = Self.record.merging(["tariff_direction": "LOCAL"])
        #expect(
            fixture.call("POST", "/costs/instant", asked).data["cost"] == ["value": 0, "confidence": 1])
        #expect(
            fixture.call("POST", "/costs/interval/HERE?tariff_direction=LOCAL", Self.day).data[0]?["energy"]?["value"]
                == 2000)
        #expect(fixture.call("POST", "/costs/interval/HERE", Self.day).data == [])
        fixture.emulation.world.isLocalEnabled = true
        let minted = fixture.emulation.mint([
            "location_id": .string(fixture.location), "tariff_direction": "LOCAL",
        ])
        #expect(minted.status == 200)
        if let draft = fixture.emulation.world.tariffs[fixture.location]?.first?.draft {
            fixture.emulation.world.connect(draft, token: fixture.emulation.token, at: fixture.emulation.now)
        }
        #expect(
            fixture.call("POST", "/costs/interval/HERE?tariff_direction=LOCAL", Self.day).data[0]?["cost"]?["value"]
                == 0.469)
        #expect(fixture.call("GET", "/locations/HERE").body["tariff_status"]?["local"] == "CONNECTED")
    }

    @Test func `a forecast is as sure as it says, and what has no price costs nothing for sure`() {
        var fixture = EnergyFixture()
        let asked = Self.record.merging(["confidence": 0.4])
        #expect(fixture.call("POST", "/costs/instant", asked).data["cost"] == ["value": 0.469, "confidence": 0.4])
        let later = Self.record.merging(["start_time": "2026-07-05T08:00:00Z", "end_time": "2026-07-05T09:00:00Z"])
        #expect(fixture.call("POST", "/costs/instant", later).data["cost"] == ["value": 0.469, "confidence": 0.8])
        let never = Self.record.merging(["start_time": "2026-08-05T08:00:00Z", "end_time": "2026-08-05T09:00:00Z"])
        #expect(fixture.call("POST", "/costs/instant", never).data["cost"] == ["value": 0, "confidence": 0])
    }

    // MARK: - Refusals and other editions

    @Test(arguments: [
        (ConnectionState.pending, "pending_connect"), (.failed, "no_price_data"),
    ])
    func `has no cost without prices`(_ state: ConnectionState, _ code: String) {
        var fixture = EnergyFixture()
        fixture.replace(.fixed, TariffSchedule(always: .init(fixed: 0.2)), state: state)
        let interval = fixture.call("POST", "/costs/interval/HERE", Self.day)
        #expect(interval.status == 422)
        #expect(interval.code == code)
        #expect(fixture.call("POST", "/costs/instant", Self.record).code == code)
        let export = Self.record.merging(["tariff_direction": "EXPORT"])
        #expect(fixture.call("POST", "/costs/instant", export).code == "no_tariff_connected")
    }

    @Test(
        arguments: [
            ("?aggregation=YEAR", [:], "aggregation_invalid"),
            ("?tariff_direction=UP", [:], "tariff_direction_invalid"),
            ("", ["start_time": .null], "start_time_missing"), ("", ["end_time": .null], "end_time_missing"),
            ("", ["end_time": "2026-06-30T23:00:00Z"], "time_window_invalid"),
        ] as [(String, [String: JSON], String)])
    func `an interval refuses`(_ query: String, _ fields: [String: JSON], _ code: String) {
        var fixture = EnergyFixture()
        let reply = fixture.call("POST", "/costs/interval/HERE\(query)", Self.day.merging(fields))
        #expect(reply.status == 400)
        #expect(reply.code == code)
    }

    @Test func `the older edition says tariff and has carbon`() {
        var fixture = EnergyFixture()
        fixture.emulation.world.edition = .older
        let asked = Self.record.merging(["direction": "IMPORT"])
        let reply = fixture.call("POST", "/costs/instant?include_carbon=true", asked)
        #expect(reply.body["direction"] == "IMPORT")
        #expect(reply.body["tariff_direction"] == "IMPORT")
        #expect(reply.body["carbon_units"] == "gCO2eq")
        #expect(reply.data["tariff"] == ["value": 0.469, "confidence": 1])
        #expect((reply.data["carbon"]?["value"]?.number ?? 0) > 100)
        #expect(reply.data["cost"] == nil)
    }

    @Test func `ZERO has prices where it is asked to include them`() {
        var fixture = EnergyFixture(version: "2024-08-24.zero")
        let asked = Self.record.merging(["direction": "EXPORT", "tariff_rate": "IMPORT"])
        let reply = fixture.call("POST", "/costs/instant?include_tariff=true&non_persistent=true", asked)
        #expect(reply.body["direction"] == "EXPORT")
        #expect(reply.body["tariff_rate"] == "IMPORT")
        #expect(reply.body["request"]?["non_persistent"] == true)
        #expect(reply.data["tariff"]?["value"] == 0.469)
        #expect(fixture.call("POST", "/costs/instant", asked).data["tariff"] == nil)
        let interval = fixture.call("POST", "/costs/interval/HERE?include_tariff=true&direction=IMPORT", Self.day)
        #expect(interval.body["direction"] == "IMPORT")
        #expect(interval.data[0]?["tariff"]?["value"] == 0.469)
        let window = "start_time=2026-07-01T18:00:00Z&end_time=2026-07-02T04:00:00Z"
        let rates = fixture.call("GET", "/tariffs/rates/HERE?\(window)&include_tariff=true&include_carbon=true")
        #expect(rates.body["object"] == "tariff_rate")
        #expect(rates.data[0]?["tariff"] == ["rate": 0.2345, "confidence": 1])
        #expect(rates.data[0]?["carbon"]?["confidence"] == 1)
        #expect(fixture.call("GET", "/tariffs/rates/HERE?\(window)").data[0]?["tariff"] == nil)
    }
}
