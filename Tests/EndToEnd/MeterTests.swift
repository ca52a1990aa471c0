import Foundation
import Subprocess
import Testing

/// Meter records and devices through the real service: each write is sent once, over crashes too.
@Suite(.serialized) struct MeterTests {
    private static func record(_ number: Int, named name: String? = nil) -> JSONValue {
        let minute = String(format: "%02d", number * 15 % 60), hour = String(format: "%02d", number * 15 / 60 % 24)
        let end = String(format: "%02d:%02d", (number + 1) * 15 / 60 % 24, (number + 1) * 15 % 60)
        return [
            "units": "WH", "value": .number(Double(100 + number)), "session_reference_id": "night-1",
            "start_time": .text("2026-01-01T\(hour):\(minute):00Z"), "end_time": .text("2026-01-01T\(end):00Z"),
            "record_reference_id": .text(name ?? "log-\(number)"),
        ]
    }

    private func sent(_ operation: String, _ serve: ServeProcess) async throws -> Double {
        try await serve.control("/requests/count")[operation]?.number ?? 0
    }

    @Test func `the same batch sent twice is one batch, over a restart and SIGKILL`() async throws {
        try await ServeProcess.run { serve in
            let location = try await serve.connectedLocation(as: "alice")
            let path = "/v1/locations/\(location)/meters/interval"
            let body: JSONValue = .array((0..<4).map { Self.record($0) })
            let first = try await serve.write("PUT", path, body, as: "alice", key: "batch-1")
            #expect(first.status == 200)
            #expect(try first.json["records_accepted"] == 4)
            #expect(try first.json["account_id"] == nil)
            for signal in [Signal.terminate, .kill] {
                await serve.stop(signal)
                try await serve.start()
                let again = try await serve.write("PUT", path, body, as: "alice", key: "batch-1")
                #expect(again.body == first.body)
            }
            let other = try await serve.write("PUT", path, [Self.record(9)], as: "alice", key: "batch-1")
            #expect(try other.json["code"] == "idempotency_key_reused")
            #expect(try await sent("meter_interval", serve) == 1)
            // Flatpeak knows the reference as the owner's at the location.
            var stored: [JSONValue] = []
            try await eventually {
                stored = try await serve.control("/meters?location_id=\(location)")["data"]?.items ?? []
                return stored.count == 4
            }
            for record in stored {
                #expect(record["session_reference_id"]?.text == "\(location).2bd806c97f0e00af.night-1")
            }
        }
    }

    @Test func `a crash between a write and its answer leaves the outcome unknown, and nothing is sent again`()
        async throws
    {
        try await ServeProcess.run { serve in
            let location = try await serve.connectedLocation(as: "alice")
            let devices = "/v1/locations/\(location)/devices", meters = "/v1/locations/\(location)/meters/interval"
            for operation in ["meter_interval", "device_create"] {
                _ = try await serve.control(
                    "/faults", ["operation": .text(operation), "kind": "delay", "seconds": 12, "count": 1])
            }
            let writes: [(String, String, JSONValue)] = [
                ("PUT", meters, [Self.record(0)]), ("POST", devices, ["reference_id": "garage"]),
            ]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (method, path, body) in writes {
                    group.addTask {
                        let answer = try? await serve.write(method, path, body, as: "alice", key: method)
                        #expect(answer == nil, "the service was killed before")
                    }
                }
                try await eventually {
                    let records = try await sent("meter_interval", serve)
                    return try await sent("device_create", serve) == 1 && records == 1
                }
                #expect(await serve.stop(.kill) == SIGKILL)
                try await group.waitForAll()
            }
            try await serve.start()
            for (method, path, body) in writes {
                let answer = try await serve.write(method, path, body, as: "alice", key: method)
                #expect(answer.status == 409)
                #expect(try answer.json["code"] == "idempotency_in_progress")
                #expect(answer.headers["retry-after"] == "1")
            }
            for (method, path, body) in writes {
                try await eventually(within: .seconds(60)) {
                    let answer = try await serve.write(method, path, body, as: "alice", key: method)
                    return try answer.json["code"] == "write_outcome_unknown"
                }
            }
            #expect(try await sent("meter_interval", serve) == 1)
            #expect(try await sent("device_create", serve) == 1)
            // What the client decides to send under a new key is sent.
            #expect(try await serve.write("POST", devices, [:], as: "alice", key: "another").status == 201)
        }
    }

    @Test func `a record that is refused in the middle is listed, and the others are processed`() async throws {
        try await ServeProcess.run { serve in
            let location = try await serve.connectedLocation(as: "alice")
            _ = try await serve.control("/meters", ["refused": "bad", "held": true])
            let path = "/v1/locations/\(location)/meters/interval"
            let body: JSONValue = [Self.record(0), Self.record(1, named: "bad-1"), Self.record(2)]
            let batch = try await serve.write("PUT", path, body, as: "alice").json
            #expect(batch["records_submitted"] == 3)
            #expect(batch["records_accepted"] == 2)
            let failed = batch["failed_records"]?.items ?? []
            #expect(failed.count == 1)
            #expect(failed.first?["record_num"] == 1)
            #expect(failed.first?["record_reference_id"] == "bad-1")

            let id = try #require(batch["id"]?.text)
            let batches = "/v1/locations/\(location)/meters/batches/\(id)"
            #expect(try await serve.get(batches, as: "alice").json["records_processed"] == 0)
            _ = try await serve.control("/meters", ["held": false])
            try await eventually { try await serve.get(batches, as: "alice").json["records_processed"] == 2 }
            // Nobody else's.
            let asked = try await sent("meter_batch", serve)
            let other = try await serve.connectedLocation(as: "bob")
            #expect(try await serve.get(batches, as: "bob").status == 404)
            #expect(try await serve.get("/v1/locations/\(other)/meters/batches/\(id)", as: "bob").status == 404)
            #expect(try await sent("meter_batch", serve) == asked)
            let page = try await HTTP.send("GET", "\(serve.adminURL)/metrics").text
            #expect(page.contains(#"connect_bff_meter_records_total{result="failed"} 1"#))
        }
    }

    @Test func `devices are the location's, in records too, and go with it`() async throws {
        try await ServeProcess.run { serve in
            let location = try await serve.connectedLocation(as: "alice")
            let devices = "/v1/locations/\(location)/devices", meters = "/v1/locations/\(location)/meters/interval"
            let made = try await serve.write(
                "POST", devices, ["reference_id": "garage", "type": "EV_CHARGER"], as: "alice", key: "d")
            #expect(made.status == 201)
            let id = try #require(try made.json["id"]?.text)
            let kept = try await serve.control("/devices")["data"]?.items.first
            #expect(kept?["reference_id"]?.text == "\(location).2bd806c97f0e00af.garage")
            #expect(try await serve.get(devices, as: "alice").json["data"]?.items == [made.json])

            guard case .object(var fields) = Self.record(0) else { return }
            fields["device_id"] = .text(id)
            #expect(try await serve.write("PUT", meters, [.object(fields)], as: "alice").status == 200)
            fields["device_id"] = "dev_000000000000000000000000"
            let calls = try await sent("meter_interval", serve)
            #expect(try await serve.write("PUT", meters, [.object(fields)], as: "alice").status == 404)
            #expect(try await sent("meter_interval", serve) == calls)

            let path = "\(devices)/\(id)"
            #expect(try await HTTP.send("DELETE", serve.url + path, headers: serve.user("bob")).status == 404)
            #expect(try await HTTP.send("DELETE", serve.url + path, headers: serve.user("alice")).status == 204)
            #expect(try await HTTP.send("DELETE", serve.url + path, headers: serve.user("alice")).status == 404)
            #expect(try await sent("device_delete", serve) == 1)

            _ = try await serve.write("POST", devices, [:], as: "alice")
            let gone = try await serve.command("forget", "alice")
            #expect(gone.contains("1 location"))
            #expect(try await serve.get(devices, as: "alice").status == 404)
        }
    }

    @Test("four uploads at the limit cost at most three times their size in memory (I11)")
    func I11() async throws {
        try await ServeProcess.run(["BFF_LOG_LEVEL": "info"], tracing: false) { serve in
            let process = try #require(try ResourceTests.process(of: serve))
            let users = ["a", "b", "c", "d"]
            var paths: [String] = []
            for user in users {
                paths.append("/v1/locations/\(try await serve.connectedLocation(as: user))/meters/interval")
            }
            // The sandbox has no part in this.
            let taken = #"{"id":"bat_1","records_submitted":1,"records_accepted":1,"records_processed":1}"#
            _ = try await serve.control(
                "/faults",
                ["operation": "meter_interval", "kind": "body", "status": 200, "body": .text(taken), "count": 100])
            let size = 4 << 20
            let record =
                #"{"units":"WH","value":1,"start_time":"2026-01-01T00:00:00Z","end_time":"2026-01-01T00:15:00Z","#
                + #""session_reference_id":"\#(String(repeating: "s", count: 64))","#
                + #""record_reference_id":"\#(String(repeating: "r", count: 128))"}"#
            let blanks = String(repeating: " ", count: (size - 2) / 10_000 - record.utf8.count - 1)
            let records = Array(repeating: record + blanks, count: 10_000).joined(separator: ",")
            let body = Array("[\(records)]".utf8)
            #expect((size - 20_000...size).contains(body.count))
            // Whatever is loaded once, is.
            #expect(try await serve.write("PUT", paths[0], [Self.record(0)], as: "a").status == 200)
            let before = try Self.anonymousKilobytes(process)
            let watch = Task {
                var most = 0
                while !Task.isCancelled {
                    most = max(most, try Self.anonymousKilobytes(process))
                    try? await Task.sleep(for: .milliseconds(5))
                }
                return most
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (user, path) in zip(users, paths) {
                    group.addTask {
                        let answer = try await HTTP.send(
                            "PUT", serve.url + path, headers: [("content-type", "application/json")] + serve.user(user),
                            body: body)
                        #expect(answer.status == 200, "\(answer.text)")
                    }
                }
                try await group.waitForAll()
            }
            watch.cancel()
            let most = try await watch.value - before, sent = users.count * size >> 10
            print("I11: \(users.count) uploads of \(body.count) bytes, \(most) KiB more in memory")
            #expect(most <= 3 * sent, "\(most) KiB for \(sent) KiB")
            // Each went out whole, with its location.
            let requests = try await serve.control("/requests?operation=meter_interval")["data"]?.items ?? []
            #expect(requests.count == 5)
        }
    }

    /// Memory of a process that no file backs.
    private static func anonymousKilobytes(_ process: String) throws -> Int {
        let status = try String(contentsOfFile: "\(process)/status", encoding: .utf8)
        let match = try #require(status.firstMatch(of: /RssAnon:\s+(\d+) kB/))
        return try #require(Int(match.1))
    }
}

extension ServeProcess {
    /// A request with JSON.
    func write(
        _ method: String, _ path: String, _ body: JSONValue, as name: String, key: String? = nil
    ) async throws -> HTTP.Answer {
        try await HTTP.send(
            method, url + path,
            headers: [("content-type", "application/json")] + user(name)
                + (key.map { [("idempotency-key", $0)] } ?? []),
            body: try body.bytes())
    }
}
