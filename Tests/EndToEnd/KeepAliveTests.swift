import Foundation
import Testing

/// Idle connections between a proxy and the service: whoever closes one may do so just when the other sends.
@Suite(.serialized) struct KeepAliveTests {
    /// The files as they are shipped, with every limit a thirtieth, or a tenth.
    private static func shortened(_ kind: Front.Kind) -> (service: String, changes: [String: String], waits: [Int]) {
        switch kind {
        case .nginx:
            (
                "3s", ["keepalive_timeout 60s": "keepalive_timeout 2s"],
                [1940, 1960, 1980, 2000, 2020, 2040, 2060, 2100, 2950, 3000, 3050, 3250]
            )
        case .haproxy, .caddy:
            // And without probes: they ask the service to end their connections, and it does.
            (
                "9s",
                [
                    "check inter 2s fall 5 rise 1 pool-purge-delay 5s": "pool-purge-delay 500ms",
                    "track connect_bff/one pool-purge-delay 5s": "pool-purge-delay 500ms",
                ],
                [400, 450, 500, 550, 950, 1000, 1050, 1450, 1500, 1550, 2000, 2500, 9000]
            )
        }
    }

    @Test(
        "calls at the edge of the idle limits are all answered, and the proxy is the one to close (R16)",
        arguments: [Front.Kind.nginx, .haproxy])
    func R16(kind: Front.Kind) async throws {
        let (service, changes, waits) = Self.shortened(kind)
        try await Self.run(kind, service, changes) { front, serve, token in
            for wait in waits {
                try await Self.burst(front, token)
                try await Task.sleep(for: .milliseconds(wait))
            }
            try await Self.burst(front, token)
            #expect(try Self.closedFirst(at: serve.port) == 0, "the service closed connections")
        }
    }

    @Test("a service that closes first would be seen (R16)") func R16seen() async throws {
        try await Self.run(.nginx, "1s", [:]) { front, serve, token in
            try await Self.burst(front, token)
            try await eventually(within: .seconds(10)) { try Self.closedFirst(at: serve.port) > 0 }
        }
    }

    @Test("the files of deploy/ keep connections for less long than the service (R16)") func R16files() throws {
        let text = { (path: String) in
            try String(contentsOf: Program.source("../../\(path)"), encoding: .utf8)
        }
        let seconds = { (path: String, pattern: Regex<(Substring, Substring)>) in
            try #require(try text(path).firstMatch(of: pattern).flatMap { Int($0.1) }, "\(path)")
        }
        let service = try seconds("README.md", /`BFF_KEEP_ALIVE` \| `(\d+)s`/)
        #expect(service == 90)
        let nginx = try #require(
            try text("deploy/nginx/connect-bff.conf").firstMatch(of: /upstream connect_bff \{[^}]*\}/))
        let proxies = [
            try #require(nginx.output.firstMatch(of: /keepalive_timeout (\d+)s/).flatMap { Int($0.1) }),
            try seconds("deploy/caddy/Caddyfile", /\tkeepalive (\d+)s/),
            // Every so often, half of those that are not used go: of a thousand the last one after ten times.
            10 * (try seconds("deploy/haproxy/haproxy.cfg", /pool-purge-delay (\d+)s/)),
        ]
        #expect(proxies.allSatisfy { $0 < service }, "\(proxies)")
        #expect(!(try text("deploy/debian/settings.yaml").contains("keepAlive")))
    }

    private static func run(
        _ kind: Front.Kind, _ service: String, _ changes: [String: String],
        _ body: (Front, ServeProcess, _ token: String) async throws -> Void
    ) async throws {
        // One client makes all the calls, so that what is meant for floods must not hold it off.
        let changes = changes.merging(["rate=20r/s": "rate=9000r/s", "gt 300 }": "gt 99999 }"]) { $1 }
        let settings = [
            "BFF_KEEP_ALIVE": service, "BFF_LIMIT_RELAY": "off", "BFF_PUBLIC_URL": "https://app.example.com",
            "BFF_CONNECT_APPS": "web=https://app.example.com",
        ]
        try await ServeProcess.run(settings) { serve in
            try await Front.run(kind, .sameOrigin, before: serve.port, changes: changes, isHTTP1: true) { front in
                let minted = try await front.send(
                    "POST", "\(front.service(.sameOrigin))/v1/connect/sessions",
                    headers: [("content-type", "application/json")] + serve.user("alice"), body: "{}")
                try await body(front, serve, try #require(try minted.json["connect_token"]?.text))
            }
        }
    }

    /// Calls that are under way together, so that as many connections are idle afterwards; none is ever sent twice.
    private static func burst(_ front: Front, _ token: String) async throws {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    try await front.send(
                        "POST", "\(front.service(.sameOrigin))/", headers: [("content-type", "application/json")],
                        body: #"{"connect_token":"\#(token)","route":"session_start"}"#
                    ).status
                }
            }
            for try await status in group { #expect(status == 200) }
        }
    }

    /// Connections that the listener at `port` was the first to close: its end still waits for stray packets
    /// (TIME-WAIT, for a minute).
    private static func closedFirst(at port: Int) throws -> Int {
        let local = "0100007F:" + String(format: "%04X", port)
        // Not `String(contentsOfFile:)`, which takes the first 4 KiB of a file without a size for all of it.
        let table = try FileHandle(forReadingFrom: URL(filePath: "/proc/net/tcp")).readToEnd() ?? Data()
        return String(decoding: table, as: UTF8.self).split(separator: "\n").count { line in
            let fields = line.split(separator: " ")
            return fields.count > 3 && fields[1] == local && fields[3] == "06"
        }
    }
}
