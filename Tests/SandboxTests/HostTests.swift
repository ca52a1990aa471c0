import FoundationEssentials
import Testing

@testable import Sandbox

/// The hosts over real sockets.
@Suite struct HostTests {
    @Test("upstream.md §7: Connect answers preflight and CORS, and nothing but POST /")
    func cors() async throws {
        try await RunningSandbox.run { running async throws in
            let connect = running.sandbox.addresses.connect
            let preflight = try await RawClient.send("OPTIONS", connect, "/", headers: [("Origin", "http://app.test")])
            #expect(preflight.status == 204)
            #expect(preflight.header("access-control-allow-origin") == "*")
            #expect(preflight.header("access-control-allow-methods") == "POST, OPTIONS")
            #expect(preflight.header("access-control-allow-headers") == "Content-Type")
            for method in ["GET", "PUT", "DELETE"] {
                let refused = try await RawClient.send(method, connect, "/")
                #expect(refused.status == 405)
                #expect(refused.header("allow") == "POST, OPTIONS")
            }
            #expect(running.sandbox.requests(.any).map(\.status) == [204, 405, 405, 405])
            let error = try await running.connect([:])
            #expect(error.status == 400)
            #expect(error.header("access-control-allow-origin") == "*")
            #expect(try await RawClient.send("POST", connect, "/connect").status == 404)
        }
    }

    @Test("upstream.md §5.4: one RSA-2048 key, the same each time, without authorization")
    func keySet() async throws {
        try await RunningSandbox.run { running async throws in
            let first = try await running.api("GET", "/jwks.json")
            let key = first.json["keys"]?[0]
            #expect(key?["kty"] == "RSA")
            #expect(key?["kid"]?.string?.hasPrefix("wsk_test_") == true)
            #expect(key?["e"] == "AQAB")
            #expect(key?["n"]?.string?.count == 342)
            #expect(try await running.api("GET", "/jwks.json").body == first.body)
        }
    }

    @Test("A body above 1 MiB is 413")
    func bodyLimit() async throws {
        try await RunningSandbox.run { running async throws in
            let body = [UInt8](repeating: 0x20, count: (1 << 20) + 1)
            #expect(try await RawClient.send("POST", running.sandbox.addresses.connect, "/", body: body).status == 413)
        }
    }

    @Test("Ports that follow each other, and start fails as a whole when one is taken")
    func ports() async throws {
        try await RunningSandbox.run { running async throws in
            let api = try #require(running.sandbox.addresses.api.split(separator: ":").last.flatMap { Int($0) })
            await #expect(throws: (any Error).self) {
                try await RunningSandbox.run {
                    $0.port = api
                } _: { _ in
                }
            }
        }
    }

    @Test("Stop closes connections that are still being answered")
    func stop() async throws {
        try await RunningSandbox.run { running async throws in
            running.sandbox.script(Sandbox.Fault(.delay, on: .login, seconds: 60))
            async let waiting = running.login()
            for _ in 0..<10_000 where running.sandbox.requestCount(.login) == 0 {
                try await Task.sleep(for: .milliseconds(1))
            }
            await running.sandbox.stop()
            #expect(try await waiting.status == 0)
        }
    }

    // MARK: - The provider's pages

    /// A session that was just sent to the provider; answers token and redirect.
    private func visit(_ running: RunningSandbox) async throws -> (token: String, url: String, bearer: String) {
        let bearer = try await running.bearer()
        let token = try await running.mint(bearer, ["postal_address": ["country_code": "GB", "city": "London"]])
        _ = try await running.connect(["connect_token": .string(token), "route": "session_start"])
        let sent = try await running.connect([
            "connect_token": .string(token), "route": "provider_select", "data": Sample.directProvider,
        ])
        return (token, try #require(sent.json["data"]?["redirect_url"]?.string), bearer)
    }

    @Test(
        "upstream.md §4.2: login, consent, and back to connect_url",
        arguments: [
            ("alice", "tariff_summary"), ("pending-bob", "tariff_connection_pending"),
            ("fail-eve", "tariff_connection_failed"),
        ])
    func providerLogin(_ user: String, _ route: String) async throws {
        try await RunningSandbox.run { running async throws in
            let (token, url, bearer) = try await visit(running)
            let target = String(url.dropFirst(running.sandbox.addresses.provider.count))
            let login = try await RawClient.send("GET", running.sandbox.addresses.provider, target)
            #expect(login.status == 200)
            #expect(login.header("content-security-policy")?.hasPrefix("default-src 'none'") == true)
            #expect(login.text.contains("value=\"\(token)\""))
            let consent = try await running.form("/login", "fp_cot=\(token)&username=\(user)&password=x")
            #expect(consent.text.contains("Agree"))
            #expect(consent.header("content-security-policy")?.contains("form-action 'self' myapp:") == true)
            let back = try await running.form("/consent", "fp_cot=\(token)&username=\(user)&decision=agree")
            #expect(back.status == 303)
            #expect(back.header("location") == "myapp://connect?fp_cot=\(token)")
            let page = try await running.connect(["connect_token": .string(token), "route": "session_restore"])
            #expect(page.json["route"] == .string(route))
            #expect(try await running.api("GET", "/connect/token?connect_token=\(token)", bearer: bearer).status == 200)
            #expect(try await running.form("/consent", "fp_cot=\(token)&username=\(user)&decision=agree").status == 404)
        }
    }

    @Test("upstream.md §4.2: a declined consent comes back with nothing connected")
    func decline() async throws {
        try await RunningSandbox.run { running async throws in
            let (token, _, bearer) = try await visit(running)
            let back = try await running.form("/consent", "fp_cot=\(token)&username=alice&decision=decline")
            #expect(back.header("location") == "myapp://connect?fp_cot=\(token)")
            let page = try await running.connect(["connect_token": .string(token), "route": "session_start"])
            #expect(page.json["route"] == "provider_select")
            #expect(try await running.api("GET", "/connect/token?connect_token=\(token)", bearer: bearer).status == 422)
        }
    }

    @Test("upstream.md §4.2: no token is 401, one that waits for nothing 404; what is typed is escaped")
    func providerRefusals() async throws {
        try await RunningSandbox.run { running async throws in
            let provider = running.sandbox.addresses.provider
            let missing = try await RawClient.send("GET", provider, "/")
            #expect(missing.status == 401)
            #expect(missing.text.contains("Missing connect_token"))
            #expect(try await RawClient.send("GET", provider, "/?fp_cot=cot_1").status == 404)
            let (token, _, _) = try await visit(running)
            #expect(try await running.form("/login", "fp_cot=\(token)&username=").text.contains("role=\"alert\""))
            let consent = try await running.form("/login", "fp_cot=\(token)&username=%3Cscript%3E%22%26+x")
            #expect(consent.text.contains("&lt;script&gt;&quot;&amp; x"))
            #expect(!consent.text.contains("<script>"))
        }
    }

    @Test("upstream.md §4.2: the pages of a provider refuse frames and cut their opener, also where they refuse")
    func providerHeaders() async throws {
        try await RunningSandbox.run { running async throws in
            let (token, url, _) = try await visit(running)
            let provider = running.sandbox.addresses.provider
            let target = String(url.dropFirst(provider.count))
            for answer in [
                try await RawClient.send("GET", provider, target), try await RawClient.send("GET", provider, "/"),
                try await running.form("/login", "fp_cot=\(token)&username=alice&password=x"),
                try await running.form("/consent", "fp_cot=\(token)&username=alice&decision=agree"),
            ] {
                #expect(answer.header("x-frame-options") == "DENY", "\(answer.status)")
                #expect(answer.header("cross-origin-opener-policy") == "same-origin", "\(answer.status)")
            }
        }
    }

    @Test("upstream.md §0: every provider's logo is a PNG of its own, at the address that its page names")
    func logos() async throws {
        try await RunningSandbox.run { running async throws in
            let addresses = running.sandbox.addresses
            var pictures: Set<[UInt8]> = []
            for provider in Provider.all {
                let url = running.sandbox.withWorld { world, _ in world.provider(ProviderName(provider))["logo_url"] }
                let path = try #require(url?.string?.split(separator: addresses.provider).last)
                #expect(path.wholeMatch(of: /\/[0-9a-f]{32}\.png/) != nil)
                let logo = try await RawClient.send("GET", addresses.provider, String(path))
                #expect(logo.header("content-type") == "image/png")
                #expect(logo.header("x-content-type-options") == "nosniff")
                try checkPNG(logo.body)
                pictures.insert(logo.body)
                // For a service that knows Connect's host alone.
                #expect(try await RawClient.send("GET", addresses.connect, String(path)).body == logo.body)
            }
            #expect(pictures.count == Provider.all.count)
            for path in ["/0123456789abcdef.png", "/.png", "/logo.svg"] {
                #expect(try await RawClient.send("GET", addresses.provider, path).status == 404)
                #expect(try await RawClient.send("GET", addresses.connect, path).status == 404)
            }
            #expect(running.sandbox.requestCount(.connect) == 0)
        }
    }

    /// Takes a file apart as a decoder does: signature, chunks with their checksums, rows of the right length.
    private func checkPNG(_ bytes: [UInt8]) throws {
        #expect(bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]))
        let number = { (bytes: ArraySlice<UInt8>) in bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } }
        var types: [String] = []
        var rest = bytes.dropFirst(8)
        while rest.count >= 12 {
            let length = Int(number(rest.prefix(4)))
            let body = rest.dropFirst(4).prefix(4 + length)
            try #require(rest.count >= 12 + length)
            #expect(number(rest.dropFirst(8 + length).prefix(4)) == PNGImage.crc32(Array(body)))
            let type = String(decoding: body.prefix(4), as: UTF8.self), data = body.dropFirst(4)
            types.append(type)
            if type == "IHDR" { #expect(Array(data) == [0, 0, 0, 64, 0, 0, 0, 64, 1, 3, 0, 0, 0]) }
            if type == "IDAT" {
                // One stored block: its length, that in ones' complement, 64 rows of a filter and 64 bits, a checksum.
                let rows = data.dropFirst(7).dropLast(4)
                #expect(rows.count == 64 * 9)
                #expect(Array(data.prefix(7)) == [0x78, 0x01, 0x01, 0x40, 0x02, 0xBF, 0xFD])
                #expect(number(data.suffix(4)) == PNGImage.adler32(Array(rows)))
                #expect(stride(from: 0, to: rows.count, by: 9).allSatisfy { Array(rows)[$0] == 0 })
                #expect(rows.contains { $0 != 0 }, "the picture is blank")
            }
            rest = rest.dropFirst(12 + length)
        }
        #expect(rest.isEmpty)
        #expect(types == ["IHDR", "PLTE", "IDAT", "IEND"])
    }

    @Test("the checksums of a PNG are those of their specifications")
    func checksums() {
        #expect(PNGImage.crc32(Array("123456789".utf8)) == 0xCBF4_3926)
        #expect(PNGImage.crc32(Array("IEND".utf8)) == 0xAE42_6082)
        #expect(PNGImage.adler32(Array("Wikipedia".utf8)) == 0x11E6_0398)
    }
}
