import Core
import Foundation
import Networking
import Resilience
import Synchronization
import TestSupport
import Testing

@testable import Flatpeak

/// Calls that change something at Flatpeak: sent once, whatever becomes of them.
@Suite struct WriteTests {
    let upstream = ScriptedUpstream()
    let caller = CallerKey("alice")
    let location: LocationID
    let device: DeviceID

    init() throws {
        location = try #require(LocationID("loc_641b90b758fb8e6293716e40"))
        device = try #require(DeviceID("dev_66ba584eb6923d7c3b942ef6"))
    }

    private func object(_ body: [UInt8]) throws -> NSDictionary {
        try #require(try JSONSerialization.jsonObject(with: Data(body)) as? NSDictionary)
    }

    private static let writes = ["meters_interval", "meters_cumulative", "device_create", "device_delete"]

    private func write(_ operation: String, by client: FlatpeakClient) async throws(WriteFailure) {
        switch operation {
        case "meters_interval": _ = try await client.submitIntervals(Array("[]".utf8), for: caller)
        case "meters_cumulative": _ = try await client.submitReadings(Array("{}".utf8), for: caller)
        case "device_create": _ = try await client.createDevice(DeviceOrder(location: location), for: caller)
        default: try await client.deleteDevice(device, for: caller)
        }
    }

    // MARK: - Once

    @Test(
        "a write is sent once where anything was sent, and its outcome is unknown unless Flatpeak refused it",
        arguments: writes,
        [
            (.failure(.broken), WriteFailure.unknown(.upstreamUnreachable)),
            (.failure(.timedOut), .unknown(.upstreamTimedOut)),
            (.failure(.unreadable), .unknown(.upstreamInvalidAnswer)),
            (.failure(.cancelled), .unknown(.clientClosed)),
            (.success(.json("{}", status: 500)), .unknown(.upstreamFailed(status: 500))),
            (.success(.json("{}", status: 503)), .unknown(.upstreamFailed(status: 503))),
            (.success(.json("{}", status: 400)), .refused(.upstreamRefused(status: 400, code: nil))),
            (.success(.json("{}", status: 429, retryAfter: 7)), .refused(.upstreamLimited(retryAfter: 7))),
            (.success(.json("{}", status: 302)), .refused(.upstreamInvalidAnswer)),
            (
                .success(.json(#"{"code":"api_version_not_supported"}"#, status: 422)),
                .refused(.upstreamVersionNotSupported)
            ),
        ] as [(Result<HTTPAnswer, TransportFailure>, WriteFailure)])
    func once(operation: String, outcome: (answer: Result<HTTPAnswer, TransportFailure>, failure: WriteFailure))
        async throws
    {
        upstream.on(operation, [{ _ in outcome.answer }])
        await #expect(throws: outcome.failure) { try await write(operation, by: .scripted(upstream)) }
        #expect(upstream.requests(operation).count == 1)
    }

    @Test("a write without a connection was not sent, and is tried again", arguments: writes)
    func unsent(operation: String) async throws {
        upstream.on(operation, [{ _ in .failure(.notConnected) }])
        await #expect(throws: WriteFailure.refused(.upstreamUnreachable)) {
            try await write(operation, by: .scripted(upstream))
        }
        #expect(upstream.requests(operation).count == 3)
    }

    @Test(
        "a write that was refused for its bearer is not sent again, and the next one has a new bearer",
        arguments: writes)
    func bearer(operation: String) async throws {
        upstream.on(
            "login", .json(#"{"bearer_token":"old","expires_in":3600}"#),
            .json(#"{"bearer_token":"new","expires_in":3600}"#))
        upstream.on(operation, .json(#"{"message":"Forbidden"}"#, status: 403))
        let client = FlatpeakClient.scripted(upstream)
        for _ in 0..<2 {
            await #expect(throws: WriteFailure.refused(.upstreamRefused(status: 403, code: nil))) {
                try await write(operation, by: client)
            }
        }
        #expect(upstream.requests(operation).map { $0.header("authorization") } == ["Bearer old", "Bearer new"])
    }

    @Test("a write without a bearer was not sent")
    func noBearer() async throws {
        upstream.on("login", .json("{}", status: 500))
        await #expect(throws: WriteFailure.refused(.upstreamFailed(status: 500))) {
            try await write("meters_interval", by: .scripted(upstream))
        }
        #expect(upstream.requests("meters_interval").isEmpty)
    }

    @Test("an answer that cannot be read leaves the outcome unknown", arguments: ["{}", "<html>", "[]", #"{"id":7}"#])
    func unreadable(body: String) async throws {
        for operation in ["meters_interval", "meters_cumulative", "device_create"] {
            upstream.on(operation, .json(body))
            await #expect(throws: WriteFailure.unknown(.upstreamInvalidAnswer)) {
                try await write(operation, by: .scripted(upstream))
            }
        }
    }

    @Test("one user's failing writes cost others none, and reads go on (I2)")
    func I2() async throws {
        upstream.on(
            "meters_interval",
            [{ .success($0.text == "[1]" ? .json("{}", status: 500) : .json(EnergySamples.batchAnswer)) }])
        upstream.on("status", .json(#"{"tariff_status":{}}"#))
        let client = FlatpeakClient.scripted(upstream)
        for _ in 0..<20 {
            _ = try? await client.submitIntervals(Array("[1]".utf8), for: CallerKey("mallory"))
            _ = try await client.submitIntervals(Array("[]".utf8), for: caller)
            _ = try await client.status(of: location, for: caller)
        }
        #expect(client.status.openBreakers.isEmpty)
    }

    // MARK: - Meter records

    @Test("upstream.md §6.8: records go as they were made, and the batch comes back in listed fields")
    func batch() async throws {
        upstream.on("meters_interval", .json(EnergySamples.batchAnswer))
        upstream.on(
            "meters_batch",
            .json(EnergySamples.batchAnswer.replacing("\"records_processed\": 1", with: "\"records_processed\": 2")))
        let client = FlatpeakClient.scripted(upstream)
        let sent = try await client.submitIntervals(Array("[{}]".utf8), for: caller)
        #expect(!sent.isProcessed)
        let expected = EnergySamples.batchAnswer.replacing(
            ", \"account_id\": \"acc_661677911f2197045e6cf1b1\"", with: "")
        #expect(try object(JSONBody.encode(sent)) == object(Array(expected.utf8)))
        let request = try #require(upstream.requests("meters_interval").first)
        #expect(request.url == "https://api.test/meters/interval")
        #expect(request.method == .PUT)
        #expect(request.text == "[{}]")
        let read = try await client.batch(sent.id, for: caller)
        #expect(read.isProcessed)
        #expect(upstream.requests("meters_batch").map(\.url) == ["https://api.test/meters/batch?batch_id=\(sent.id)"])
    }

    @Test("a batch that does not say how far it is counts as unprocessed")
    func batchWithoutCounts() throws {
        let batch = try JSONDecoder().decode(MeterBatch.self, from: Data(#"{"id":"bat_1"}"#.utf8))
        #expect(!batch.isProcessed)
        #expect(
            String(decoding: try JSONBody.encode(batch), as: UTF8.self)
                == #"{"failed_records":[],"id":"bat_1","object":"meter_batch"}"#)
    }

    @Test(
        "upstream.md §6.8: the readings of a register, in the names of each version",
        arguments: [
            (
                FlatpeakVersion.anode,
                #"{"device_id":"dev_1","energy_flow_direction":"OUTBOUND","location_id":"L","session_reference_id":"L.a","#
                    + #""tariff_direction":"EXPORT","units":"KWH","#
            ),
            (
                .zero,
                #"{"device_id":"dev_1","direction":"EXPORT","location_id":"L","session_reference_id":"L.a","#
                    + #""tariff_rate":"EXPORT","units":"KWH","#
            ),
        ])
    func readings(version: FlatpeakVersion, head: String) throws {
        let readings = MeterReadings(
            location: location, device: DeviceID("dev_1"), sessionReference: "\(location).a", flow: .outbound,
            tariffDirection: .exporting, units: .kilowattHours,
            readings: [
                .init(time: 1_772_323_200, value: 7.25, record_reference_id: "log \"1\""), .init(time: 1, value: 8),
            ])
        let body = try FlatpeakClient.scripted(upstream, version: version).body(of: readings)
        #expect(
            String(decoding: body, as: UTF8.self)
                == head.replacing("\"L", with: "\"\(location)")
                + #""data":[{"record_reference_id":"log \"1\"","time":1772323200,"value":7.25},{"time":1,"value":8}]}"#)
    }

    @Test("upstream.md §6.8: a record leaves out what was not given")
    func smallRecord() throws {
        let record = MeterRecord(location: location, units: .watts, value: 7000, start: "a", end: "b")
        let body = try FlatpeakClient.scripted(upstream).body(of: record)
        #expect(
            String(decoding: body, as: UTF8.self)
                == #"{"end_time":"b","location_id":"\#(location)","start_time":"a","units":"W","value":7000}"#)
    }

    // MARK: - Devices

    @Test("upstream.md §6.9: a device is created, read, found and deleted")
    func devices() async throws {
        upstream.on("device_create", .json(EnergySamples.deviceAnswer, status: 201))
        upstream.on("device", .json(EnergySamples.deviceAnswer))
        upstream.on("devices", .json(#"{"object":"list","data":[\#(EnergySamples.deviceAnswer)],"has_more":false}"#))
        upstream.on("device_delete", .json(#"{"message":"Accepted"}"#, status: 202))
        let client = FlatpeakClient.scripted(upstream), reference = "\(location).garage"
        let order = DeviceOrder(
            reference: reference, location: location, type: .charger,
            pvSystem: PVSystem(rated_power_kw: 4.2, forecasts: .init(enabled: true)))
        let created = try await client.createDevice(order, for: caller)
        #expect(created.id == device)
        #expect(created.reference_id == reference)
        #expect(created.last_seen == "2026-03-02T00:46:00Z")
        #expect(try await client.device(device, for: caller) == created)
        #expect(try await client.devices(referencedAs: reference, for: caller) == [created])
        try await client.deleteDevice(device, for: caller)
        #expect(
            try object(try #require(upstream.requests("device_create").first?.body))
                == [
                    "reference_id": reference, "location_id": location.text, "type": "EV_CHARGER",
                    "pv_system": ["rated_power_kw": 4.2, "forecasts": ["enabled": true]],
                ] as NSDictionary)
        #expect(upstream.requests("devices").map(\.url) == ["https://api.test/devices?reference_id=\(reference)"])
        #expect(upstream.requests("device_delete").map(\.url) == ["https://api.test/devices/\(device)"])
        #expect(upstream.requests("device_delete").map(\.method) == [.DELETE])
    }

    @Test("upstream.md §6.9: a device that Flatpeak does not know is deleted")
    func deletedAlready() async throws {
        upstream.on("device_delete", .json(#"{"message":"Not Found"}"#, status: 404))
        try await FlatpeakClient.scripted(upstream).deleteDevice(device, for: caller)
        #expect(upstream.requests("device_delete").count == 1)
    }

    @Test(
        "upstream.md §6.9: 2024-08-24.zero knows a device's reference alone",
        arguments: [
            (DeviceOrder(location: .some, type: .charger), "type"),
            (DeviceOrder(location: .some, manufacturer: "a"), "manufacturer"),
            (DeviceOrder(location: .some, modelCode: "a"), "model_code"),
            (DeviceOrder(location: .some, modelName: "a"), "model_name"),
            (DeviceOrder(location: .some, pvSystem: PVSystem()), "pv_system"),
        ])
    func zeroDevice(order: DeviceOrder, field: String) async throws {
        upstream.on("device_create", .json(EnergySamples.deviceAnswer))
        let client = FlatpeakClient.scripted(upstream, version: .zero)
        await #expect(throws: WriteFailure.refused(.invalidField(.init(field), reason: .notListed))) {
            try await client.createDevice(order, for: caller)
        }
        #expect(upstream.requests("device_create").isEmpty)
        _ = try await client.createDevice(DeviceOrder(reference: "loc_1.a", location: .some), for: caller)
        #expect(upstream.requests("device_create").map(\.text) == [#"{"reference_id":"loc_1.a"}"#])
    }
}

extension LocationID {
    fileprivate static let some = LocationID(prefix: "loc", random: Array(0...11))
}
