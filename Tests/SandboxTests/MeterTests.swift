import FoundationEssentials
import Testing

@testable import Sandbox

/// Meter records: upstream.md §6.8.
@Suite struct MeterTests {
    private static let record = EnergyFixture.record
    private static let day: JSON = ["start_time": "2026-06-30T23:00:00Z", "end_time": "2026-07-01T23:00:00Z"]

    private static func energy(_ fixture: inout EnergyFixture) -> [JSON?] {
        fixture.call("POST", "/costs/interval/HERE", day).data.array?.map { $0["energy"]?["value"] } ?? []
    }

    @Test func `a batch lists its bad records and takes the good ones`() {
        var fixture = EnergyFixture()
        let bad = Self.record.merging(["units": "J", "record_reference_id": "r2"])
        let batch = fixture.call("PUT", "/meters/interval", [Self.record, bad, "no record"])
        #expect(batch.status == 200)
        #expect(batch.body["id"]?.string?.hasPrefix("bat_") == true)
        #expect(batch.body["object"] == "meter_batch")
        #expect(batch.body["records_submitted"] == 3)
        #expect(batch.body["records_accepted"] == 1)
        #expect(batch.body["records_processed"] == 1)
        #expect(
            batch.body["failed_records"] == [
                [
                    "record_num": 1, "record_reference_id": "r2", "error": "units must be W, KW, WH or KWH",
                ],
                [
                    "record_num": 2,
                    "error": "Data does not conform to the JSON schema: a record must be an object",
                ],
            ])
        #expect(fixture.call("GET", "/meters/batch?batch_id=\(batch.body["id"]?.string ?? "")").body == batch.body)
        #expect(Self.energy(&fixture) == [2000])
        #expect(fixture.events().first == "location.update")
    }

    @Test func `records are processed as time goes on, and the end is an event`() {
        var fixture = EnergyFixture()
        fixture.emulation.world.meters.settings.processingSeconds = 10
        let later = Self.record.merging(["start_time": "2026-07-01T09:00:00Z", "end_time": "2026-07-01T10:00:00Z"])
        let batch = fixture.call("PUT", "/meters/interval", [Self.record, later])
        func processed() -> JSON? {
            fixture.call("GET", "/meters/batch?batch_id=\(batch.body["id"]?.string ?? "")").body["records_processed"]
        }
        #expect(batch.body["records_processed"] == 0)
        fixture.emulation.now += 5
        #expect(processed() == 1)
        #expect(Self.energy(&fixture) == [2000])
        #expect(!fixture.events().contains("location.update"))
        fixture.emulation.now += 5
        #expect(processed() == 2)
        #expect(Self.energy(&fixture) == [2000, 2000])
        #expect(fixture.events().first == "location.update")
    }

    @Test func `held records wait until they are not`() {
        var fixture = EnergyFixture()
        fixture.emulation.world.meters.settings.isHeld = true
        _ = fixture.call("PUT", "/meters/interval", [Self.record])
        fixture.emulation.now += 3000
        #expect(Self.energy(&fixture) == [])
        fixture.emulation.world.meters.settings.isHeld = false
        #expect(Self.energy(&fixture) == [2000])
    }

    // MARK: - Each once

    private static let again: [(JSON, [JSON?])] = [
        // The same time, by the same series: the newer one stands.
        (["value": 3], [3000]), (["value": 3, "record_reference_id": "r9"], [3000]),
        // The same reference: the newer one stands, whatever its time.
        (["record_reference_id": "r1", "end_time": "2026-07-01T08:30:00Z", "value": 1], [1000]),
        // A forecast never takes the place of what was measured.
        (["value": 3, "confidence": 0.5], [2000]),
        (["record_reference_id": "r1", "end_time": "2026-07-01T08:30:00Z", "confidence": 0.5], [2000]),
        // Another session, direction of flow or time is another record.
        (["session_reference_id": "s2"], [2000, 2000]), (["energy_flow_direction": "OUTBOUND"], [2000, 2000]),
        (["end_time": "2026-07-01T08:30:00Z"], [2000, 2000]),
    ]

    @Test(arguments: again) func `a record that comes again is kept once`(_ fields: JSON, _ energy: [JSON?]) {
        var fixture = EnergyFixture()
        let first = Self.record.merging(["record_reference_id": "r1"])
        for record in [first, first, Self.record.merging(fields.object ?? [:])] {
            _ = fixture.call("PUT", "/meters/interval", [record])
        }
        #expect(Self.energy(&fixture) == energy)
    }

    @Test func `what was measured takes the place of a forecast`() {
        var fixture = EnergyFixture()
        _ = fixture.call("PUT", "/meters/interval", [Self.record.merging(["confidence": 0.5, "value": 9])])
        _ = fixture.call("PUT", "/meters/interval", [Self.record])
        #expect(Self.energy(&fixture) == [2000])
    }

    // MARK: - Counting meters

    private static func reading(_ time: String, _ value: Double, _ reference: String? = nil) -> JSON {
        let reading: JSON = ["time": .int(EnergyOracle.at(time)), "value": .double(value)]
        return reading.merging(reference.map { ["record_reference_id": .string($0)] } ?? [:])
    }

    @Test func `energy lies between the readings of a meter, whatever order they come in`() {
        var fixture = EnergyFixture()
        func put(_ readings: JSON...) -> Reply {
            fixture.call(
                "PUT", "/meters/cumulative/epoch",
                ["location_id": "HERE", "units": "KWH", "session_reference_id": "s1", "data": .array(readings)])
        }
        let batch = put(
            Self.reading("2026-07-01T08:00:00Z", 100), Self.reading("2026-07-01T10:00:00Z", 104, "late"))
        #expect(batch.body["records_accepted"] == 2)
        #expect(Self.energy(&fixture) == [4000])
        _ = put(Self.reading("2026-07-01T09:00:00Z", 101))
        _ = put(Self.reading("2026-07-01T11:00:00Z", 110))
        #expect(Self.energy(&fixture) == [1000, 3000, 6000])
        _ = put(Self.reading("2026-07-01T11:00:00Z", 105))
        #expect(Self.energy(&fixture) == [1000, 3000, 1000])
        let rows = fixture.call("POST", "/costs/session/s1").data
        #expect(rows[1]?["record_reference_id"] == "late")
    }

    @Test func `a reading below the one before is bad`() {
        var fixture = EnergyFixture()
        let batch = fixture.call(
            "PUT", "/meters/cumulative/epoch",
            [
                "location_id": "HERE", "units": "WH",
                "data": [
                    Self.reading("2026-07-01T08:00:00Z", 100), Self.reading("2026-07-01T09:00:00Z", 90),
                    Self.reading("2026-07-01T10:00:00Z", 120), ["time": 1.5, "value": 1],
                ],
            ])
        #expect(batch.body["failed_records"]?.array?.map { $0["record_num"] } == [1, 3])
        #expect(Self.energy(&fixture) == [20])
    }

    // MARK: - Refusals

    private static let refused: [(JSON, String)] = [
        (["location_id": .null], "location_id is required"), (["location_id": "loc_1"], "Location was not found"),
        (["device_id": "dev_1"], "Device was not found"), (["units": .null], "units is required"),
        (["value": .null], "Data does not conform to the JSON schema: value must be a number"),
        (["value": -1], "value must not be negative"), (["start_time": .null], "start_time is required"),
        (["end_time": "x"], "end_time must be an RFC 3339 timestamp"),
        (["end_time": "2026-07-01T08:00:00Z"], "end_time must be after start_time"),
        (["end_time": "2027-07-03T08:00:00Z"], "A record must be of one second to 366 days"),
        (["energy_flow_direction": "IMPORT"], "energy_flow_direction must be INBOUND or OUTBOUND"),
        (["tariff_direction": "UP"], "tariff_direction must be IMPORT, EXPORT or LOCAL"),
        (["confidence": 1.1], "confidence must be between 0 and 1"),
    ]

    @Test(arguments: refused) func `a bad record says what is wrong`(_ fields: JSON, _ message: String) {
        var fixture = EnergyFixture()
        let record = Self.record.merging(fields.object ?? [:])
        let batch = fixture.call("PUT", "/meters/interval", [record])
        #expect(batch.body["failed_records"] == [["record_num": 0, "error": .string(message)]])
        #expect(fixture.call("POST", "/costs/instant", record).body["message"] == .string(message))
    }

    @Test(
        arguments: [
            ("/meters/interval", [:], "data_json_invalid"), ("/meters/interval", [], "records_count_invalid"),
            ("/meters/cumulative/epoch", [], "data_json_invalid"),
            ("/meters/cumulative/epoch", [:], "location_id_missing"),
            ("/meters/cumulative/epoch", ["location_id": "HERE"], "units_missing"),
            ("/meters/cumulative/epoch", ["location_id": "HERE", "units": "KW"], "units_invalid"),
            ("/meters/cumulative/epoch", ["location_id": "HERE", "units": "WH"], "data_json_invalid"),
            ("/meters/cumulative/epoch", ["location_id": "HERE", "units": "WH", "data": []], "records_count_invalid"),
        ] as [(String, JSON, String)])
    func `a bad body is refused as a whole`(_ path: String, _ body: JSON, _ code: String) {
        var fixture = EnergyFixture()
        let reply = fixture.call("PUT", path, body)
        #expect(reply.status == 400)
        #expect(reply.code == code)
    }

    @Test(arguments: [(10_000, 200), (10_001, 400)]) func `a call has ten thousand records at most`(
        _ count: Int, _ status: Int
    ) {
        var fixture = EnergyFixture()
        let reply = fixture.call("PUT", "/meters/interval", .array(Array(repeating: Self.record, count: count)))
        #expect(reply.status == status)
        #expect(Self.energy(&fixture) == (status == 200 ? [2000] : []))
    }

    @Test func `a batch is its account's, and its id is required`() {
        var fixture = EnergyFixture()
        #expect(fixture.call("GET", "/meters/batch").code == "batch_id_missing")
        #expect(fixture.call("GET", "/meters/batch?batch_id=bat_1").status == 404)
        let batch = fixture.call("PUT", "/meters/interval", [Self.record]).body["id"]?.string ?? ""
        fixture.emulation.world.addAccount("acc_2", key: "sk_test_2", version: fixture.version)
        fixture.emulation.bearer = fixture.emulation.login(account: "acc_2", key: "sk_test_2")
        #expect(fixture.call("GET", "/meters/batch?batch_id=\(batch)").status == 404)
        #expect(fixture.call("POST", "/costs/interval/HERE", Self.day).status == 404)
        let foreign = fixture.call("PUT", "/meters/interval", [Self.record])
        #expect(foreign.body["records_accepted"] == 0)
    }

    @Test func `ZERO's prices follow the flow of energy`() {
        var fixture = EnergyFixture(version: "2024-08-24.zero")
        let record = Self.record.merging(["direction": "EXPORT", "measurand": "TRANSFERRED"])
        #expect(fixture.call("PUT", "/meters/interval", [record]).body["records_accepted"] == 1)
        #expect(fixture.emulation.world.meters.ledgers[fixture.location]?.records.first?.series.direction == .export)
        let other = Self.record.merging(["measurand": "STORED"])
        #expect(fixture.call("PUT", "/meters/interval", [other]).body["records_accepted"] == 0)
    }
}
