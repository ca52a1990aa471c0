import Foundation
import TestSupport
import Testing

/// `connect-bff serve` as an operator runs it.
@Suite(.serialized) struct ServeTests {
    @Test func `a backend with a service key mints; no other caller does; SIGTERM ends it well`() async throws {
        try await ServeProcess.run { serve in
            let good = serve.user("alice")
            for headers in [
                [], [("x-dev-subject", "alice")], [(good[0].0, good[0].1 + "x"), good[1]], [good[1]], [good[0]],
            ] {
                let answer = try await HTTP.send(
                    "POST", "\(serve.url)/v1/connect/sessions",
                    headers: [("content-type", "application/json")] + headers,
                    body: Array("{}".utf8))
                #expect(answer.status == 401)
                #expect(try answer.json["code"] == "unauthenticated")
                let challenge = try #require(answer.headers["www-authenticate"])
                #expect(challenge.hasPrefix(#"Bearer realm="connect-bff""#))
                #expect(challenge.contains("error=") == headers.contains { $0.0 == "authorization" }, "\(challenge)")
            }
            let unsigned = try await HTTP.send(
                "POST", "\(serve.url)/v1/webhooks/flatpeak", headers: [("content-type", "application/json")],
                body: Array("{}".utf8))
            #expect(unsigned.status == 401)
            #expect(unsigned.headers["www-authenticate"] == #"Flatpeak-Signature realm="connect-bff""#)
            let minted = try await serve.mint(as: "alice")
            #expect(minted.status == 201)
            let id = try #require(try minted.json["id"]?.text)
            #expect(try await serve.get("/v1/connect/sessions/\(id)", as: "alice").status == 200)
            #expect(try await serve.get("/v1/connect/sessions/\(id)", as: "bob").status == 404)
            #expect(try await HTTP.send("GET", "\(serve.url)/readyz").text == "ok\n")
            #expect(try await HTTP.send("GET", "\(serve.url)/launch").status == 404)

            #expect(await serve.stop() == 0)
            for line in serve.log.split(separator: "\n") {
                let fields = try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
                #expect(fields["time"] != nil)
                #expect(fields["level"] != nil)
                #expect(fields["message"] != nil)
            }
            #expect(DevProcess.leaks(of: serve.credentials, in: serve.log + minted.text).isEmpty, "S1")
            #expect(!serve.log.contains(/cot_[0-9a-f]/), "S2")
        }
    }

    @Test(
        "a trace of the backend's goes through the program to Flatpeak and the collector, a stranger's does not (S40)")
    func S40() async throws {
        try await ServeProcess.run { serve in
            let theirs = "4bf92f3577b34da6a3ce929d0e0e4736"
            let parent = ("traceparent", "00-\(theirs)-00f067aa0ba902b7-01")
            let minted = try await HTTP.send(
                "POST", "\(serve.url)/v1/connect/sessions",
                headers: serve.user("alice") + [("content-type", "application/json"), parent], body: Array("{}".utf8))
            let token = try #require(try minted.json["connect_token"]?.text)
            _ = try await HTTP.send(
                "POST", "\(serve.url)/", headers: [("content-type", "application/json"), parent],
                body: Array(#"{"connect_token":"\#(token)","route":"session_start"}"#.utf8))
            // The customer goes home: a public route with a token in its query.
            _ = try await HTTP.send("GET", "\(serve.url)/v1/connect/callback?fp_cot=\(token)", headers: [parent])

            let requests = try await HTTP.send("GET", "\(serve.control)/requests").json["data"]?.items ?? []
            let received = Dictionary(
                requests.map { request in
                    let headers = request["headers"]?.items ?? []
                    return (
                        request["operation"]?.text ?? "",
                        headers.first { $0["name"]?.text?.lowercased() == "traceparent" }?["value"]?.text ?? ""
                    )
                }, uniquingKeysWith: { first, _ in first })
            #expect(received["mint"]?.hasPrefix("00-\(theirs)-") == true)
            for operation in ["connect", "claim"] {
                let parent = try #require(received[operation], "\(received)")
                #expect(parent.wholeMatch(of: /00-[0-9a-f]{32}-[0-9a-f]{16}-01/) != nil)
                #expect(!parent.contains(theirs))
            }
            #expect(await serve.stop() == 0)
            let spans = try #require(serve.collector).text
            for name in ["POST /v1/connect/sessions", "flatpeak.mint", "POST /", "flatpeak.relay"] {
                #expect(spans.contains(#""name":"\#(name)""#), "\(name)")
            }
            let trace = try #require(serve.log.firstMatch(of: /"bff.trace":"([0-9a-f]{32})","http.method":"GET"/)).1
            #expect(trace != theirs)
            #expect(spans.contains(#""traceId":"\#(trace)""#))
            #expect(serve.log.contains(#""bff.trace":"\#(theirs)","http.method":"POST","http.route":"/v1/connect/s"#))
            #expect(DevProcess.leaks(of: serve.credentials, in: spans).isEmpty, "S1")
            #expect(!spans.contains(/cot_[0-9a-f]/), "S2")
        }
    }

    @Test func `a client that ends its side gets what was written to it, to the last byte (R29)`() async throws {
        try await ServeProcess.run { serve in
            let client = await Program(
                path: URL(filePath: "/usr/bin/python3"), [Program.source("half_close.py").path, "\(serve.port)"],
                until: "\u{0}")
            #expect(await client.end() == 0, "\(client.output.text)")
            let missing = client.output.text.split(separator: "\n")
            #expect(missing.count == 26, "\(missing)")
            #expect(missing.allSatisfy { $0 == "0" }, "\(missing)")
        }
    }

    @Test func `what a customer is shown of Flatpeak's errors leads to a line of the log, and a WebView may call`()
        async throws
    {
        // Over a process, so that the settings, the form of the line and the dot of a full name are the real ones.
        let settings = [
            "BFF_ALLOWED_ORIGINS": "capacitor://localhost", "BFF_ALLOWED_HOSTS": "bff.example.,127.0.0.1",
            "BFF_LOG_LEVEL": "info",
        ]
        try await ServeProcess.run(settings) { serve in
            let token = try #require(try await serve.mint(as: "alice").json["connect_token"]?.text)
            let faults: [(JSONValue, String)] = [
                ("{\"message\":\"Internal Server Error\"}", "upstream_failed"),
                (
                    #"{"object":"error","type":"api_error","code":"odd","message":"No.","request_id":"fp-1.a"}"#, "odd"
                ),
            ]
            for (body, code) in faults {
                _ = try await serve.control(
                    "/faults", ["operation": "connect", "kind": "body", "status": 500, "body": body])
                let answer = try await HTTP.send(
                    "POST", "\(serve.url)/",
                    headers: [
                        ("content-type", "application/json"), ("origin", "capacitor://localhost"),
                        ("host", "bff.example.:443"),
                    ], body: Array(#"{"connect_token":"\#(token)","route":"session_start"}"#.utf8))
                #expect(answer.status == 500)
                #expect(answer.headers["access-control-allow-origin"] == "capacitor://localhost")
                let object = try answer.json
                #expect(object["object"] == "error")
                #expect(object["code"]?.text == code)
                let id = try #require(object["request_id"]?.text), ours = try #require(answer.headers["x-request-id"])
                #expect(id == (code == "odd" ? "fp-1.a" : ours))
                try await eventually(within: .seconds(5), "the log does not name \(id)") {
                    serve.log.split(separator: "\n").contains {
                        $0.contains(#""bff.request":"\#(ours)""#) && $0.contains(#""http.status":"500""#)
                            && (id == ours || $0.contains(#""bff.upstream_request":"fp-1.a""#))
                    }
                }
            }
            let preflight = try await HTTP.send(
                "OPTIONS", "\(serve.url)/v1/connect/sessions/cs_1/events",
                headers: [
                    ("origin", "capacitor://localhost"), ("access-control-request-method", "GET"),
                    ("access-control-request-headers", "authorization,last-event-id"),
                ])
            #expect(preflight.status == 204)
            #expect(preflight.headers["access-control-allow-headers"]?.lowercased().contains("last-event-id") == true)
            let nowhere = try await HTTP.send(
                "GET", "\(serve.url)/nope", headers: [("origin", "capacitor://localhost")])
            #expect(nowhere.status == 404)
            #expect(nowhere.headers["access-control-allow-origin"] == "capacitor://localhost")
        }
    }

    @Test("whatever a stranger sends, a line of the log is one line, and commands no terminal (S8)")
    func S8() async throws {
        try await ServeProcess.run { serve in
            let evil = #"\u000d\u000a{\"level\":\"critical\"}\u001b[2J"#
            let json = "Host: a\r\nContent-Type: application/json\r\n"
            let key = "Authorization: Bearer \(serve.serviceKey)\r\n"
            let bodies = [
                #"{"\#(evil)":1}"#, #"{"direction":"\#(evil)"}"#, #"{"return_url":"\#(evil)"}"#, "{\u{1b}[2J",
            ]
            let requests =
                [
                    "GET /v1/\u{1b}[2J HTTP/1.1\r\nHost: a\r\n\r\n", "GET /%0d%0a%1b[2J HTTP/1.1\r\nHost: a\r\n\r\n",
                    "GET /v1/locations/loc%0a%1b[2J/status?x=%0a HTTP/1.1\r\nHost: a\r\n\(key)Connect-Subject: a\r\n\r\n",
                    "GET /v1/locations HTTP/1.1\r\nHost: a\r\n\(key)Connect-Subject: \u{9b}2J\r\n\r\n",
                    "GET /v1/locations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \u{1b}[2J\r\n\r\n",
                    "GET /livez HTTP/1.1\r\nHost: \u{1b}[2J\r\nX-Request-Id: \u{9b}2J\r\n\r\n", "\u{1b}[2J\r\n\r\n",
                ]
                + bodies.flatMap { body in
                    ["/v1/connect/sessions", "/", "/v1/webhooks/flatpeak"].map { path in
                        "POST \(path) HTTP/1.1\r\n\(json)\(key)Connect-Subject: a\r\n"
                            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
                    }
                }
            for request in requests {
                let client = try await RawClient(port: serve.port)
                try await client.send(request)
                let answer = try await client.answer()
                #expect(answer.status < 500, "\(request)")
                await client.close()
            }
            #expect(await serve.stop() == 0)
            let lines = serve.log.split(separator: "\n")
            #expect(lines.count { $0.contains(#""message":"request""#) } >= requests.count)
            for line in lines {
                #expect((try? JSONDecoder().decode([String: String].self, from: Data(line.utf8))) != nil, "\(line)")
                #expect(!line.contains(#""level":"critical""#))
                #expect(
                    !line.unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) }, "\(line)")
            }
        }
    }

    @Test func `a journey with a restart after every step ends as it would without`() async throws {
        try await ServeProcess.run(["BFF_RETURN_URLS": "myapp://done"]) { serve in
            let minted = try await serve.mint(as: "alice", ServeProcess.address).json
            let id = try #require(minted["id"]?.text), token = try #require(minted["connect_token"]?.text)
            for (route, more) in ServeProcess.fixed {
                try await serve.restart()
                let page = try await serve.relay(token, route, more)
                #expect(page.status == 200)
                #expect(try page.json["object"] != "error", "\(page.text)")
            }
            try await serve.restart()
            _ = try await serve.relay(token, "tariff_summary", ["action": "CLOSE"])
            try await serve.restart()
            let back = try await HTTP.send("GET", "\(serve.url)/v1/connect/callback?fp_cot=\(token)")
            #expect(back.status == 303)
            #expect(back.headers["location"] == "myapp://done?session=\(id)&status=connected")
            #expect(back.headers["referrer-policy"] == "no-referrer")
            try await serve.restart()
            let session = try await serve.get("/v1/connect/sessions/\(id)", as: "alice").json
            #expect(session["state"] == "connected")
            let location = try #require(session["location_id"]?.text)
            try await serve.restart()
            #expect(try await serve.get("/v1/locations/\(location)/status", as: "alice").status == 200)
            #expect(try await serve.get("/v1/locations/\(location)/status", as: "bob").status == 404)
            #expect(try await serve.relay(token, "session_start").json["code"] == "connect_token_used")
        }
    }

    @Test func `a redirect to an app has a page with a link, in the customer's language, and HEAD has neither`()
        async throws
    {
        try await ServeProcess.run(["BFF_RETURN_URLS": "myapp://done?a='b'&c=d"]) { serve in
            let minted = try await serve.mint(as: "alice").json
            let id = try #require(minted["id"]?.text), token = try #require(minted["connect_token"]?.text)
            let request = "/v1/connect/callback?fp_cot=\(token) HTTP/1.1\r\nHost: localhost:\(serve.port)\r\n"
            let client = try await RawClient(port: serve.port)

            // Both at once: a body behind the HEAD's answer would be taken for the next one.
            try await client.send("HEAD \(request)\r\nGET \(request)Accept-Language: pl, de-AT;q=0.8\r\n\r\n")
            let head = try await client.head()
            #expect(head.hasPrefix("HTTP/1.1 200 "))
            let redirect = try await client.answer()
            #expect(redirect.status == 303)
            let url = "myapp://done?a='b'&c=d&session=\(id)&status=abandoned"
            #expect(redirect.field("location") == url)
            #expect(redirect.field("content-type") == "text/html; charset=utf-8")
            #expect(redirect.field("content-language") == "de")
            let policy = try #require(redirect.field("content-security-policy"))
            #expect(policy.hasPrefix("default-src 'none'; script-src 'self';"))
            #expect(policy.contains("frame-ancestors 'none';"))
            #expect(redirect.field("cache-control") == "no-store, no-transform")
            let link =
                "href=\"myapp://done?a=&#39;b&#39;&amp;c=d&amp;session=\(id)&amp;status=abandoned\">Zurück zur App"
            #expect(redirect.body.contains(link))
            #expect(!redirect.body.contains("cot_"))
            #expect(!redirect.body.contains("<script"))

            let styled = try #require(redirect.body.firstMatch(of: /href="\.\.\/\.\.\/(.*\/style\.css)"/)).output.1
            #expect(try await HTTP.send("GET", "\(serve.url)/\(styled)").status == 200)

            // A browser that loads a document would show nothing of a redirect that it cannot follow.
            try await client.send("GET \(request)Sec-Fetch-Dest: document\r\n\r\n")
            let page = try await client.answer()
            #expect(page.status == 200)
            #expect(page.field("refresh") == "0; url=\(url)")
            #expect(page.field("location") == nil)
            #expect(page.field("content-security-policy") == policy)
            #expect(page.body.contains("Back to the app</a>"))

            // Whoever comes from the hosted page goes on in its language.
            try await client.send(
                "GET \(request.replacing(" HTTP", with: "&lang=nl HTTP"))Accept-Language: de\r\n\r\n")
            #expect(try await client.answer().field("content-language") == "nl")
            await client.close()
        }
    }

    @Test("over a restart, a key is one mint and one answer (S16)")
    func S16() async throws {
        try await ServeProcess.run { serve in
            let first = try await serve.mint(as: "alice", key: "k")
            try await serve.restart()
            let again = try await serve.mint(as: "alice", key: "k")
            #expect(first.status == 201)
            #expect(again.status == 201)
            #expect(again.body == first.body)
            #expect(try await serve.mint(as: "alice", key: "k", ["app": "web"]).status == 422)
            let others = try await serve.mint(as: "bob", key: "k").json
            #expect(try others["id"] != first.json["id"])
            let counts = try await HTTP.send("GET", "\(serve.control)/requests/count").json
            #expect(counts["mint"] == 2)
        }
    }

    @Test func `connect-bff forget removes a subject while the service runs`() async throws {
        try await ServeProcess.run { serve in
            let minted = try await serve.mint(as: "alice", ServeProcess.address).json
            let id = try #require(minted["id"]?.text), token = try #require(minted["connect_token"]?.text)
            for (route, more) in ServeProcess.fixed { _ = try await serve.relay(token, route, more) }
            _ = try await HTTP.send("GET", "\(serve.url)/v1/connect/callback?fp_cot=\(token)")
            let others = try await serve.mint(as: "bob").json
            #expect(try await serve.get("/v1/locations", as: "alice").json["data"]?.items.count == 1)

            #expect(try await serve.command("forget", "alice") == "removed 1 session and 1 location\n")
            #expect(try await serve.get("/v1/connect/sessions/\(id)", as: "alice").status == 404)
            #expect(try await serve.get("/v1/locations", as: "alice").json["data"]?.items == [])
            #expect(try await serve.relay(token, "session_start").json["code"] == "connect_token_unknown")
            let otherID = try #require(others["id"]?.text)
            #expect(try await serve.get("/v1/connect/sessions/\(otherID)", as: "bob").status == 200)
            #expect(try await serve.command("forget", "alice") == "removed 0 sessions and 0 locations\n")
        }
    }

    @Test func `an owner that is forgotten by another process, or gives the location up, is refused at the next read`()
        async throws
    {
        try await ServeProcess.run { serve in
            for round in 0..<3 {
                let location = try await serve.connectedLocation(as: "alice")
                let status = "/v1/locations/\(location)/status", list = "/v1/locations"
                // From memory after the first.
                for _ in 0..<5 {
                    #expect(try await serve.get(status, as: "alice").status == 200)
                    #expect(try await serve.get(list, as: "alice").json["data"]?.items.count == 1)
                }
                if round == 1 {
                    let gone = try await HTTP.send(
                        "DELETE", "\(serve.url)\(list)/\(location)", headers: serve.user("alice"))
                    #expect(gone.status == 204)
                } else {
                    #expect(try await serve.command("forget", "alice").hasSuffix("and 1 location\n"))
                }
                #expect(try await serve.get(status, as: "alice").status == 404)
                #expect(try await serve.get(list, as: "alice").json["data"]?.items == [])
            }
        }
    }

    @Test("with its database damaged the service relays, mints, ends sessions, and says so (R23)")
    func R23() async throws {
        try await ServeProcess.run { serve in
            let known = try await serve.mint(as: "alice", ServeProcess.address).json
            let token = try #require(known["connect_token"]?.text)
            let rubbish = Data(repeating: 0x5A, count: 256 << 10)
            try rubbish.write(to: URL(filePath: serve.database), options: .atomic)

            for (route, more) in ServeProcess.fixed { #expect(try await serve.relay(token, route, more).status == 200) }
            #expect(try await serve.callback(token).contains("connected"))
            let minted = try await serve.mint(as: "alice", key: "k")
            #expect(minted.status == 201)
            #expect(try await serve.mint(as: "alice", key: "k").body == minted.body)
            let fresh = try #require(try minted.json["connect_token"]?.text)
            #expect(try await serve.relay(fresh, "session_start").status == 200)
            #expect(try await serve.relay("cot_unknown", "session_start").status == 503)
            #expect(try await serve.get("/v1/locations", as: "alice").json["code"] == "store_unavailable")
            let ready = try await HTTP.send("GET", "\(serve.url)/readyz")
            #expect(ready.status == 200)
            #expect(ready.text.contains("takes no writes"))
            #expect(try Data(contentsOf: URL(filePath: serve.database)) == rubbish)
            #expect(await serve.stop() == 0)
            #expect(serve.log.contains("another file is in its place"))
        }
    }

    @Test func `a database that cannot be opened is no start, and says why`() async throws {
        try await ServeProcess.run { serve in
            _ = try await serve.mint(as: "alice")
            await serve.stop()
            let key = "\(serve.database).key"
            let good = try Data(contentsOf: URL(filePath: key))
            try FileManager.default.removeItem(atPath: key)
            var said = try await serve.command("serve")
            #expect(said.hasPrefix("connect-bff: BFF_STATE_KEY: is not given, and \(key)"))
            try Data((Data(repeating: 1, count: 32).base64EncodedString() + "\n").utf8).write(to: URL(filePath: key))
            said = try await serve.command("serve")
            #expect(said.contains("sealed under another key"))
            try good.write(to: URL(filePath: key))
            try Data(repeating: 0x5A, count: 64 << 10).write(to: URL(filePath: serve.database), options: .atomic)
            said = try await serve.command("serve")
            #expect(said.hasPrefix("connect-bff: BFF_DATABASE_URL: \(serve.database) cannot be opened"))
        }
    }
}
