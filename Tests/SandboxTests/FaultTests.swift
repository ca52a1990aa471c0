import Testing

@testable import Sandbox

/// Scripted faults as a plain socket sees them.
@Suite struct FaultTests {
    @Test("status: a status, a body, a content type and headers of choice")
    func status() async throws {
        try await RunningSandbox.run { running async throws in
            running.sandbox.script(.init(.status, on: .login))
            let plain = try await running.login()
            #expect(plain.status == 503)
            #expect(plain.json["message"]?.string != nil)
            running.sandbox.script(
                .init(
                    .status, on: .login, status: 502, body: "<h1>Bad</h1>", contentType: "text/html",
                    headers: ["X-A": "1"]))
            let page = try await running.login()
            #expect(page.status == 502)
            #expect(page.header("content-type") == "text/html")
            #expect(page.header("x-a") == "1")
            #expect(page.text == "<h1>Bad</h1>")
            #expect(try await running.login().status == 200)
        }
    }

    @Test("body: exactly these bytes with status 200")
    func body() async throws {
        try await RunningSandbox.run { running async throws in
            running.sandbox.script(.init(.body, on: .any, count: 2, body: "{\"cut\":"))
            for _ in 1...2 {
                let reply = try await running.login()
                #expect(reply.status == 200)
                #expect(reply.text == "{\"cut\":")
                #expect(reply.header("content-type") == "application/json")
            }
            #expect(try await running.login().json["bearer_token"] != nil)
        }
    }

    @Test("upstream.md §7 rate_limit: 429 with an error object and Retry-After")
    func rateLimit() async throws {
        try await RunningSandbox.run { running async throws in
            running.sandbox.script(.init(.rateLimit, on: .connect, retryAfter: "3"))
            let reply = try await running.connect([:])
            #expect(reply.status == 429)
            #expect(reply.header("retry-after") == "3")
            #expect(reply.json["type"] == "rate_limit")
        }
    }

    @Test("reset: the connection ends with an error, and the operation did not happen")
    func reset() async throws {
        try await RunningSandbox.run { running async throws in
            let bearer = try await running.bearer()
            running.sandbox.script(.init(.reset, on: .mint))
            let reply = try await running.api("POST", "/connect/token", [:], bearer: bearer)
            #expect(reply.wasReset)
            #expect(reply.status == 0)
            #expect(running.sandbox.sessions().isEmpty)
            #expect(running.sandbox.requests(.mint).map(\.status) == [0])
        }
    }

    @Test("delay: the answer comes whole, after the wait")
    func delay() async throws {
        try await RunningSandbox.run { running async throws in
            running.sandbox.script(.init(.delay, on: .login, seconds: 0.05))
            let clock = ContinuousClock()
            let begin = clock.now
            #expect(try await running.login().status == 200)
            #expect(clock.now - begin >= .milliseconds(50))
        }
    }

    @Test("drip: the answer comes whole, byte by byte")
    func drip() async throws {
        try await RunningSandbox.run { running async throws in
            running.sandbox.script(.init(.drip, on: .any, seconds: 0.005))
            let clock = ContinuousClock()
            let begin = clock.now
            let reply = try await running.api("GET", "/nowhere")
            #expect(reply.text == "{\"message\":\"Not Found\"}")
            #expect(clock.now - begin >= .milliseconds(5 * reply.body.count))
        }
    }

    @Test("truncate: the full length is declared and half of it sent")
    func truncate() async throws {
        try await RunningSandbox.run { running async throws in
            running.sandbox.script(.init(.truncate, on: .any))
            let reply = try await running.api("GET", "/nowhere")
            #expect(reply.header("content-length") == "23")
            #expect(reply.text == "{\"message\":")
        }
    }

    @Test("Faults hit their own operation, in order, count times")
    func order() async throws {
        try await RunningSandbox.run { running async throws in
            running.sandbox.script(.init(.status, on: .mint, status: 500))
            running.sandbox.script(.init(.status, on: .login, count: 2, status: 500))
            running.sandbox.script(.init(.status, on: .login, status: 502))
            var seen: [Int] = []
            for _ in 1...4 { seen.append(try await running.login().status) }
            #expect(seen == [500, 500, 502, 200])
            running.sandbox.clearFaults()
            #expect(try await running.mint(try await running.bearer()).hasPrefix("cot_"))
        }
    }
}
