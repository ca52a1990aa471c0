import Foundation
import Testing

/// Behind a real nginx.
@Suite(.serialized) struct NginxTests {
    @Test("a shared cache that keeps whatever it may keeps nothing that users read (S7)")
    func S7() async throws {
        try await ServeProcess.run { serve in
            try await Nginx.run(
                before: serve.url,
                http: "proxy_cache_path cache keys_zone=all:1m;",
                // As eager as an operator could make it short of ignoring what the service says.
                location: """
                    proxy_cache all; proxy_cache_methods GET HEAD POST; proxy_cache_key $request_method$request_uri;
                    proxy_cache_valid any 1h; add_header X-Cached $upstream_cache_status always;
                    """
            ) { nginx in
                let minted = try await HTTP.send(
                    "POST", "\(nginx.url)/v1/connect/sessions",
                    headers: [("content-type", "application/json")] + serve.user("alice"),
                    body: Array(try JSONEncoder().encode(ServeProcess.address)))
                #expect(minted.status == 201)
                let token = try #require(try minted.json["connect_token"]?.text),
                    id = try #require(try minted.json["id"]?.text)
                for (route, more) in ServeProcess.fixed { _ = try await serve.relay(token, route, more) }
                let callback = "/v1/connect/callback?fp_cot=\(token)"
                _ = try await HTTP.send("GET", nginx.url + callback)
                let location = try #require(
                    try await serve.get("/v1/connect/sessions/\(id)", as: "alice").json["location_id"]?.text)
                let paths = [
                    "/v1/connect/sessions/\(id)", "/v1/locations", "/v1/locations/\(location)/status",
                    "/v1/tariffs/elements?location_id=\(location)",
                    "/v1/locations/\(location)/prices?end_time=2030-01-01T00:00:00Z", callback, "/readyz", "/nope",
                ]
                for path in paths {
                    for turn in 0..<2 {
                        let answer = try await HTTP.send("GET", nginx.url + path, headers: serve.user("alice"))
                        #expect(answer.headers["x-cached"] == "MISS", "\(path), turn \(turn)")
                        #expect(answer.headers["cache-control"] == "no-store, no-transform", "\(path)")
                    }
                }
                let second = try await HTTP.send(
                    "POST", "\(nginx.url)/v1/connect/sessions",
                    headers: [("content-type", "application/json")] + serve.user("bob"),
                    body: Array(try JSONEncoder().encode(ServeProcess.address)))
                #expect(try second.json["connect_token"] != minted.json["connect_token"])
            }
        }
    }

    @Test func `events of a session come through at once, resume, and end with the session`() async throws {
        try await ServeProcess.run { serve in
            try await Nginx.run(before: serve.url) { nginx in
                let minted = try await serve.mint(as: "alice", ServeProcess.address).json
                let id = try #require(minted["id"]?.text), token = try #require(minted["connect_token"]?.text)
                let path = "\(nginx.url)/v1/connect/sessions/\(id)/events"
                #expect(try await HTTP.send("GET", path, headers: serve.user("bob")).status == 404)
                #expect(try await HTTP.send("HEAD", path, headers: serve.user("alice")).status == 200)

                let events = try await EventStream(path, headers: serve.user("alice"))
                var first = try #require(try await events.next())
                #expect(first.state == "created")
                let started = ContinuousClock.now
                _ = try await serve.relay(token, "session_start")
                first = try #require(try await events.next())
                #expect(first.state == "active")
                // Long before nginx's buffers are full or the next heartbeat is due.
                #expect(started.duration(to: .now) < .seconds(5))

                // Broken off and resumed: what was seen is not sent again.
                await events.stop()
                for (route, more) in ServeProcess.fixed.dropFirst() { _ = try await serve.relay(token, route, more) }
                let resumed = try await EventStream(path, headers: serve.user("alice") + [("last-event-id", first.id)])
                _ = try await HTTP.send("GET", "\(serve.url)/v1/connect/callback?fp_cot=\(token)")
                var states: [String] = []
                while let event = try await resumed.next() { states.append(event.state) }
                #expect(states.last == "connected")
                #expect(!states.contains("created"))
                // Over, and sent in full to later clients, on another connection and after a restart.
                try await serve.restart()
                let late = try await EventStream(path, headers: serve.user("alice"))
                #expect(try await late.next()?.state == "connected")
                #expect(try await late.next() == nil)
            }
        }
    }

    @Test func `a service that shuts down ends its streams at once, well, and is asked again`() async throws {
        try await ServeProcess.run { serve in
            let id = try #require(try await serve.mint(as: "alice").json["id"]?.text)
            let events = try await EventStream(
                "\(serve.url)/v1/connect/sessions/\(id)/events", headers: serve.user("alice"))
            #expect(try await events.next()?.state == "created")
            let started = ContinuousClock.now
            #expect(await serve.stop() == 0)
            #expect(started.duration(to: .now) < .seconds(10))
            #expect(try await events.next() == nil)
        }
    }
}
