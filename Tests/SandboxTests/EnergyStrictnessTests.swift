import Testing

@testable import Sandbox

/// Strict mode and the calls about energy.
@Suite struct EnergyStrictnessTests {
    private static let window: JSON = ["start_time": "2026-07-01T10:00:00Z", "end_time": "2026-07-02T00:00:00Z"]

    @Test func `documented calls pass`() {
        var fixture = EnergyFixture(mode: .strict)
        let device = fixture.device("r1")
        #expect(device.hasPrefix("dev_"))
        let record = EnergyFixture.record.merging([
            "device_id": .string(device), "energy_flow_direction": "INBOUND", "tariff_direction": "IMPORT",
            "session_reference_id": "s", "record_reference_id": "r", "confidence": 1,
        ])
        let calls: [(String, String, JSON?)] = [
            ("GET", "/locations/HERE", nil), ("GET", "/devices?reference_id=r1", nil),
            (
                "POST", "/schedules/duration/HERE",
                Self.window.merging(["segment": "LOW", "duration": 60, "tariff_direction": "IMPORT"])
            ),
            ("POST", "/schedules/limit/HERE", Self.window.merging(["segment": "LOW", "relative": 0.5])),
            (
                "POST", "/schedules/amount/HERE",
                [
                    "location_id": "HERE", "max_power": ["units": "KW", "value": 7],
                    "data": [
                        Self.window.merging([
                            "device_id": .string(device), "energy": ["units": "KWH", "value": 1],
                        ])
                    ],
                ]
            ),
            ("POST", "/costs/instant?non_persistent=true", record), ("PUT", "/meters/interval", [record]),
            ("POST", "/costs/session/s?tariff_direction=IMPORT", nil),
            ("POST", "/costs/interval/HERE?aggregation=DAY&tariff_direction=IMPORT", Self.window),
            (
                "PUT", "/meters/cumulative/epoch",
                ["location_id": "HERE", "units": "WH", "data": [["time": 1, "value": 2]]]
            ),
        ]
        for (method, target, body) in calls {
            let reply = fixture.call(method, target, body)
            #expect(reply.status == 200, "\(target): \(reply.body)")
        }
        #expect(fixture.call("DELETE", "/devices/\(device)").status == 202)
    }

    @Test(
        arguments: [
            ("POST", "/schedules/duration/HERE", ["direction": "IMPORT"], "field_unknown"),
            ("POST", "/schedules/duration/HERE", ["duration": "60"], "field_type_invalid"),
            ("POST", "/schedules/amount/HERE", ["data": [["direction": "IMPORT"]]], "field_unknown"),
            ("POST", "/costs/instant", ["tariff_rate": "IMPORT"], "field_unknown"),
            ("POST", "/costs/instant?include_tariff=true", [:], "query_parameter_unknown"),
            ("POST", "/costs/interval/HERE?direction=IMPORT", [:], "query_parameter_unknown"),
            ("PUT", "/meters/interval", [["direction": "IMPORT"]], "field_unknown"),
            ("PUT", "/meters/interval", [:], "field_type_invalid"),
            ("PUT", "/meters/cumulative/epoch", ["data": [["at": 1]]], "field_unknown"),
            ("POST", "/devices", ["type": "EV_CHARGER"], "field_unknown"),
            ("GET", "/meters/batch?id=bat_1", nil, "query_parameter_unknown"),
            ("GET", "/locations/HERE?include_tariff=true", nil, "query_parameter_unknown"),
        ] as [(String, String, JSON?, String)])
    func `what the edition does not document is refused`(
        _ method: String, _ target: String, _ body: JSON?, _ code: String
    ) {
        var fixture = EnergyFixture(mode: .strict)
        let reply = fixture.call(method, target, body)
        #expect(reply.status == 400)
        #expect(reply.code == code)
    }

    @Test(arguments: [Sandbox.Edition.older, .newer]) func `the older edition takes its own names, too`(
        _ edition: Sandbox.Edition
    ) {
        var fixture = EnergyFixture(mode: .strict)
        fixture.emulation.world.edition = edition
        let asked = Self.window.merging(["segment": "LOW", "duration": 60, "direction": "IMPORT"])
        #expect(fixture.call("POST", "/schedules/duration/HERE", asked).status == (edition == .older ? 200 : 400))
        let record = EnergyFixture.record.merging(["direction": "IMPORT", "measurand": "TRANSFERRED"])
        #expect(fixture.call("POST", "/costs/instant", record).status == (edition == .older ? 200 : 400))
    }
}
