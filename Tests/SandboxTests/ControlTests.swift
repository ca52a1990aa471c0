import FoundationEssentials
import Testing

@testable import Sandbox

/// The control surface over HTTP; it does what the methods of the same names do.
@Suite struct ControlTests {
    private static let ok: JSON = ["ok": true]

    @Test("The help lists every route, and unknown ones are 404")
    func help() async throws {
        try await RunningSandbox.run { running async throws in
            let routes = try await running.control("GET", "/").json["routes"]?.array ?? []
            #expect(routes.count == 41)
            #expect(try await running.control("GET", "/nothing").status == 404)
            #expect(try await running.control("DELETE", "/clock").status == 404)
            #expect(try await running.control("POST", "/clock", []).status == 400)
        }
    }

    @Test("The emulated hosts and the control surface never mix")
    func separation() async throws {
        try await RunningSandbox.run { running async throws in
            #expect(try await running.api("POST", "/reset").status == 404)
            #expect(try await running.control("GET", "/login").status == 404)
            #expect(running.sandbox.requests().count == 1)
        }
    }

    @Test("clock: set, advance, reset; lives end by it")
    func clock() async throws {
        try await RunningSandbox.run { running async throws in
            let sandbox = running.sandbox
            let bearer = try await running.bearer()
            let token = try await running.mint(bearer)
            #expect(try await running.control("POST", "/clock", ["advance_seconds": 3600]).json == Self.ok)
            #expect(sandbox.now == instant("2026-07-01T11:00:00Z"))
            #expect(try await running.api("GET", "/events", bearer: bearer).status == 403)
            _ = try await running.control("POST", "/clock", ["set": "2026-07-02T12:00:00+02:00"])
            #expect(sandbox.now == instant("2026-07-02T10:00:00Z"))
            let start: JSON = ["connect_token": .string(token), "route": "session_start"]
            #expect(try await running.connect(start).json["code"] == "connect_token_expired")
            _ = try await running.control("POST", "/clock", ["reset": true])
            #expect(try await running.connect(start).status == 200)
            #expect(try await running.control("POST", "/clock", ["set": "noon"]).status == 400)
            #expect(try await running.control("POST", "/clock", [:]).status == 400)
        }
    }

    @Test("bearers and tokens expire at once")
    func expiry() async throws {
        try await RunningSandbox.run { running async throws in
            let bearer = try await running.bearer()
            let token = try await running.mint(bearer)
            #expect(try await running.control("POST", "/tokens/\(token)/expire").json == Self.ok)
            #expect(try await running.control("POST", "/tokens/cot_0/expire").status == 404)
            #expect(try await running.api("GET", "/connect/token?connect_token=\(token)", bearer: bearer).status == 404)
            #expect(try await running.control("POST", "/bearers/expire").json == Self.ok)
            #expect(try await running.api("GET", "/events", bearer: bearer).status == 403)
        }
    }

    @Test("bearer-life and token-life are what login and mint answer")
    func lives() async throws {
        try await RunningSandbox.run { running async throws in
            _ = try await running.control("POST", "/bearer-life", ["seconds": 60])
            _ = try await running.control("POST", "/token-life", ["seconds": 120])
            let login = try await running.login().json
            #expect(login["expires_in"] == 60)
            let token = try await running.mint(login["bearer_token"]?.string ?? "")
            #expect(running.sandbox.sessions().map(\.expires) == [instant("2026-07-01T10:02:00Z")])
            #expect(running.sandbox.sessions().map(\.connectToken) == [token])
            #expect(try await running.control("POST", "/token-life", ["seconds": -1]).status == 400)
        }
    }

    @Test("faults: scripted, and forgotten")
    func faults() async throws {
        try await RunningSandbox.run { running async throws in
            let fault: JSON = [
                "operation": "login", "count": 2, "kind": "rate_limit", "retry_after": "7", "headers": ["X-A": "b"],
            ]
            #expect(try await running.control("POST", "/faults", fault).json == Self.ok)
            let limited = try await running.login()
            #expect(limited.header("retry-after") == "7")
            #expect(limited.header("x-a") == "b")
            #expect(try await running.control("DELETE", "/faults").json == Self.ok)
            #expect(try await running.login().status == 200)
            let wrong: [JSON] = [
                [:], ["kind": "explode"], ["kind": "reset", "operation": "dance"], ["kind": "reset", "count": 0],
                ["kind": "status", "status": 42], ["kind": "delay", "seconds": "2"],
                ["kind": "body", "headers": ["a": 1]],
            ]
            for fault in wrong { #expect(try await running.control("POST", "/faults", fault).status == 400) }
        }
    }

    @Test("keys: refused, accepted again, and new ones")
    func keys() async throws {
        try await RunningSandbox.run { running async throws in
            #expect(try await running.control("POST", "/keys/refuse", ["key": "sk_test_sandbox"]).json == Self.ok)
            #expect(try await running.login().status == 403)
            _ = try await running.control("POST", "/keys/accept", ["key": "sk_test_sandbox"])
            #expect(try await running.login().status == 200)
            _ = try await running.control("POST", "/keys/accept", ["key": "sk_test_second"])
            #expect(try await running.login(key: "sk_test_second").status == 200)
            #expect(try await running.control("POST", "/keys/refuse", [:]).status == 400)
        }
    }

    @Test("accounts and account-version")
    func accounts() async throws {
        try await RunningSandbox.run { running async throws in
            _ = try await running.control("POST", "/accounts", ["account": "acc_2", "key": "sk_test_two"])
            #expect(try await running.login(key: "sk_test_two", account: "acc_2").status == 200)
            let bearer = try await running.bearer()
            let code = { () async throws in try await running.api("GET", "/events", bearer: bearer).json["code"] }
            #expect(try await code() == nil)
            let busbar: JSON = ["version": "2026-08-01.busbar"]
            #expect(try await running.control("POST", "/account-version", busbar).json == Self.ok)
            #expect(try await code() == "api_version_not_supported")
            // There is no way back, but for tests.
            let anode: JSON = ["version": "2025-09-14.anode"]
            #expect(try await running.control("POST", "/account-version", anode).status == 409)
            #expect(try await code() == "api_version_not_supported")
            let back = anode.merging(["back": true])
            #expect(try await running.control("POST", "/account-version", back).json == Self.ok)
            #expect(try await code() == nil)
        }
    }

    @Test("requests: what arrived, counted, and forgotten")
    func requests() async throws {
        try await RunningSandbox.run { running async throws in
            _ = try await running.connect(["a": 1])
            _ = try await running.login()
            let all = try await running.control("GET", "/requests").json["data"]?.array ?? []
            #expect(all.map { $0["operation"] } == ["connect", "login"])
            let first = all[0]
            #expect(first["method"] == "POST")
            #expect(first["path"] == "/")
            #expect(first["number"] == 1)
            #expect(first["status"] == 400)
            #expect(first["body_size"] == 7)
            // SHA-256 of {"a":1}
            #expect(first["body_sha256"] == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862")
            #expect(first["headers"]?.array?.contains(["name": "Content-Type", "value": "application/json"]) == true)
            let logins = try await running.control("GET", "/requests?operation=login").json["data"]?.array
            #expect(logins?.count == 1)
            #expect(try await running.control("GET", "/requests?operation=dance").status == 400)
            #expect(try await running.control("GET", "/requests/count").json == ["connect": 1, "login": 1])
            _ = try await running.control("DELETE", "/requests")
            #expect(try await running.control("GET", "/requests/count").json == [:])
        }
    }

    @Test("pending: finished or failed, by location or token", arguments: ["finish", "fail"])
    func pending(_ verb: String) async throws {
        try await RunningSandbox.run { running async throws in
            let bearer = try await running.bearer()
            let token = try await running.mint(bearer, ["postal_address": ["country_code": "GB", "city": "Bath"]])
            let target: JSON = ["connect_token": .string(token)]
            _ = try await running.connect(target.merging(["route": "session_start"]))
            _ = try await running.connect(target.merging(["route": "provider_select", "data": Sample.directProvider]))
            _ = try await running.form("/consent", "fp_cot=\(token)&username=pending&decision=agree")
            #expect(try await running.control("POST", "/pending/\(verb)", target).json == Self.ok)
            #expect(try await running.control("POST", "/pending/\(verb)", target).status == 404)
            let page = try await running.connect(target.merging(["route": "session_start"])).json["route"]
            #expect(page == (verb == "finish" ? "tariff_summary" : "tariff_connection_failed"))
            let newest = try await running.api("GET", "/events", bearer: bearer).json["data"]?[0]?["type"]
            #expect(newest == (verb == "finish" ? "location.update" : "tariff.fetch.failed"))
        }
    }

    @Test("mode, sessions and reset")
    func modeAndReset() async throws {
        try await RunningSandbox.run { running async throws in
            #expect(try await running.control("POST", "/mode", ["mode": "odd"]).json == Self.ok)
            #expect(try await running.login().json["expires_in"] == "3600")
            #expect(try await running.control("POST", "/mode", ["mode": "wild"]).status == 400)
            let token = try await running.mint(try await running.bearer())
            let listed = try await running.control("GET", "/sessions").json["data"]?[0]
            #expect(listed?["connect_token"] == .string(token))
            #expect(listed?["route"] == .null)
            #expect(listed?["completed"] == false)
            #expect(try await running.control("POST", "/reset").json == Self.ok)
            #expect(running.sandbox.sessions().isEmpty)
            #expect(running.sandbox.requests().isEmpty)
            let again = try await running.mint(try await running.bearer())
            #expect(again != token)
        }
    }
}
