import Foundation
import Testing

/// The program from outside: what it prints, how it refuses, and that it never falls over.
@Suite(.serialized) struct ServiceTests {
    @Test("the scan finds a planted credential in each spelling (S1)")
    func S1() {
        let planted: Set = ["sk_test_planted/key"]
        for text in [
            "log: sk_test_planted/key", "x=c2tfdGVzdF9wbGFudGVkL2tleQ==", "?k=sk_test_planted%2Fkey",
            "?k=sk%5Ftest%5Fplanted%2Fkey",
        ] {
            #expect(DevProcess.leaks(of: planted, in: text) == planted, "\(text)")
        }
        #expect(DevProcess.leaks(of: planted, in: "sk_test_other cot_1").isEmpty)
    }

    @Test func `the commands that dev prints work as they stand`() async throws {
        try await DevProcess.run { dev in
            let commands = dev.output.text.split(separator: "\n")
                .filter { $0.hasPrefix("  MINT=") || $0.hasPrefix("  for step in") || $0.hasPrefix("  curl ") }
            #expect(commands.count == 4)
            let shell = await Program(
                path: URL(filePath: "/bin/bash"), ["-c", commands.joined(separator: "\n")], until: "\u{0}")
            #expect(await shell.end() == 0)
            let said = shell.output.text
            #expect(said.contains("/connect#ticket=cs_"))
            #expect(said.contains(#""route":"tariff_summary""#))
            #expect(said.contains(#""connection_type":"MANUAL""#))
            #expect(dev.output.text.contains("export CONNECT_API_URL=http://localhost:"))
            let launch = try await dev.send("GET", "/launch")
            #expect(launch.status == 200)
            #expect(launch.headers["content-security-policy"]?.contains("script-src 'sha256-") == true)
        }
    }

    @Test func `the demo of dev and every script that it imports are served, and it may frame the hosted page`()
        async throws
    {
        try await DevProcess.run { dev in
            let page = try await dev.send("GET", "/")
            #expect(page.headers["content-security-policy"]?.contains("frame-src 'self'") == true)
            let framed = try await dev.send("GET", "/connect")
            #expect(framed.headers["content-security-policy"]?.contains("frame-ancestors http://") == true)
            #expect(framed.headers["x-frame-options"] == nil)
            var open = page.text.matches(of: /src="([^"]+\.js)"/).map { String($0.1) }
            var scripts: Set<String> = []
            while let path = open.popLast() {
                guard scripts.insert(path).inserted else { continue }
                let script = try await dev.send("GET", path)
                #expect(script.status == 200, "\(path)")
                #expect(script.headers["content-type"]?.hasPrefix("text/javascript") == true, "\(path)")
                open += script.text.matches(of: /from '(\/[^']+)'/).map { String($0.1) }
            }
            #expect(
                scripts.isSuperset(of: [
                    "/connect.js", "/page/app.js", "/page/home.js", "/page/chart.js", "/page/charging.js",
                ]))
        }
    }

    @Test func `bad input gets its documented error, never a 500 and never a hang`() async throws {
        try await DevProcess.run { dev in
            let stranger = try await Self.tokenOfAnotherAccount(dev)
            let json = ("content-type", "application/json")
            let big = Array((#"{"connect_token":"cot_1","x":""# + String(repeating: "x", count: 65_536) + #""}"#).utf8)
            let cases: [(String, String, [(String, String)], [UInt8], Int, String)] = [
                (
                    "POST", "/", [json], Array(#"{"connect_token":"cot_unknown","route":"session_start"}"#.utf8), 404,
                    "connect_token_unknown"
                ),
                (
                    "POST", "/v1/connect", [json],
                    Array(#"{"connect_token":"\#(stranger)","route":"session_start"}"#.utf8), 404,
                    "connect_token_unknown"
                ),
                ("POST", "/", [json], Array(#"{"route":"session_start"}"#.utf8), 400, "connect_token_missing"),
                ("POST", "/", [json], Array(#"{"connect_token":"#.utf8), 400, "json_malformed"),
                ("POST", "/", [json], big, 413, "body_too_large"),
                ("POST", "/", [("content-type", "text/plain")], Array("{}".utf8), 415, "content_type_unsupported"),
                ("POST", "/v1/connect/sessions", [json], Array("{".utf8), 400, "json_malformed"),
                ("POST", "/v1/connect/sessions", [json], big, 413, "body_too_large"),
                ("POST", "/v1/connect/sessions", [], [], 415, "content_type_unsupported"),
                (
                    "POST", "/v1/connect/sessions", [json], Array(#"{"callback_url":"https://evil.example"}"#.utf8),
                    422, "field_unknown"
                ),
                (
                    "POST", "/v1/connect/sessions", [json], Array(#"{"location_id":"loc_of_nobody"}"#.utf8), 404,
                    "not_found"
                ),
                ("GET", "/v1/connect/sessions/cs_unknown", [], [], 404, "not_found"),
                ("GET", "/v1/connect/sessions/..%2f..%2flogin", [], [], 404, "not_found"),
                ("GET", "/v1/locations/loc_unknown/status", [], [], 404, "not_found"),
                ("GET", "/v1/tariffs/elements", [], [], 422, "field_invalid"),
                ("DELETE", "/v1/connect/sessions", [], [], 405, "method_not_allowed"),
                ("GET", "/nowhere", [], [], 404, "not_found"),
            ]
            for (method, path, headers, body, status, code) in cases {
                let answer = try await dev.send(method, path, headers: headers, body: body.isEmpty ? nil : body)
                #expect(answer.status == status, "\(method) \(path)")
                #expect(try answer.json["code"]?.text == code, "\(method) \(path)")
                #expect(try answer.json["request_id"]?.text == answer.headers["x-request-id"])
            }
            #expect(try await dev.send("GET", "/v1/connect/callback?fp_cot=cot_unknown").status == 404)
        }
    }

    @Test func `a session of one user does not exist for another`() async throws {
        try await DevProcess.run { dev in
            let alice = try await Customer.mints(dev)
            #expect(try await alice.session()["state"] == "created")
            #expect(try await alice.session(as: "bob")["code"] == "not_found")
        }
    }

    @Test func `Flatpeak's failures are reported as such`() async throws {
        try await DevProcess.run { dev in
            let customer = try await Customer.mints(dev)
            // A revoked bearer is renewed behind the customer's back.
            _ = try await dev.control("POST", "/bearers/expire")
            _ = try await Customer.mints(dev)
            for (fault, status, code) in [
                (
                    [
                        "operation": "connect", "kind": "status", "status": 503, "body": "<html>",
                        "content_type": "text/html",
                    ], 503, "upstream_failed"
                ),
                (
                    ["operation": "connect", "kind": "body", "body": "<html>", "content_type": "text/html"], 502,
                    "upstream_invalid_answer"
                ),
                (["operation": "connect", "kind": "status", "status": 500], 500, "upstream_failed"),
                (["operation": "connect", "kind": "reset"], 502, "upstream_unreachable"),
                (["operation": "mint", "kind": "status", "status": 500], 502, "upstream_failed"),
                (["operation": "mint", "kind": "body", "body": "null"], 502, "upstream_invalid_answer"),
                (["operation": "mint", "kind": "rate_limit", "retry_after": "7"], 503, "upstream_limited"),
            ] as [(JSONValue, Int, String)] {
                _ = try await dev.control("POST", "/faults", fault)
                let answer =
                    fault["operation"] == "mint"
                    ? try await dev.send("POST", "/v1/connect/sessions", json: [:])
                    : try await dev.send(
                        "POST", "/", json: ["connect_token": .text(customer.token), "route": "session_start"])
                #expect(answer.status == status, "\(fault) \(answer.text)")
                #expect(try answer.json["code"]?.text == code, "\(fault)")
                if code == "upstream_limited" { #expect(answer.headers["retry-after"] == "7") }
            }
            // R29: the answer streams, so its beginning cannot be taken back; its end is torn.
            _ = try await dev.control("POST", "/faults", ["operation": "connect", "kind": "truncate"])
            await #expect(throws: (any Error).self) {
                try await dev.send(
                    "POST", "/", json: ["connect_token": .text(customer.token), "route": "session_start"])
            }
        }
    }

    @Test(arguments: [
        (["BFF_AUTH": "dev"], "BFF_AUTH: dev believes every caller"),
        (
            ["FLATPEAK_CONNECT_URL": "http://localhost:8080"],
            "FLATPEAK_CONNECT_URL: is this service's own BFF_PUBLIC_URL"
        ),
        ([:], "FLATPEAK_ACCOUNT_ID: is required"),
    ])
    func `serve refuses to start on bad settings, names them and exits with 78`(
        environment: [String: String], message: String
    ) async throws {
        let program = await Program("connect-bff", ["serve"], environment: environment, until: message)
        #expect(await program.end() == 78)
        #expect(program.output.text.contains(message))
    }

    // MARK: - Tools

    /// A connect token that the sandbox knows and that this service never minted.
    private static func tokenOfAnotherAccount(_ dev: DevProcess) async throws -> String {
        _ = try await dev.control("POST", "/accounts", ["account": "acc_other", "key": "sk_test_other"])
        let api = try #require(dev.output.text.firstMatch(of: /API (http:\S+),/)).1
        let basic = Data("acc_other:sk_test_other".utf8).base64EncodedString()
        let login = try await dev.send("GET", "\(api)/login", headers: [("authorization", "Basic \(basic)")]).json
        let bearer = try #require(login["bearer_token"]?.text)
        let minted = try await dev.send(
            "POST", "\(api)/connect/token", headers: [("authorization", "Bearer \(bearer)")],
            json: ["connect_url": "http://localhost:7070", "callback_url": "https://other.example/done"])
        return try #require(try minted.json["connect_token"]?.text)
    }
}
