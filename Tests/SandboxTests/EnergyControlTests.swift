import FoundationEssentials
import Testing

@testable import Sandbox

/// The controls of prices, meters and devices, over real sockets.
@Suite struct EnergyControlTests {
    private static let ok: JSON = ["ok": true]

    /// A sandbox with one location, at which a library tariff is connected.
    private static func run(_ test: (RunningSandbox, _ bearer: String, _ location: String) async throws -> Void)
        async throws
    {
        try await RunningSandbox.run { running async throws in
            let bearer = try await running.bearer()
            let token = try await running.mint(bearer, ["postal_address": ["country_code": "GB", "city": "Bath"]])
            let target: JSON = ["connect_token": .string(token)]
            _ = try await running.connect(target.merging(["route": "session_start"]))
            _ = try await running.connect(target.merging(["route": "provider_select", "data": Sample.libraryProvider]))
            _ = try await running.connect(
                target.merging([
                    "route": "tariff_select", "data": ["tariff": ["id": "trt_5a4db0c50000000000000002"]],
                ]))
            let location = try #require(running.sandbox.sessions().first?.location)
            try await test(running, bearer, location)
        }
    }

    @Test func `a price is put right`() async throws {
        try await Self.run { running, bearer, location async throws in
            let correction: JSON = [
                "location_id": .string(location), "from": "2026-07-01T10:00:00Z", "to": "2026-07-01T11:00:00Z",
                "value": 0.5,
            ]
            #expect(try await running.control("POST", "/prices/correct", correction).json == Self.ok)
            let prices = try await running.api(
                "POST", "/prices/\(location)", ["end_time": "2026-07-01T12:00:00Z"], bearer: bearer)
            #expect(prices.json["data"]?.array?.map { $0["price"]?["value"] } == [0.5, 0.5, 0.2449, 0.2449])
            let wrong: [(JSON, Int)] = [
                (["location_id": "loc_1"], 404), (["location_id": .null], 400), (["to": "2026-07-01T10:00:00Z"], 400),
                (["from": "now"], 400), (["value": "much"], 400), (["direction": "UP"], 400),
            ]
            for (fields, status) in wrong {
                let reply = try await running.control(
                    "POST", "/prices/correct", correction.merging(fields.object ?? [:]))
                #expect(reply.status == status)
            }
        }
    }

    @Test func `edition, next update and LOCAL`() async throws {
        try await Self.run { running, bearer, location async throws in
            #expect(try await running.control("POST", "/edition", ["edition": "older"]).json == Self.ok)
            #expect(try await running.control("POST", "/next-update", ["after_seconds": 5]).json == Self.ok)
            let asked: JSON = [
                "start_time": "2026-07-01T10:00:00Z", "end_time": "2026-07-01T12:00:00Z", "segment": "LOW",
                "duration": 60,
            ]
            let older = try await running.api("POST", "/schedules/duration/\(location)", asked, bearer: bearer).json
            #expect(older["data"]?[0]?["tariff"]?["rate_avg"] == 0.2449)
            #expect(older["next_update"] == "2026-07-01T10:00:05Z")
            #expect(try await running.control("POST", "/next-update", ["absent": true]).json == Self.ok)
            #expect(try await running.control("POST", "/next-update", ["reset": true]).json == Self.ok)
            #expect(try await running.control("POST", "/next-update", [:]).status == 400)
            #expect(try await running.control("POST", "/edition", ["edition": "newest"]).status == 400)
            let mint: JSON = ["edition": "newer", "of": "mint"]
            #expect(try await running.control("POST", "/edition", mint).json == Self.ok)
            let olderOnes = running.sandbox.withWorld { world, _ in world.olderEditions }
            #expect(!olderOnes.contains(.mint) && olderOnes.contains(.prices))
            #expect(try await running.control("POST", "/edition", ["edition": "older", "of": "all"]).status == 400)
            #expect(try await running.control("POST", "/local", ["enabled": true]).json == Self.ok)
            let status = try await running.api("GET", "/locations/\(location)", bearer: bearer).json["tariff_status"]
            #expect(status?["local"] == "NOT_CONNECTED")
            _ = try await running.control("POST", "/reset")
            running.sandbox.setEdition(.older)
            #expect(running.sandbox.withWorld { world, _ in world.edition } == .older)
        }
    }

    @Test func `meter records: held, refused, and shown`() async throws {
        try await Self.run { running, bearer, location async throws in
            let settings: JSON = ["processing_seconds": 0, "held": true, "refused": "bad"]
            #expect(try await running.control("POST", "/meters", settings).json == Self.ok)
            let record = EnergyFixture.record.merging(["location_id": .string(location)])
            let batch = try await running.api(
                "PUT", "/meters/interval", [record, record.merging(["record_reference_id": "a-bad-one"])],
                bearer: bearer
            ).json
            #expect(batch["records_accepted"] == 1)
            #expect(batch["failed_records"]?[0]?["error"] == "Refused by the sandbox")
            #expect(running.sandbox.meterRecordCount(at: location) == 0)
            #expect(try await running.control("POST", "/meters", ["held": false]).json == Self.ok)
            let shown = try await running.control("GET", "/meters?location_id=\(location)").json["data"]
            #expect(shown?.array?.map { $0["watt_hours"] } == [2000])
            #expect(try await running.control("POST", "/meters", ["refused": .null]).json == Self.ok)
            #expect(running.sandbox.meterSettings.refused == nil)
            #expect(running.sandbox.meterSettings.processingSeconds == 0)
        }
    }

    @Test func `devices are shown, whose account they are`() async throws {
        try await Self.run { running, bearer, _ async throws in
            let made = try await running.api("POST", "/devices", ["reference_id": "r"], bearer: bearer).json
            #expect(try await running.control("GET", "/devices").json["data"] == [made])
            #expect(running.sandbox.deviceCount() == 1)
        }
    }

    @Test func `an account is disabled and enabled again`() async throws {
        try await Self.run { running, bearer, location async throws in
            #expect(try await running.control("POST", "/accounts/disable").json == Self.ok)
            for (method, target) in [("GET", "/locations/\(location)"), ("GET", "/events"), ("POST", "/costs/instant")]
            {
                let reply = try await running.api(method, target, bearer: bearer)
                #expect(reply.status == 422)
                #expect(reply.json["code"] == "account_disabled")
                #expect(reply.json["type"] == "api_error")
            }
            #expect(try await running.login().status == 422)
            #expect(
                try await running.control("POST", "/accounts/enable", ["account": "acc_5a4db0c5000000000000ac01"]).json
                    == Self.ok)
            #expect(try await running.login().status == 200)
            #expect(try await running.control("POST", "/accounts/disable", ["account": "acc_9"]).status == 404)
        }
    }

    @Test(arguments: [("expiring", "tariff.expiring"), ("upgrade", "tariff.connection.upgrade")])
    func `a tariff's event changes nothing`(_ control: String, _ type: String) async throws {
        try await Self.run { running, bearer, location async throws in
            let body: JSON = ["location_id": .string(location)]
            #expect(try await running.control("POST", "/tariffs/\(control)", body).json == Self.ok)
            let event = try await running.api("GET", "/events?limit=1", bearer: bearer).json["data"]?[0]
            #expect(event?["type"] == .string(type))
            #expect(event?["data"]?["location_id"] == .string(location))
            let status = try await running.api("GET", "/locations/\(location)", bearer: bearer).json["tariff_status"]
            #expect(status?["commodity_import"] == "CONNECTED")
            #expect(
                try await running.control("POST", "/tariffs/\(control)", ["location_id": "loc_1"]).status == 404)
        }
    }

    @Test(arguments: [
        ("POST", "/schedules/duration/L", "schedule_duration"), ("POST", "/schedules/limit/L", "schedule_limit"),
        ("POST", "/schedules/amount/L", "schedule_amount"), ("POST", "/costs/instant", "cost_instant"),
        ("POST", "/costs/session/s", "cost_session"), ("POST", "/costs/interval/L", "cost_interval"),
        ("PUT", "/meters/interval", "meter_interval"), ("PUT", "/meters/cumulative/epoch", "meter_cumulative"),
        ("GET", "/meters/batch", "meter_batch"), ("GET", "/devices", "devices"), ("GET", "/devices/d", "device"),
        ("POST", "/devices", "device_create"), ("DELETE", "/devices/d", "device_delete"),
        ("GET", "/locations/L", "location"),
    ])
    func `every call is recorded, and can fail, by its own name`(
        _ method: String, _ path: String, _ operation: String
    ) async throws {
        try await Self.run { running, bearer, location async throws in
            let fault: JSON = ["operation": .string(operation), "kind": "status", "status": 500]
            #expect(try await running.control("POST", "/faults", fault).json == Self.ok)
            let target = path.replacing("/L", with: "/" + location)
            #expect(try await running.api(method, target, bearer: bearer).status == 500)
            #expect(try await running.api(method, target, bearer: bearer).status != 500)
            #expect(try await running.api(method, target).status == 403)
            let seen = try await running.control("GET", "/requests?operation=\(operation)").json["data"]?.array
            #expect(seen?.count == 3)
        }
    }
}
