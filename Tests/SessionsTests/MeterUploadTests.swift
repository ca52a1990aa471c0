import Core
import Foundation
import TestSupport
import Testing

@testable import Flatpeak
@testable import Sessions

@Suite struct MeterUploadTests {
    private static let location = LocationID("loc_1")!
    private static let owner = SubjectDigest(Subject("alice")!)
    private static let times = #""start_time":"2026-01-01T00:00:00Z","end_time":"2026-01-01T00:15:00Z""#
    private static let least = #"{"units":"WH","value":1.5,\#(times)}"#

    private func intervals(_ text: String, in version: FlatpeakVersion = .anode) async throws -> MeterUpload {
        try await MeterUpload.intervals(
            Array(text.utf8), of: Self.owner, at: Self.location, for: .scripted(ScriptedUpstream(), version: version))
    }

    private func readings(_ text: String, in version: FlatpeakVersion = .anode) async throws -> MeterUpload {
        try await MeterUpload.readings(
            Array(text.utf8), of: Self.owner, at: Self.location, for: .scripted(ScriptedUpstream(), version: version))
    }

    /// What is compared of JSON.
    private indirect enum JSON: Decodable, Equatable {
        case text(String), number(Double), list([JSON]), object([String: JSON])

        init(_ bytes: some Sequence<UInt8>) throws {
            self = try JSONDecoder().decode(JSON.self, from: Data(bytes))
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .text(text)
            } else if let number = try? container.decode(Double.self) {
                self = .number(number)
            } else if let list = try? container.decode([JSON].self) {
                self = .list(list)
            } else {
                self = .object(try container.decode([String: JSON].self))
            }
        }
    }

    // MARK: - Intervals

    @Test func `a record gets the location of the path, and its references are the location's own`() async throws {
        let text = """
            [{"location_id":"loc_1","device_id":"dev_1","units":"KWH","value":1.75,\(Self.times),\
            "energy_flow_direction":"OUTBOUND","tariff_direction":"EXPORT","session_reference_id":"night-1",\
            "record_reference_id":"log 4711","confidence":0.5}, \(Self.least)]
            """
        let upload = try await intervals(text)
        let expected = """
            [{"location_id":"loc_1","device_id":"dev_1","units":"KWH","value":1.75,\(Self.times),\
            "energy_flow_direction":"OUTBOUND","tariff_direction":"EXPORT","session_reference_id":"loc_1.2bd806c97f0e00af.night-1",\
            "record_reference_id":"log 4711","confidence":0.5},
            {"location_id":"loc_1","units":"WH","value":1.5,\(Self.times)}]
            """
        #expect(try JSON(upload.body) == JSON(expected.utf8))
        #expect(upload.devices == [try #require(DeviceID("dev_1"))])
        #expect(upload.count == 2)
    }

    @Test func `the older version gets the older names`() async throws {
        let text = """
            [{"units":"WH","value":1,\(Self.times),"energy_flow_direction":"INBOUND","tariff_direction":"EXPORT"}]
            """
        let expected =
            #"[{"location_id":"loc_1","units":"WH","value":1,\#(Self.times),"direction":"IMPORT","tariff_rate":"EXPORT"}]"#
        #expect(try JSON(try await intervals(text, in: .zero).body) == JSON(expected.utf8))
    }

    static let wrong: [(String, BFFError)] = [
        (#""location_id":"loc_2""#, .invalidField("1.location_id", reason: .notOfPath)),
        (#""location_id":1"#, .invalidField("1.location_id", reason: .wrongType)),
        (#""customer_id":"cus_1""#, .unknownField("1.customer_id")),
        (#""Location_id":"loc_1""#, .unknownField("1.Location_id")),
        (#""measurand":"TRANSFERRED""#, .unknownField("1.measurand")),
        (#""session_reference_id":"loc_2.night-1""#, .invalidField("1.session_reference_id", reason: .malformed)),
        (#""session_reference_id":"""#, .invalidField("1.session_reference_id", reason: .malformed)),
        (
            #""session_reference_id":"\#(String(repeating: "a", count: 65))""#,
            .invalidField("1.session_reference_id", reason: .malformed)
        ),
        (#""energy_flow_direction":"IMPORT""#, .invalidField("1.energy_flow_direction", reason: .notListed)),
        (#""tariff_direction":"UP""#, .invalidField("1.tariff_direction", reason: .notListed)),
        (#""confidence":1.5"#, .invalidField("1.confidence", reason: .outOfRange)),
        (#""record_reference_id":"""#, .invalidField("1.record_reference_id", reason: .malformed)),
        (#""record_reference_id":"\u0000""#, .invalidField("1.record_reference_id", reason: .malformed)),
        (#""confidence":"1""#, .invalidField("1.confidence", reason: .wrongType)),
        (#""device_id":null"#, .invalidField("1.device_id", reason: .wrongType)),
        (#""units":"WH""#, .malformedJSON),
        (
            #""record_reference_id":"\#(String(repeating: "a", count: 129))""#,
            .invalidField("1.record_reference_id", reason: .tooLong)
        ),
    ]

    @Test(arguments: wrong)
    func `a wrong field is named with the place of its record`(field: String, error: BFFError) async throws {
        let text = #"[\#(Self.least),{"units":"WH","value":1,\#(Self.times),\#(field)}]"#
        await #expect(throws: error) { try await intervals(text) }
    }

    @Test(arguments: ["units", "value", "start_time", "end_time"])
    func `a record without what it needs is refused`(field: String) async throws {
        var record = ["units": #""WH""#, "value": "1", "start_time": #""2026-01-01T00:00:00Z""#]
        record["end_time"] = #""2026-01-01T00:15:00Z""#
        record[field] = nil
        let text = "[{" + record.map { #""\#($0)":\#($1)"# }.joined(separator: ",") + "}]"
        await #expect(throws: BFFError.invalidField(.init("0.\(field)"), reason: .missing)) {
            try await intervals(text)
        }
    }

    @Test(arguments: ["{}", "", "[", "null", "[]]"])
    func `a body that is no list is refused`(text: String) async throws {
        await #expect(throws: BFFError.malformedJSON) { try await intervals(text) }
    }

    @Test func `a list has one record at least and 10 000 at most`() async throws {
        await #expect(throws: BFFError.invalidField("records", reason: .missing)) { try await intervals("[ ]") }
        let most = Array(repeating: Self.least, count: 10_000)
        let upload = try await intervals("[\(most.joined(separator: ","))]")
        #expect(upload.count == 10_000)
        guard case .list(let records) = try JSON(upload.body) else { throw BFFError.malformedJSON }
        #expect(records.count == 10_000)
        await #expect(throws: BFFError.invalidField("records", reason: .tooMany)) {
            try await intervals("[\((most + [Self.least]).joined(separator: ","))]")
        }
    }

    @Test func `a period that ends before it starts is left to Flatpeak, which lists it`() async throws {
        let text = #"[{"units":"WH","value":1,"start_time":"2026-01-02T00:00:00Z","end_time":"2026-01-01T00:00:00Z"}]"#
        #expect(try await intervals(text).count == 1)
    }

    // MARK: - Readings

    @Test func `readings are the register's of the path's location`() async throws {
        let text = """
            {"units":"WH","device_id":"dev_1","session_reference_id":"night-1","energy_flow_direction":"INBOUND",
            "tariff_direction":"LOCAL","data":[{"time":1795399200,"value":120500.25},
            {"time":1795400100,"value":122250,"record_reference_id":"log\\/1\\u00e9"}]}
            """
        let upload = try await readings(text)
        let expected = """
            {"location_id":"loc_1","device_id":"dev_1","units":"WH","session_reference_id":"loc_1.2bd806c97f0e00af.night-1",
            "energy_flow_direction":"INBOUND","tariff_direction":"LOCAL","data":[{"time":1795399200,"value":120500.25},
            {"time":1795400100,"value":122250,"record_reference_id":"log/1é"}]}
            """
        #expect(try JSON(upload.body) == JSON(expected.utf8))
        #expect(upload.devices == [try #require(DeviceID("dev_1"))])
        #expect(upload.count == 2)
    }

    @Test(arguments: [
        (#"{"units":"WH"}"#, BFFError.invalidField("data", reason: .missing)),
        (#"{"units":"WH","data":{}}"#, .malformedJSON),
        (#"{"units":"WH","data":1}"#, .invalidField("data", reason: .wrongType)),
        (#"{"units":"WH","data":[]}"#, .invalidField("data", reason: .missing)),
        (#"{"units":"KW","data":[{"time":1,"value":1}]}"#, .invalidField("units", reason: .notListed)),
        (#"{"data":[{"time":1,"value":1}]}"#, .invalidField("units", reason: .missing)),
        (#"{"units":"WH","location_id":"loc_2","data":[]}"#, .invalidField("location_id", reason: .notOfPath)),
        (
            #"{"units":"WH","data":[{"time":1,"value":1},{"time":1.5,"value":1}]}"#,
            .invalidField("data.1.time", reason: .malformed)
        ),
        (#"{"units":"WH","data":[{"time":-1,"value":1}]}"#, .invalidField("data.0.time", reason: .outOfRange)),
        (#"{"units":"WH","data":[{"time":1}]}"#, .invalidField("data.0.value", reason: .missing)),
        (#"{"units":"WH","data":[{"time":1,"value":1,"location_id":"loc_2"}]}"#, .unknownField("data.0.location_id")),
        (#"{"units":"WH","data":[1]}"#, .invalidField("data.0", reason: .wrongType)),
        ("[]", .malformedJSON),
    ])
    func `wrong readings are named by their place`(text: String, error: BFFError) async throws {
        await #expect(throws: error) { try await readings(text) }
    }

    @Test func `a list has 10 000 readings at most`() async throws {
        let data = (0...10_000).map { #"{"time":\#($0),"value":1}"# }
        #expect(
            try await readings(#"{"units":"WH","data":[\#(data.dropLast().joined(separator: ","))]}"#).count == 10_000)
        await #expect(throws: BFFError.invalidField("data", reason: .tooMany)) {
            try await readings(#"{"units":"WH","data":[\#(data.joined(separator: ","))]}"#)
        }
    }

    // MARK: - Devices

    @Test(arguments: [
        (#"{"colour":1}"#, BFFError.unknownField("colour")),
        (#"{"location_id":"loc_1"}"#, .unknownField("location_id")),
        (#"{"reference_id":"a b"}"#, .invalidField("reference_id", reason: .malformed)),
        (#"{"type":"HEAT_PUMP"}"#, .invalidField("type", reason: .notListed)),
        (#"{"type":null}"#, .invalidField("type", reason: .wrongType)),
        (
            #"{"manufacturer":"\#(String(repeating: "a", count: 101))"}"#,
            .invalidField("manufacturer", reason: .tooLong)
        ),
        (#"{"pv_system":{"tilt":1}}"#, .invalidField("pv_system.rated_power_kw", reason: .missing)),
        (#"{"pv_system":{"colour":1}}"#, .unknownField("pv_system.colour")),
        (#"{"pv_system":{"forecasts":{"on":true}}}"#, .unknownField("pv_system.forecasts.on")),
        ("[]", .malformedJSON), ("", .malformedJSON),
    ])
    func `a device has its own fields and no others`(text: String, error: BFFError) {
        #expect(throws: error) { try DeviceRequest.read(Array(text.utf8)) }
    }

    @Test func `a device's name is the location's own`() throws {
        let text = #"{"reference_id":"garage","pv_system":{"rated_power_kw":5.3,"forecasts":{"enabled":true}}}"#
        let order = try DeviceRequest.read(Array(text.utf8)).order(of: Self.owner, at: Self.location)
        #expect(order.reference == "loc_1.2bd806c97f0e00af.garage")
        #expect(order.location == Self.location)
        #expect(order.pvSystem == PVSystem(rated_power_kw: 5.3, forecasts: .init(enabled: true)))
    }
}
