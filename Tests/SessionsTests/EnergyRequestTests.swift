import Core
import Flatpeak
import Foundation
import Testing

@testable import Sessions

/// The bodies of requests about energy.
@Suite struct EnergyRequestTests {
    let location: LocationID
    let owner: SubjectDigest
    let now: Date

    init() throws {
        owner = SubjectDigest(try #require(Subject("alice")))
        location = try #require(LocationID("loc_1"))
        now = try Date("2026-03-01T18:58:00Z", strategy: .iso8601)
    }

    // MARK: - Meter records

    private static let record: [(String, String)] = [
        ("location_id", #""loc_1""#), ("device_id", #""dev_1""#), ("units", #""KWH""#), ("value", "5.3"),
        ("start_time", #""2026-03-01T20:00:00+01:00""#), ("end_time", #""2026-03-01T21:00:00+01:00""#),
        ("energy_flow_direction", #""INBOUND""#), ("tariff_direction", #""LOCAL""#),
        ("session_reference_id", #""charge-17""#), ("record_reference_id", #""log 1""#), ("confidence", "0.5"),
    ]

    private func record(_ changes: [String: String?] = [:]) throws(BFFError) -> MeterRecord {
        var fields = Dictionary(uniqueKeysWithValues: Self.record)
        for (name, value) in changes { fields[name] = value }
        let body = "{" + fields.map { #""\#($0)":\#($1)"# }.joined(separator: ",") + "}"
        return try MeterRecordRequest.read(Array(body.utf8)).record(of: owner, at: location)
    }

    @Test func `decodes every field of a record, with the reference of its location`() throws {
        #expect(
            try record()
                == MeterRecord(
                    location: location, device: DeviceID("dev_1"), units: .kilowattHours, value: 5.3,
                    start: "2026-03-01T20:00:00+01:00", end: "2026-03-01T21:00:00+01:00", flow: .inbound,
                    tariffDirection: .local, sessionReference: "loc_1.2bd806c97f0e00af.charge-17",
                    recordReference: "log 1",
                    confidence: 0.5))
        let optional = [
            "location_id", "device_id", "energy_flow_direction", "tariff_direction", "session_reference_id",
            "record_reference_id", "confidence",
        ]
        let least = try record(Dictionary(uniqueKeysWithValues: optional.map { ($0, nil) }))
        #expect(
            least
                == MeterRecord(
                    location: location, units: .kilowattHours, value: 5.3, start: "2026-03-01T20:00:00+01:00",
                    end: "2026-03-01T21:00:00+01:00"))
    }

    @Test(
        "a field of a record that Flatpeak would refuse, or that is another location's, is refused",
        arguments: [
            ("location_id", #""loc_2""#, BFFError.Reason.notOfPath), ("location_id", #""""#, .notOfPath),
            ("location_id", "null", .wrongType), ("device_id", #""a b""#, .malformed), ("units", nil, .missing),
            ("units", #""J""#, .notListed), ("value", nil, .missing), ("value", #""5""#, .wrongType),
            ("start_time", nil, .missing), ("end_time", nil, .missing), ("start_time", #""2026-03-01""#, .notTimestamp),
            ("end_time", #""2026-02-30T00:00:00Z""#, .notTimestamp),
            ("end_time", #""2026-03-01T19:00:00Z""#, .notAfterStart),
            ("energy_flow_direction", #""IMPORT""#, .notListed), ("tariff_direction", #""INBOUND""#, .notListed),
            ("session_reference_id", #""loc_1.charge""#, .malformed), ("session_reference_id", #""""#, .malformed),
            ("session_reference_id", "\"" + String(repeating: "a", count: 65) + "\"", .malformed),
            ("record_reference_id", "\"" + String(repeating: "a", count: 129) + "\"", .tooLong),
            ("record_reference_id", #""a\n""#, .malformed), ("confidence", "1.01", .outOfRange),
            ("confidence", "-0.1", .outOfRange),
        ] as [(String, String?, BFFError.Reason)])
    func recordField(name: String, value: String?, reason: BFFError.Reason) {
        #expect(throws: BFFError.invalidField(.init(name), reason: reason)) { try record([name: value]) }
    }

    @Test(arguments: ["measurand", "direction", "tariff_rate", "customer_id", "LOCATION_ID"])
    func `an unknown field of a record is refused`(name: String) {
        #expect(throws: BFFError.unknownField(.init(name))) { try record([name: "1"]) }
    }

    // MARK: - Schedules by amount

    private func order(_ transfer: String, _ rest: String = #""max_power":{"units":"KW","value":14}"#) throws(BFFError)
        -> AmountOrder
    {
        try AmountRequest.read(Array(#"{\#(rest),"data":[\#(transfer)]}"#.utf8))
            .order(at: location, longestDays: 3, now: now)
    }

    private static let energy = #""energy":{"units":"KWH","value":5.3}"#

    @Test func `decodes every field of an order, its windows rounded inward`() throws {
        let device = try #require(DeviceID("dev_1"))
        let order = try order(
            #"{"device_id":"dev_1","tariff_direction":"EXPORT","start_time":"2026-03-01T19:01:00Z","#
                + #""end_time":"2026-03-02T05:03:00Z","max_power":{"units":"W","value":7000},\#(Self.energy)}"#,
            #""location_id":"loc_1","max_power":{"units":"KW","value":14},"shaving_threshold":{"relative":0.5}"#)
        #expect(
            order
                == AmountOrder(
                    location: location, maxPower: .init(units: .kilowatts, value: 14),
                    threshold: .init(relative: 0.5),
                    transfers: [
                        .init(
                            device: device, direction: .exporting,
                            start: try Date("2026-03-01T19:05:00Z", strategy: .iso8601),
                            end: try Date("2026-03-02T05:00:00Z", strategy: .iso8601),
                            maxPower: .init(units: .watts, value: 7000),
                            energy: .init(units: .kilowattHours, value: 5.3))
                    ]))
    }

    @Test func `an order may begin when it is asked for`() throws {
        let order = try order(#"{"device_id":"dev_1","end_time":"2026-03-02T05:03:00Z",\#(Self.energy)}"#)
        #expect(order.transfers.first?.start == nil)
        #expect(order.transfers.first?.end == (try Date("2026-03-02T05:00:00Z", strategy: .iso8601)))
        #expect(throws: BFFError.invalidField("data.0.end_time", reason: .tooFarForSchedule)) {
            try self.order(#"{"device_id":"dev_1","end_time":"2026-03-04T20:00:00Z",\#(Self.energy)}"#)
        }
    }

    @Test(
        "an order that begins now does not end before",
        arguments: [
            ("2026-03-01T18:58:00Z", nil), ("2026-03-01T18:57:59Z", nil), ("2026-03-01T19:58:00+01:00", nil),
            ("0001-01-01T00:00:00Z", nil), ("1970-01-01T00:00:00Z", nil),
            // As little as is left of it is not rounded away.
            ("2026-03-01T18:59:00Z", "2026-03-01T18:59:00Z"), ("2026-03-01T19:00:00Z", "2026-03-01T19:00:00Z"),
            ("2026-03-01T19:04:59Z", "2026-03-01T19:00:00Z"),
        ] as [(String, String?)])
    func endOfPresentOrder(end: String, asked: String?) throws {
        let transfer = #"{"device_id":"dev_1","end_time":"\#(end)",\#(Self.energy)}"#
        guard let asked else {
            #expect(throws: BFFError.invalidField("data.0.end_time", reason: .notAfterStart)) { try order(transfer) }
            return
        }
        #expect(try order(transfer).transfers.first?.end == Date(asked, strategy: .iso8601))
    }

    @Test(
        "a field of an order that Flatpeak would refuse is refused by its name",
        arguments: [
            (#"{\#(energy)}"#, "data.0.device_id", BFFError.Reason.missing),
            (#"{"device_id":"a.b",\#(energy)}"#, "data.0.device_id", .malformed),
            (#"{"device_id":"dev_1","end_time":"2026-03-02T05:00:00Z"}"#, "data.0.energy", .missing),
            (#"{"device_id":"dev_1",\#(energy)}"#, "data.0.end_time", .missing),
            (#"{"device_id":"dev_1","end_time":"tomorrow",\#(energy)}"#, "data.0.end_time", .notTimestamp),
            (
                #"{"device_id":"dev_1","start_time":"2026-03-02T05:00:00Z","end_time":"2026-03-02T05:00:00Z",\#(energy)}"#,
                "data.0.end_time", .notAfterStart
            ),
            (
                #"{"device_id":"dev_1","start_time":"2026-03-02T05:00:00Z","end_time":"2026-03-06T05:00:00Z",\#(energy)}"#,
                "data.0.end_time", .tooFarForSchedule
            ),
            (
                #"{"device_id":"dev_1","end_time":"2026-03-02T05:00:00Z","energy":{"units":"KWH","value":-1}}"#,
                "data.0.energy.value", .outOfRange
            ),
            (#"{"energy":{"units":"KW","value":1}}"#, "data.0.energy.units", .notListed),
            (#"{"tariff_direction":"UP"}"#, "data.0.tariff_direction", .notListed),
            (#"{"end_time":7}"#, "data.0.end_time", .wrongType),
        ])
    func orderField(transfer: String, name: String, reason: BFFError.Reason) {
        #expect(throws: BFFError.invalidField(.init(name), reason: reason)) { try order(transfer) }
    }

    @Test(
        "an order has the location's limit, one threshold at most, and a transfer",
        arguments: [
            (#"{"data":[{}]}"#, "max_power", BFFError.Reason.missing),
            (#"{"max_power":{"units":"KW","value":-1},"data":[{}]}"#, "max_power.value", .outOfRange),
            (#"{"max_power":{"units":"KW","value":1}}"#, "data", .missing),
            (#"{"max_power":{"units":"KW","value":1},"data":[]}"#, "data", .missing),
            (
                #"{"max_power":{"units":"KW","value":1},"data":[\#(Array(repeating: "{}", count: 101).joined(separator: ","))]}"#,
                "data", .tooMany
            ),
            (
                #"{"max_power":{"units":"KW","value":1},"shaving_threshold":{},"data":[{}]}"#,
                "shaving_threshold.relative", .missing
            ),
            (
                #"{"max_power":{"units":"KW","value":1},"shaving_threshold":{"relative":1,"absolute":1},"data":[{}]}"#,
                "shaving_threshold.absolute", .excluded
            ),
            (
                #"{"max_power":{"units":"KW","value":1},"shaving_threshold":{"relative":0.001},"data":[{}]}"#,
                "shaving_threshold.relative", .outOfRange
            ),
            (#"{"location_id":"loc_2","max_power":{"units":"KW","value":1},"data":[{}]}"#, "location_id", .notOfPath),
            (#"{"max_power":{"units":"KWH","value":1},"data":[{}]}"#, "max_power.units", .notListed),
        ])
    func wholeOrder(body: String, name: String, reason: BFFError.Reason) {
        #expect(throws: BFFError.invalidField(.init(name), reason: reason)) {
            try AmountRequest.read(Array(body.utf8)).order(at: location, longestDays: 3, now: now)
        }
    }

    @Test(arguments: [
        (#"{"x":1}"#, "x"), (#"{"data":[{},{"x":1}]}"#, "data.1.x"), (#"{"max_power":{"x":1}}"#, "max_power.x"),
    ])
    func `an unknown field of an order is refused by its name`(body: String, name: String) {
        #expect(throws: BFFError.unknownField(.init(name))) { try AmountRequest.read(Array(body.utf8)) }
    }

    // MARK: - Price limits

    @Test(
        arguments: [
            (0.01, nil, nil), (1, nil, nil), (nil, -0.05, nil), (nil, 0, nil), (0, nil, .outOfRange),
            (1.1, nil, .outOfRange),
            (nil, .infinity, .outOfRange), (nil, nil, .missing), (1, 1, .excluded), (.nan, nil, .outOfRange),
        ] as [(Double?, Double?, BFFError.Reason?)])
    func `one of two price limits, in its range`(relative: Double?, absolute: Double?, reason: BFFError.Reason?) throws
    {
        guard let reason else { return try PriceLimit.check(relative: relative, absolute: absolute) }
        let name: BFFError.FieldName = absolute == nil ? "relative" : "absolute"
        #expect(throws: BFFError.invalidField(name, reason: reason)) {
            try PriceLimit.check(relative: relative, absolute: absolute)
        }
    }
}
