import FoundationEssentials
import Logging
import Testing

@testable import Sandbox

/// A sandbox on free ports whose clock stands still, and the calls that tests make of it.
struct RunningSandbox {
    let sandbox: Sandbox

    static func run(
        _ configure: (inout Sandbox.Configuration) -> Void = { _ in }, _ test: (RunningSandbox) async throws -> Void
    ) async throws {
        var configuration = Sandbox.Configuration()
        configuration.port = 0
        configuration.seed = 1
        configuration.now = { instant("2026-07-01T10:00:00Z") }
        configure(&configuration)
        let sandbox = try await Sandbox.start(configuration, logger: Logger(label: "test"))
        do {
            try await test(RunningSandbox(sandbox: sandbox))
        } catch {
            await sandbox.stop()
            throw error
        }
        await sandbox.stop()
    }

    func api(
        _ method: String, _ target: String, _ body: JSON? = nil, bearer: String? = nil
    ) async throws -> RawClient.Response {
        var headers: [(name: String, value: String)] = [("Flatpeak-Version", "2025-09-14.anode")]
        if let bearer { headers.append(("Authorization", "Bearer " + bearer)) }
        return try await RawClient.send(
            method, sandbox.addresses.api, target, headers: headers, body: body?.bytes ?? [])
    }

    func login(
        key: String = "sk_test_sandbox", account: String = "acc_5a4db0c5000000000000ac01"
    ) async throws -> RawClient.Response {
        try await RawClient.send(
            "GET", sandbox.addresses.api, "/login", headers: [("Authorization", basic(account, key))])
    }

    func bearer() async throws -> String { try #require(try await login().json["bearer_token"]?.string) }

    func mint(_ bearer: String, _ fields: [String: JSON] = [:]) async throws -> String {
        let body: JSON = ["connect_url": "myapp://connect", "callback_url": "myapp://done"]
        let reply = try await api("POST", "/connect/token", body.merging(fields), bearer: bearer)
        return try #require(reply.json["connect_token"]?.string)
    }

    func connect(_ body: JSON) async throws -> RawClient.Response {
        try await RawClient.send(
            "POST", sandbox.addresses.connect, "/", headers: [("Content-Type", "application/json")], body: body.bytes)
    }

    func control(_ method: String, _ target: String, _ body: JSON? = nil) async throws -> RawClient.Response {
        try await RawClient.send(method, sandbox.addresses.control, target, body: body?.bytes ?? [])
    }

    func form(_ path: String, _ body: String) async throws -> RawClient.Response {
        try await RawClient.send("POST", sandbox.addresses.provider, path, body: Array(body.utf8))
    }
}
