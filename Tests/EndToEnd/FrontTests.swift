import Foundation
import Subprocess
import Testing

/// Behind real reverse proxies with the files of `deploy/`.
@Suite(.serialized) struct FrontTests {
    private static let json = [("content-type", "application/json")]

    static func settings(_ layout: Front.Layout) -> [String: String] {
        let host = layout == .sameOrigin ? "app.example.com" : "api.example.com"
        let web = layout == .sameOrigin ? "app.example.com" : "connect.example.com"
        return [
            "BFF_PUBLIC_URL": "https://\(host)", "BFF_CONNECT_APPS": "web=https://\(web)",
            "BFF_ALLOWED_HOSTS": "\(host),127.0.0.1", "BFF_RETURN_URLS": "myapp://done",
        ]
    }

    @Test(
        "events arrive at once through a proxy that compresses", .timeLimit(.minutes(1)),
        arguments: [
            (Front.Kind.caddy, ["\timport logged\n": "\timport logged\n\tencode gzip\n"]),
            (
                .haproxy,
                ["\ndefaults\n": "\ndefaults\n    compression algo gzip\n    compression type text/event-stream\n"]
            ),
        ])
    func compression(kind: Front.Kind, changes: [String: String]) async throws {
        try await ServeProcess.run(Self.settings(.sameOrigin)) { serve in
            try await Front.run(kind, .sameOrigin, before: serve.port, changes: changes) { front in
                let id = try #require(try await serve.mint(as: "alice").json["id"]?.text)
                let events = try await front.events(
                    "\(front.service(.sameOrigin))/v1/connect/sessions/\(id)/events",
                    headers: serve.user("alice") + [("accept-encoding", "gzip")])
                #expect(try await events.next()?.state == "created")
                await events.stop()
            }
        }
    }

    @Test(
        "a journey through the proxy, with events; its logs hold no connect token", arguments: Front.Kind.allCases,
        Front.Layout.allCases)
    func journey(kind: Front.Kind, layout: Front.Layout) async throws {
        try await ServeProcess.run(Self.settings(layout)) { serve in
            // No customer returns at the end of this one.
            let impatient = ["retries 5": "retries 1", "lb_try_duration 10s": "lb_try_duration 1s"]
            try await Front.run(kind, layout, before: serve.port, changes: impatient) { front in
                let base = front.service(layout)
                let user = Self.json + serve.user("alice")
                let minted = try await front.send(
                    "POST", "\(base)/v1/connect/sessions", headers: user,
                    body: #"{"postal_address":{"city":"London","country_code":"GB"}}"#)
                #expect(minted.status == 201, "\(minted.text)")
                #expect(minted.headers["strict-transport-security"] != nil)
                let id = try #require(try minted.json["id"]?.text)
                let token = try #require(try minted.json["connect_token"]?.text)

                // The page, wherever the customer is sent.
                let launch = try #require(try minted.json["launch_url"]?.text)
                let opened = launch.replacing("example.com", with: "example.com:\(front.port)")
                for path in ["", "&x=1"] {
                    let page = try await front.send("GET", opened + path)
                    #expect(page.text == Front.page)
                    #expect(page.headers["referrer-policy"] == "no-referrer")
                }
                let web = String(opened.prefix { $0 != "?" })
                #expect(try await front.send("GET", "\(web)app.js").text == "the script")

                let events = try await front.events(
                    "\(base)/v1/connect/sessions/\(id)/events", headers: serve.user("alice"))
                #expect(try await events.next()?.state == "created")
                let origin = String(web.dropLast()).replacing(":\(front.port)", with: "")
                var calls: [String?] = []
                let started = ContinuousClock.now
                for (route, more) in ServeProcess.fixed {
                    let body: JSONValue = .object(
                        more.merging(["connect_token": .text(token), "route": .text(route)]) { $1 })
                    let page = try await front.send(
                        "POST", "\(base)/?fp_cot=\(token)",
                        headers: Self.json + [("origin", origin), ("referer", "\(web)?fp_cot=\(token)")],
                        body: String(decoding: try JSONEncoder().encode(body), as: UTF8.self))
                    #expect(page.status == 200, "\(page.text)")
                    #expect(try page.json["object"] != "error")
                    if layout == .separateOrigin {
                        #expect(page.headers["access-control-allow-origin"] == origin)
                    }
                    calls.append(page.headers["x-request-id"])
                    // The first event comes with the first call, not when a buffer is full.
                    if route == "session_start" {
                        #expect(try await events.next()?.state == "active")
                        #expect(started.duration(to: .now) < .seconds(5))
                    }
                }
                let back = try await front.send("GET", "\(base)/v1/connect/callback?fp_cot=\(token)")
                #expect(back.status == 303)
                #expect(back.headers["location"] == "myapp://done?session=\(id)&status=connected")
                while let event = try await events.next() {
                    #expect(["active", "pending", "connected"].contains(event.state))
                }
                #expect(
                    try await front.send("GET", "\(base)/v1/locations", headers: user).json["data"]?.items.count == 1)

                try await Self.edges(front, base, user)
                // Also when no upstream answers, and what a stranger puts elsewhere.
                await serve.stop()
                let lost = try await front.send("GET", "\(base)/v1/connect/callback?fp_cot=\(token)")
                #expect([502, 503, 504].contains(lost.status))
                _ = try await front.send("GET", "\(base)/v1/\(token)?connect_token=\(token)")
                _ = try await HTTP.send(
                    "GET", "http://127.0.0.1:\(front.plainPort)/?fp_cot=\(token)",
                    headers: [("host", URL(string: base)?.host() ?? "")])

                let named = try calls.map { try #require($0) }
                try await eventually(within: .seconds(5), "the log does not name each call of \(named)") {
                    named.allSatisfy { front.logs.contains($0) }
                }
                #expect(!front.logs.contains(token), "S2: the proxy's log holds a connect token")
                #expect(!front.logs.contains("fp_cot=cot_"))
                #expect(!front.logs.contains("connect_token=cot_"))
                #expect(!serve.log.contains(token))
                #expect(DevProcess.leaks(of: serve.credentials, in: front.logs).isEmpty, "S1")
            }
        }
    }

    @Test(
        "the hosted page comes through the proxy as the service sends it; its logs hold no query",
        arguments: Front.Kind.allCases, Front.Layout.allCases)
    func hostedPage(kind: Front.Kind, layout: Front.Layout) async throws {
        try await ServeProcess.run(Self.settings(layout)) { serve in
            try await Front.run(kind, layout, before: serve.port) { front in
                let base = front.service(layout)
                let minted = try await front.send(
                    "POST", "\(base)/v1/connect/sessions", headers: Self.json + serve.user("alice"),
                    body: #"{"app":"page","language":"de"}"#)
                #expect(minted.status == 201, "\(minted.text)")
                #expect(try minted.json["connect_token"] == nil)
                let launch = try #require(try minted.json["launch_url"]?.text)
                let parts = launch.split(separator: "#ticket=").map(String.init)
                try #require(parts.count == 2, "\(launch)")
                #expect(parts[0].hasSuffix("/connect?lang=de"))

                // What a browser asks for: the document, without the fragment, and what it names.
                let page = try await front.send("GET", "\(base)/connect?lang=de")
                #expect(page.status == 200)
                #expect(page.headers["content-security-policy"]?.contains("frame-ancestors") == true)
                #expect(page.headers["x-frame-options"] == nil, "an allowed origin may frame it")
                #expect(page.headers["cache-control"]?.contains("no-store") == true)
                let files = page.text.matches(of: /(?:href|src)="(connect\/assets\/[^"]+)"/).map { String($0.1) }
                #expect(files.contains { $0.hasSuffix("/page.js") })
                for file in Set(files) {
                    let answer = try await front.send(
                        "GET", "\(base)/\(file)", headers: [("accept-encoding", "gzip")])
                    #expect(answer.status == 200, "\(file)")
                    #expect(answer.headers["cache-control"]?.contains("immutable") == true, "\(file)")
                }
                let script = try await front.send(
                    "GET", "\(base)/connect.js", headers: [("origin", "https://elsewhere.example")])
                #expect(script.status == 200)
                #expect(script.headers["access-control-allow-origin"] == "*")
                #expect(script.headers["cross-origin-resource-policy"] == "cross-origin")
                #expect(try await front.send("GET", "\(base)/connect.d.ts").status == 200)
                #expect(try await front.send("GET", "\(base)/connect/popup").status == 200)

                let exchanged = try await front.send(
                    "POST", "\(base)/v1/connect/tickets", headers: Self.json,
                    body: "{\"ticket\":\"\(parts[1])\",\"tab\":\"AAAAAAAAAAAAAAAAAAAAAA\"}")
                #expect(exchanged.status == 200, "\(exchanged.text)")
                let token = try #require(try exchanged.json["connect_token"]?.text)
                let started = try await front.send(
                    "POST", "\(base)/v1/connect", headers: Self.json + [("referer", "\(base)/connect?fp_cot=\(token)")],
                    body: "{\"connect_token\":\"\(token)\",\"route\":\"session_start\"}")
                #expect(started.status == 200, "\(started.text)")
                // Back from a provider; and what an integrator may do wrong.
                let back = try await front.send("GET", "\(base)/connect?fp_cot=\(token)&state=canary")
                #expect(back.status == 303)
                #expect(back.headers["location"]?.contains("#fp_cot=") == true)
                _ = try await front.send("GET", "\(base)/connect?ticket=\(parts[1])")

                try await eventually(within: .seconds(5), "the log does not name the call") {
                    started.headers["x-request-id"].map { front.logs.contains($0) } == true
                }
                for secret in [token, parts[1], "canary", "lang=de"] {
                    #expect(!front.logs.contains(secret), "the proxy's log holds \(secret)")
                }
                #expect(!serve.log.contains(token) && !serve.log.contains(parts[1]))
            }
        }
    }

    @Test(
        "what a proxy itself answers in place of the relay is an error object, for pages of listed origins alone",
        arguments: Front.Kind.allCases, Front.Layout.allCases)
    func ownErrors(kind: Front.Kind, layout: Front.Layout) async throws {
        let changes = [
            "retries 5": "retries 0", "lb_try_duration 10s": "lb_try_duration 200ms", "gt 300 }": "gt 80 }",
            "timeout server 35s": "timeout server 1s",
            "proxy_read_timeout 30s": "proxy_read_timeout 1s",
            "response_header_timeout 30s": "response_header_timeout 1s",
        ]
        let origin = "https://\(layout == .sameOrigin ? "app" : "connect").example.com"
        try await ServeProcess.run(Self.settings(layout)) { serve in
            try await Front.run(kind, layout, before: serve.port, changes: changes, isHTTP1: true) { front in
                let base = front.service(layout)
                let call = { (path: String, origin: String, body: String) in
                    try await front.send("POST", base + path, headers: Self.json + [("origin", origin)], body: body)
                }
                let big = "{\"x\":\"" + String(repeating: "x", count: 70_000) + "\"}"
                for path in ["/", "/v1/connect"] {
                    let answer = try await call(path, origin, big)
                    try await Self.expectErrorObject(answer, [413], "body_too_large", for: origin, front, serve)
                }
                // The service's own word passes as it is.
                var answer = try await call("/", origin, "{}")
                #expect(answer.status == 400)
                #expect(try answer.json["code"]?.text == "connect_token_missing")

                await serve.stop()
                for path in ["/", "/v1/connect"] {
                    answer = try await call(path, origin, "{}")
                    try await Self.expectErrorObject(
                        answer, [502, 503], "service_unavailable", for: origin, front, serve)
                    // Without a yes to its preflight the page would not read it.
                    let preflight = try await front.send(
                        "OPTIONS", base + path,
                        headers: [
                            ("origin", origin), ("access-control-request-method", "POST"),
                            ("access-control-request-headers", "content-type"),
                        ])
                    #expect((200..<300).contains(preflight.status))
                    #expect(preflight.headers["access-control-allow-origin"] == origin)
                    #expect(preflight.headers["access-control-allow-headers"]?.contains("Content-Type") == true)
                }
                for other in [
                    "https://evil.example", "null", "\(origin).evil", "\(origin):8443", "http://app.example.com",
                ] {
                    for method in ["POST", "OPTIONS"] {
                        answer = try await front.send(
                            method, "\(base)/v1/connect", headers: Self.json + [("origin", other)], body: "{}")
                        #expect(
                            !answer.headers.keys.contains { $0.hasPrefix("access-control-") }, "\(method) \(other)")
                    }
                }
                // Other paths have no error object.
                answer = try await front.send("GET", "\(base)/v1/locations", headers: [("origin", origin)])
                #expect([502, 503].contains(answer.status))
                #expect(!answer.text.contains("\"object\""))

                // Something is there, and does not answer.
                let silent = """
                    import socket; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind(("127.0.0.1", \(serve.port))); s.listen(64); print("listens", flush=True)
                    all = []
                    while True: all.append(s.accept())
                    """
                let program = await Program(
                    path: URL(filePath: "/usr/bin/python3"), ["-c", silent], until: "listens")
                try await Program.run {
                    answer = try await call("/v1/connect", origin, "{}")
                    // HAProxy has found the server down by its checks.
                    let statuses: Set<Int> = kind == .haproxy ? [503, 504] : [504]
                    try await Self.expectErrorObject(answer, statuses, "service_unavailable", for: origin, front, serve)
                } finally: {
                    await program.stop()
                }
                switch kind {
                case .nginx:
                    try await Self.expectLimit(front, serve, base, from: origin, flooding: "POST", "/v1/connect")
                case .haproxy:
                    try await Self.expectLimit(front, serve, base, from: origin, flooding: "GET", "/nope")
                case .caddy: break
                }
            }
        }
    }

    private static func expectLimit(
        _ front: Front, _ serve: ServeProcess, _ base: String, from origin: String, flooding method: String,
        _ path: String
    ) async throws {
        var answer: HTTP.Answer?
        for _ in 0..<400 where answer?.status != 429 {
            let flood = try await front.send(method, base + path, headers: json, body: method == "GET" ? nil : "{}")
            // On a slow machine the proxy may have a token again for the next request.
            guard flood.status == 429 else { continue }
            answer = try await front.send(
                "POST", "\(base)/v1/connect", headers: json + [("origin", origin)], body: "{}")
        }
        try await expectErrorObject(try #require(answer), [429], "rate_limited", for: origin, front, serve)
    }

    /// Checks that a Connect web app on `origin` can read and show `answer`, and that a log names it.
    private static func expectErrorObject(
        _ answer: HTTP.Answer, _ statuses: Set<Int>, _ code: String, for origin: String, _ front: Front,
        _ serve: ServeProcess
    ) async throws {
        #expect(statuses.contains(answer.status), "\(answer.status) \(answer.text)")
        #expect(answer.headers["content-type"]?.hasPrefix("application/json") == true)
        #expect(answer.headers["access-control-allow-origin"] == origin)
        #expect(answer.headers["vary"]?.contains("Origin") == true)
        #expect(answer.headers["cache-control"]?.hasPrefix("no-store") == true)
        let object = try answer.json
        #expect(object["object"]?.text == "error")
        #expect(object["code"]?.text == code)
        #expect(object["type"]?.text != nil)
        #expect(object["message"]?.text?.hasSuffix(".") == true)
        let id = try #require(object["request_id"]?.text)
        #expect(answer.headers["x-request-id"] == id)
        // Proxies write the line after the answer.
        try await eventually(within: .seconds(5), "no log names \(id)") {
            front.logs.contains(id) || serve.log.contains(id)
        }
    }

    /// What the proxy lets through, and what not.
    private static func edges(_ front: Front, _ base: String, _ user: [(String, String)]) async throws {
        let big = "{\"x\":\"" + String(repeating: "x", count: 70_000) + "\"}"
        for path in ["/v1/connect/sessions", "/v1/connect"] {
            #expect(try await front.send("POST", base + path, headers: user, body: big).status == 413, "\(path)")
        }
        let webhook = try await front.send("POST", "\(base)/v1/webhooks/flatpeak", headers: Self.json, body: big)
        #expect(webhook.status != 413, "it is the service's to judge")
        #expect(webhook.headers["x-request-id"] != nil, "it is the service's to judge")
        // Caddy leaves it to the service.
        if front.kind != .caddy {
            let huge = String(repeating: "x", count: 300_000)
            let refused = try await front.send(
                "POST", "\(base)/v1/webhooks/flatpeak", headers: Self.json, body: huge)
            #expect(refused.status == 413)
        }
        for path in ["/livez", "/readyz", "/metrics", "/status"] {
            let answer = try await front.send("GET", base + path)
            #expect(answer.status == 404 || answer.text == Front.page, "\(path)")
        }
        // Said by a client, none of it counts.
        let spoofed = try await front.send(
            "GET", "\(base)/v1/locations",
            headers: user + [("forwarded", "for=203.0.113.9"), ("x-forwarded-for", "203.0.113.9")])
        #expect(spoofed.status == 200)
        let plain = try await HTTP.send(
            "GET", "http://127.0.0.1:\(front.plainPort)/v1/locations",
            headers: [("host", URL(string: base)?.host() ?? "")])
        #expect([301, 302, 308].contains(plain.status))
        #expect(plain.headers["location"]?.hasPrefix("https://") == true)
    }

    @Test("nginx and HAProxy hold off who calls far too often (S15)", arguments: [Front.Kind.nginx, .haproxy])
    func limits(kind: Front.Kind) async throws {
        try await ServeProcess.run(Self.settings(.sameOrigin)) { serve in
            try await Front.run(kind, .sameOrigin, before: serve.port) { front in
                var statuses: [Int: Int] = [:]
                for _ in 0..<400 {
                    let answer = try await front.send(
                        "GET", "\(front.service(.sameOrigin))/v1/locations", headers: serve.user("alice"))
                    statuses[answer.status, default: 0] += 1
                }
                #expect(statuses[200] ?? 0 >= 60, "\(statuses)")
                #expect(statuses[429] ?? 0 >= 50, "\(statuses)")
                #expect(statuses.count == 2)
            }
        }
    }
}
