import Foundation
import TestSupport
import Testing

/// The header fields of every kind of call that the program makes, as the called servers see them.
@Suite struct OutgoingHeaderTests {
    @Test func `Flatpeak, the identity provider, the receiver of events and the collector see the one list`()
        async throws
    {
        let empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", keys = #"{"keys":[]}"#
        let provider = try await RecordingServer("HTTP/1.1 200 OK\r\nContent-Length: \(keys.utf8.count)\r\n\r\n\(keys)")
        let receiver = try await RecordingServer(empty), collector = try await RecordingServer(empty)
        let settings = [
            "BFF_AUTH": "jwt,service", "BFF_JWT_ISSUER": "https://id.example", "BFF_JWT_AUDIENCE": "bff",
            "BFF_JWT_JWKS_URL": "\(provider.url)/jwks.json", "BFF_EVENTS_URL": "\(receiver.url)/events",
            "BFF_EVENTS_SECRET": EventReceiver.secret(1), "BFF_TRACES_URL": "\(collector.url)/v1/traces",
        ]
        try await ServeProcess.run(settings) { serve in
            _ = try await serve.connectedSession(of: "alice")
            let location = try #require(
                try await serve.get("/v1/locations", as: "alice").json["data"]?.items.first?["id"]?.text)
            for path in [
                "locations/\(location)/status", "locations/\(location)/prices?end_time=\(Date().ISO8601Format())",
                "tariffs/elements?location_id=\(location)",
            ] {
                #expect(try await serve.get("/v1/\(path)", as: "alice").status == 200, "\(path)")
            }
            // A logo of the sandbox's, at the Connect host, since that is not Flatpeak's own.
            let logo = try await HTTP.send(
                "GET", "\(serve.url)/connect/logos/77fadb6d07c984e6acf6fa1d410418d8.png")
            #expect(logo.status == 200)
            #expect(logo.headers["content-type"] == "image/png")
            let seen = { (head: String, who: String) in
                let lines = head.split(separator: "\r\n").map { $0.lowercased() }
                let values = ["accept", "accept-encoding", "user-agent"].map { name in
                    lines.filter { $0.hasPrefix("\(name):") }.map { String($0.dropFirst(name.utf8.count + 2)) }
                }
                #expect(values[0] == ["application/json, */*;q=0.5"], "\(who): \(head)")
                #expect(values[1] == ["identity"], "\(who): \(head)")
                try #require(values[2].count == 1, "\(who): \(head)")
                #expect(values[2][0].contains(/^connect-bff\/[0-9]+\.[0-9]/), "\(who): \(head)")
            }
            for (who, server) in [("provider", provider), ("receiver", receiver), ("collector", collector)] {
                try await eventually(within: .seconds(10), "nothing came to the \(who)") { !server.requests.isEmpty }
                for request in server.requests { try seen(request, who) }
            }
            let operations: Set = [
                "login", "mint", "claim", "status", "prices", "tariffs", "events", "jwks", "connect", "any",
            ]
            var found: Set<String> = []
            for request in try await HTTP.send("GET", "\(serve.control)/requests").json["data"]?.items ?? [] {
                let operation = try #require(request["operation"]?.text)
                found.insert(operation)
                let head = (request["headers"]?.items ?? []).map {
                    "\($0["name"]?.text ?? ""): \($0["value"]?.text ?? "")"
                }
                try seen(head.joined(separator: "\r\n"), operation)
            }
            #expect(found.isSuperset(of: operations), "\(operations.subtracting(found)) were not called")
        }
        for server in [provider, receiver, collector] { await server.stop() }
    }
}
