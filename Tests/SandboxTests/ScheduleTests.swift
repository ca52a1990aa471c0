import Testing

@testable import Sandbox

/// Schedules (upstream.md §6.6); the oracle's cases are in EnergyOracleTests.
@Suite struct ScheduleTests {
    private static let night: JSON = [
        "start_time": "2026-07-01T19:00:00+01:00", "end_time": "2026-07-02T05:00:00+01:00", "segment": "LOW",
        "duration": 120,
    ]

    @Test func `by duration: the cheapest minutes, in the offset of the end`() {
        var fixture = EnergyFixture.night()
        let reply = fixture.call("POST", "/schedules/duration/HERE", Self.night)
        #expect(reply.status == 200)
        #expect(reply.body["id"]?.string?.hasPrefix("std_") == true)
        #expect(reply.body["object"] == "schedule_duration")
        #expect(reply.body["location_timezone"] == "Europe/London")
        #expect(reply.body["currency_code"] == "GBP")
        #expect(reply.body["tariff_direction"] == "IMPORT")
        #expect(
            reply.body["request"] == [
                "start_time": "2026-07-01T19:00:00+01:00", "end_time": "2026-07-02T05:00:00+01:00", "segment": "LOW",
                "duration": 120, "tariff_direction": "IMPORT",
            ])
        #expect(
            reply.data == [
                [
                    "start_time": "2026-07-01T23:30:00+01:00", "end_time": "2026-07-02T01:30:00+01:00",
                    "price": ["average": 0.0899, "confidence": 1],
                ]
            ])
    }

    @Test func `by duration: dear minutes come first under HIGH, and rows are split where they are not neighbours`() {
        var fixture = EnergyFixture.night()
        let asked = Self.night.merging(["segment": "HIGH", "end_time": "2026-07-02T07:00:00+01:00", "duration": 330])
        let rows = fixture.call("POST", "/schedules/duration/HERE", asked).data
        #expect(rows.array?.map { $0["start_time"] } == ["2026-07-01T19:00:00+01:00", "2026-07-02T05:30:00+01:00"])
        #expect(rows.array?.map { $0["end_time"] } == ["2026-07-01T23:30:00+01:00", "2026-07-02T06:30:00+01:00"])
    }

    @Test(
        arguments: [
            (["relative": 0.01, "segment": "LOW"], 330), (["relative": 1, "segment": "LOW"], 600),
            (["relative": 1, "segment": "HIGH"], 270), (["absolute": 0.0899, "segment": "LOW"], 330),
            (["absolute": 0.05, "segment": "LOW"], 0), (["absolute": 0.05, "segment": "HIGH"], 600),
            (["absolute": 0.1, "relative": 1, "segment": "LOW"], 330),
        ] as [(JSON, Int)])
    func `by limit: every period below or above, and the minutes in all`(_ limit: JSON, _ minutes: Int) {
        var fixture = EnergyFixture.night()
        let reply = fixture.call("POST", "/schedules/limit/HERE", Self.night.merging(limit.object ?? [:]))
        #expect(reply.body["object"] == "schedule_limit")
        #expect(reply.body["id"]?.string?.hasPrefix("spl_") == true)
        #expect(reply.body["duration"] == .int(minutes))
    }

    @Test func `by amount: energy goes into the cheapest time that is left`() {
        var fixture = EnergyFixture.night()
        let device = fixture.device()
        let asked: JSON = [
            "max_power": ["units": "KW", "value": 14],
            "data": [
                [
                    "device_id": .string(device), "start_time": "2026-07-01T19:00:00+01:00",
                    "end_time": "2026-07-02T05:00:00+01:00", "energy": ["units": "KWH", "value": 5.3],
                    "max_power": ["units": "KW", "value": 7],
                ]
            ],
        ]
        let reply = fixture.call("POST", "/schedules/amount/HERE", asked)
        #expect(reply.status == 200)
        #expect(reply.body["object"] == "schedule_amount")
        #expect(reply.body["id"]?.string?.hasPrefix("sae_") == true)
        #expect(reply.body["max_power"] == ["units": "KW", "value": 14])
        #expect(reply.body["cost"] == ["value": 0.47647, "confidence": 1])
        #expect(reply.body["savings"] == ["value": 0.93916, "percentage": 66.34219])
        let row = reply.data[0]
        #expect(row?["device_id"] == .string(device))
        #expect(row?["cost"] == ["value": 0.47647, "confidence": 1])
        #expect(row?["energy"] == ["units": "KWH", "value": 5.3])
        #expect(
            row?["schedule"] == [
                [
                    "start_time": "2026-07-01T23:30:00+01:00", "end_time": "2026-07-02T00:00:00+01:00",
                    "power": ["units": "KW", "value": 7],
                ],
                [
                    "start_time": "2026-07-02T00:00:00+01:00", "end_time": "2026-07-02T00:30:00+01:00",
                    "power": ["units": "KW", "value": 3.6],
                ],
            ])
    }

    @Test func `by amount: what is above the threshold is not bought, and what fits is planned`() {
        var fixture = EnergyFixture.night()
        let device = fixture.device()
        let asked: JSON = [
            "max_power": ["units": "W", "value": 1000], "shaving_threshold": ["absolute": 0.1],
            "data": [
                [
                    "device_id": .string(device), "start_time": "2026-07-01T22:30:00Z",
                    "end_time": "2026-07-02T12:00:00Z", "energy": ["units": "WH", "value": 50_000],
                ]
            ],
        ]
        let reply = fixture.call("POST", "/schedules/amount/HERE", asked)
        #expect(reply.body["shaving_threshold"] == ["absolute": 0.1])
        #expect(
            reply.data[0]?["schedule"]?.array?.map { $0["end_time"] } == [("2026-07-02T05:30:00+01:00" as JSON).utc])
        #expect(reply.body["cost"]?["value"] == 0.5394)
    }

    /// The device that must leave early gets the cheap hour, although the other one asked first.
    @Test func `by amount: two devices share the connection so that both are ready`() {
        var fixture = EnergyFixture.night()
        let (early, late) = (fixture.device(), fixture.device())
        func row(_ device: String, until end: String) -> JSON {
            [
                "device_id": .string(device), "start_time": "2026-07-01T22:30:00Z", "end_time": .string(end),
                "energy": ["units": "KWH", "value": 7],
            ]
        }
        let reply = fixture.call(
            "POST", "/schedules/amount/HERE",
            [
                "max_power": ["units": "KW", "value": 7],
                "data": [row(late, until: "2026-07-02T00:30:00Z"), row(early, until: "2026-07-01T23:30:00Z")],
            ])
        #expect(reply.data[0]?["schedule"]?[0]?["start_time"] == "2026-07-01T23:30:00+00:00")
        #expect(reply.data[1]?["schedule"]?[0]?["start_time"] == "2026-07-01T22:30:00+00:00")
        #expect(reply.body["cost"]?["value"] == 1.2586)
    }

    @Test func `by amount: what is sold goes where it brings most, and counts against what is bought`() {
        var fixture = EnergyFixture.night()
        _ = fixture.emulation.mint(["location_id": .string(fixture.location), "tariff_direction": "EXPORT"])
        if var draft = fixture.emulation.world.tariffs[fixture.location]?.first?.draft {
            draft.schedule = TariffSchedule(daily: [
                .init(validFrom: "00:00:00", validTo: "18:00:00", rate: [.init(fixed: 0.1)]),
                .init(validFrom: "18:00:00", validTo: "00:00:00", rate: [.init(fixed: 0.3)]),
            ])
            fixture.emulation.world.connect(draft, token: fixture.emulation.token, at: fixture.emulation.now)
        }
        let device = fixture.device()
        let window: JSON = [
            "device_id": .string(device), "start_time": "2026-07-01T15:00:00Z", "end_time": "2026-07-02T03:00:00Z",
            "energy": ["units": "KWH", "value": 2], "max_power": ["units": "KW", "value": 2],
        ]
        let reply = fixture.call(
            "POST", "/schedules/amount/HERE",
            [
                "max_power": ["units": "KW", "value": 5],
                "data": [window.merging(["tariff_direction": "EXPORT"]), window],
            ])
        #expect(reply.data[0]?["schedule"]?[0]?["start_time"] == "2026-07-01T17:00:00+00:00")
        #expect(reply.data[0]?["cost"]?["value"] == 0.6)
        #expect(reply.data[0]?["savings"]?["value"] == 0.4)
        #expect(reply.data[1]?["cost"]?["value"] == 0.1798)
        #expect(reply.body["cost"]?["value"] == -0.4202)
    }

    // MARK: - Refusals

    private static let refused: [(String, JSON, String)] = [
        ("duration", ["start_time": .null], "start_time_missing"),
        ("duration", ["end_time": .null], "end_time_missing"),
        ("duration", ["start_time": "now"], "start_time_invalid"), ("duration", ["end_time": "x"], "end_time_invalid"),
        ("duration", ["end_time": "2026-07-01T18:00:00+01:00"], "time_window_invalid"),
        ("duration", ["end_time": "2026-07-04T19:00:01+01:00"], "time_window_invalid"),
        ("duration", ["segment": .null], "segment_missing"), ("duration", ["segment": "MIDDLE"], "segment_invalid"),
        ("duration", ["duration": .null], "duration_missing"), ("duration", ["duration": 0], "duration_invalid"),
        ("duration", ["duration": 601], "duration_invalid"), ("duration", ["duration": 1.5], "duration_invalid"),
        ("duration", ["duration": true], "data_json_invalid"),
        ("duration", ["tariff_direction": "UP"], "tariff_direction_invalid"),
        ("limit", [:], "limit_missing"), ("limit", ["relative": 0], "relative_invalid"),
        ("limit", ["relative": 1.1], "relative_invalid"), ("limit", ["absolute": "cheap"], "data_json_invalid"),
        ("amount", [:], "max_power_missing"), ("amount", ["max_power": 7], "data_json_invalid"),
        ("amount", ["max_power": ["units": "HP", "value": 7]], "max_power_units_invalid"),
        ("amount", ["max_power": ["units": "KW", "value": 0]], "max_power_value_invalid"),
        ("amount", ["max_power": ["units": "KW", "value": 7]], "data_json_invalid"),
        ("amount", ["max_power": ["units": "KW", "value": 7], "data": []], "data_json_invalid"),
        ("amount", ["max_power": ["units": "KW", "value": 7], "data": [[:]]], "device_id_missing"),
        (
            "amount",
            [
                "max_power": ["units": "KW", "value": 7],
                "data": [["device_id": "dev_1", "end_time": "2026-07-02T00:00:00Z"]],
            ], "energy_missing"
        ),
        (
            "amount",
            [
                "max_power": ["units": "KW", "value": 7],
                "data": [
                    [
                        "device_id": "dev_1", "end_time": "2026-07-02T00:00:00Z", "tariff_direction": "LOCAL",
                        "energy": ["units": "KWH", "value": 1],
                    ]
                ],
            ], "tariff_direction_invalid"
        ),
        (
            "amount",
            [
                "max_power": ["units": "KW", "value": 7],
                "data": [
                    [
                        "device_id": "dev_1", "end_time": "2026-07-02T00:00:00Z",
                        "energy": ["units": "KWH", "value": 1],
                    ]
                ],
            ], "device_not_found"
        ),
    ]

    @Test(arguments: refused) func `refuses`(_ kind: String, _ fields: JSON, _ code: String) {
        var fixture = EnergyFixture()
        let reply = fixture.call("POST", "/schedules/\(kind)/HERE", Self.night.merging(fields.object ?? [:]))
        #expect(reply.status == 400)
        #expect(reply.code == code)
        #expect(reply.body["context"] == .string("api.schedule_\(kind)_calculate"))
    }

    @Test(arguments: [
        (ConnectionState.pending, "IMPORT", "pending_connect"), (.failed, "IMPORT", "no_price_data"),
        (.connected, "EXPORT", "no_tariff_connected"), (.connected, "LOCAL", "no_tariff_connected"),
    ])
    func `has no schedule without prices`(_ state: ConnectionState, _ direction: String, _ code: String) {
        var fixture = EnergyFixture()
        fixture.replace(.fixed, TariffSchedule(always: .init(fixed: 0.2)), state: state)
        for (kind, more) in [("duration", [:]), ("limit", ["absolute": 1])] as [(String, [String: JSON])] {
            let asked = Self.night.merging(["tariff_direction": .string(direction)], more)
            let reply = fixture.call("POST", "/schedules/\(kind)/HERE", asked)
            #expect(reply.status == 422)
            #expect(reply.code == code)
        }
    }

    @Test func `days of a clock's change are whole days of a window`() {
        var fixture = EnergyFixture()
        let autumn = Self.night.merging([
            "start_time": "2026-10-23T23:00:00Z", "end_time": "2026-10-27T00:00:00Z",
        ])
        #expect(fixture.call("POST", "/schedules/duration/HERE", autumn).code == "no_price_data")
        #expect(
            fixture.call("POST", "/schedules/duration/HERE", autumn.merging(["end_time": "2026-10-27T00:00:01Z"])).code
                == "time_window_invalid")
    }

    // MARK: - Other editions

    @Test func `the older edition has other names and 90 days`() {
        var fixture = EnergyFixture.night()
        fixture.emulation.world.edition = .older
        let asked = Self.night.merging(["end_time": "2026-07-05T05:00:00+01:00"])
        let reply = fixture.call("POST", "/schedules/duration/HERE", asked)
        #expect(reply.body["direction"] == "IMPORT")
        #expect(reply.body["tariff_direction"] == nil)
        #expect(reply.data[0]?["tariff"] == ["rate_avg": 0.0899, "confidence": 1])
        #expect(reply.data[0]?["price"] == nil)
    }

    @Test(arguments: [(Sandbox.Edition.newer, 200), (.older, 422)]) func `each edition reads the names that it has`(
        _ edition: Sandbox.Edition, _ status: Int
    ) {
        var fixture = EnergyFixture()
        fixture.emulation.world.edition = edition
        let asked = Self.night.merging(["direction": "EXPORT"])
        #expect(fixture.call("POST", "/schedules/duration/HERE", asked).status == status)
        let both = asked.merging(["tariff_direction": "IMPORT"])
        #expect(fixture.call("POST", "/schedules/duration/HERE", both).status == 200)
    }

    private static let zero = "2024-08-24.zero"

    @Test func `ZERO asks by GET`() {
        var fixture = EnergyFixture(version: Self.zero)
        let window = "start_time=2026-07-01T18:00:00Z&end_time=2026-07-02T04:00:00Z&segment=LOW&direction=IMPORT"
        let time = fixture.call("GET", "/slots/time/HERE?\(window)&duration=60")
        #expect(time.body["object"] == "slot_time")
        #expect(time.body["id"]?.string?.hasPrefix("sta_") == true)
        #expect(time.body["direction"] == "IMPORT")
        #expect(time.data[0]?["tariff"] == ["rate_avg": 0.2345, "confidence": 1])
        let threshold = fixture.call("GET", "/slots/threshold/HERE?\(window)&relative=0.5")
        #expect(threshold.body["object"] == "slot_threshold")
        #expect(threshold.body["id"]?.string?.hasPrefix("slt_") == true)
        #expect(threshold.body["duration"] == 600)
        #expect(fixture.call("POST", "/schedules/duration/HERE", Self.night).status == 404)
        fixture.version = "2025-09-14.anode"
        #expect(fixture.call("GET", "/slots/time/HERE?\(window)&duration=60").status == 404)
    }

    @Test func `ZERO names the location of a schedule by amount in the body`() {
        var fixture = EnergyFixture(version: Self.zero)
        let device = fixture.device()
        let asked: JSON = [
            "location_id": "HERE", "max_power": ["units": "W", "value": "14000"],
            "data": [
                [
                    "device_id": .string(device), "direction": "IMPORT", "start_time": "2026-07-01T10:00:00Z",
                    "end_time": "2026-07-01T12:00:00Z", "energy": ["units": "KWH", "value": 1],
                ]
            ],
        ]
        let reply = fixture.call("POST", "/schedules", asked)
        #expect(reply.body["object"] == "schedule")
        #expect(reply.body["id"]?.string?.hasPrefix("sch_") == true)
        #expect(reply.body["tariff"]?["value"] == 0.2345)
        #expect(reply.data[0]?["direction"] == "IMPORT")
    }

    @Test func `ZERO says of a pending connection that it is processed`() {
        var fixture = EnergyFixture(version: Self.zero)
        fixture.replace(.fixed, TariffSchedule(always: .init(fixed: 0.2)), state: .pending)
        let reply = fixture.call("GET", "/slots/time/HERE?end_time=2026-07-02T04:00:00Z&segment=LOW&duration=60")
        #expect(reply.status == 422)
        #expect(reply.body == ["message": "Connect is processing link to tariff source."])
    }
}

extension JSON {
    /// The same instant as text, in UTC's offset.
    fileprivate var utc: JSON {
        string.flatMap(Timestamp.parse).map { .string(Timestamp.local($0.date.epochSeconds, offset: 0)) } ?? .null
    }
}
