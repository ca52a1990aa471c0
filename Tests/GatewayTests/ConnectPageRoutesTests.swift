import ConnectPage
import Core
import Edge
import Flatpeak
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Resilience
import TestSupport
import Testing

@testable import Gateway

/// The hosted Connect page over HTTP.
@Suite struct ConnectPageRoutesTests {
    private static let page = ConnectPage(BrandSettings(name: "Daylight"), framedBy: ["https://app.example"])

    private func send(
        _ path: String, _ fields: HTTPFields = [:], _ method: HTTPRequest.Method = .get, page: ConnectPage? = page,
        edge: EdgeSettings = EdgeSettings()
    ) async throws -> TestResponse {
        let table = ServiceFixture(flatpeak: .scripted(ScriptedUpstream()), store: InMemoryStore())
            .table(edge: edge, page: page)
        return try await Application(responder: InProcessRouter(table)).test(.router) { client in
            try await client.execute(uri: path, method: method, headers: fields)
        }
    }

    // MARK: - Documents

    @Test("A document is not kept, names its language, and may be framed by the listed origins alone")
    func document() async throws {
        let page = try await send("/connect", [.acceptLanguage: "de-AT, en;q=0.5"])
        #expect(page.status == .ok)
        #expect(page.headers[.contentType] == "text/html; charset=utf-8")
        #expect(page.headers[.contentLanguage] == "de")
        #expect(page.headers[.cacheControl] == "no-store, no-transform")
        #expect(page.headers[.referrerPolicy] == "no-referrer")
        #expect(page.headers[.xContentTypeOptions] == "nosniff")
        #expect(page.headers[.vary] == "Accept-Encoding")
        #expect(page.headers[.contentSecurityPolicy]?.contains("frame-ancestors https://app.example;") == true)
        #expect(page.headers[.xFrameOptions] == nil)
        // An opener and its window must find each other.
        #expect(page.headers.allSatisfy { $0.name.canonicalName != "cross-origin-opener-policy" })
        #expect(page.headers[.accessControlAllowOrigin] == nil)
        let text = String(buffer: page.body)
        #expect(text.contains(#"<html lang="de""#))
        #expect(text.contains("Daylight"))
    }

    @Test("No page frames a document where no origin is listed, nor ever the window of a login")
    func framing() async throws {
        for (path, page) in [
            ("/connect", ConnectPage()), ("/connect/popup", ConnectPage()), ("/connect/popup", Self.page),
        ] {
            let document = try await send(path, page: page)
            #expect(document.headers[.xFrameOptions] == "DENY", "\(path)")
            #expect(document.headers[.contentSecurityPolicy]?.contains("frame-ancestors 'none';") == true, "\(path)")
        }
    }

    @Test(
        "`lang` decides, where it names a language of the page, and else the browser",
        arguments: [
            ("?lang=fr", "de", "fr"), ("?lang=nl-BE", "de", "nl"), ("?lang=pl", "de", "de"), ("?lang=", "", "en"),
            ("?lang=fr&lang=nl", "de", "de"), ("?LANG=fr", "de", "de"), ("?lang=%3Cscript%3E", "fr", "fr"),
            ("", "*", "en"), ("", "pl, nl;q=0.2", "nl"), ("?other=1", "", "en"),
        ])
    func language(_ query: String, _ accepted: String, _ language: String) async throws {
        for path in ["/connect", "/connect/popup"] {
            let document = try await send(path + query, accepted.isEmpty ? [:] : [.acceptLanguage: accepted])
            #expect(document.status == .ok)
            #expect(document.headers[.contentLanguage] == language)
            #expect(String(buffer: document.body).contains(#"<html lang="\#(language)""#))
        }
    }

    @Test(
        "A token leaves the query for the fragment, with the rest of the query dropped",
        arguments: ["?fp_cot=cot_a1", "?lang=de&fp_cot=cot_a1&x=<>", "?fp_cot=cot%5Fa1"])
    func token(_ query: String) async throws {
        for method in [HTTPRequest.Method.get, .head] {
            let moved = try await send("/connect\(query)", [:], method)
            #expect(moved.status == .seeOther)
            #expect(moved.headers[.location] == "connect#fp_cot=cot_a1")
            #expect(moved.headers[.cacheControl] == "no-store, no-transform")
            #expect(moved.headers[.referrerPolicy] == "no-referrer")
            #expect(moved.body.readableBytes == 0)
        }
    }

    @Test(
        "What is no token is not passed on",
        arguments: [
            ("?fp_cot=", HTTPResponse.Status.badRequest), ("?fp_cot", .badRequest),
            ("?fp_cot=cot_a%0d%0aSet-Cookie:%20a=b", .badRequest), ("?fp_cot=cot_%C3%A9", .badRequest),
            ("?fp_cot=cot_a&fp_cot=cot_b", .unprocessableContent), ("?FP_COT=cot_a", .unprocessableContent),
        ])
    func noToken(_ query: String, _ status: HTTPResponse.Status) async throws {
        let refused = try await send("/connect\(query)")
        #expect(refused.status == status)
        #expect(refused.headers[.location] == nil)
        #expect(refused.headers[.contentType] == "text/html; charset=utf-8")
        #expect(!String(buffer: refused.body).contains("cot_"))
    }

    @Test("Documents count for the limit of their client's address, and files for one of forty times as many")
    func limits() async throws {
        let table = ServiceFixture(flatpeak: .scripted(ScriptedUpstream()), store: InMemoryStore()).table(
            edge: EdgeSettings(
                trustedProxies: TrustedProxies([try #require(AddressRange("127.0.0.1"))]),
                rateLimits: RateLimitSettings(address: RateLimit(count: 2, period: .seconds(3600)))), page: Self.page)
        let proxy = Peer.address(try #require(IPAddress("127.0.0.1")))
        try await Application(responder: InProcessRouter(table, from: proxy)).test(.router) { client in
            let from = { (address: String) -> HTTPFields in [.xForwardedFor: address] }
            for path in ["/connect", "/connect/popup"] {
                let response = try await client.execute(uri: path, method: .get, headers: from("192.0.2.1"))
                #expect(response.status == .ok)
            }
            let refused = try await client.execute(uri: "/connect", method: .get, headers: from("192.0.2.1"))
            #expect(refused.status == .tooManyRequests)
            #expect(refused.headers[.contentType] == "text/html; charset=utf-8")
            // All that the two documents load, and as much again.
            let files = [
                "/connect.js", "/connect.d.ts", "/connect/assets/\(Self.page.digest)/style.css", "/openapi.yaml",
            ]
            for number in 0..<2 * RequestLimits.filesPerCall {
                let path = files[number % files.count]
                let response = try await client.execute(uri: path, method: .get, headers: from("192.0.2.1"))
                try #require(response.status == .ok, "\(number) \(path)")
            }
            for path in files + ["/connect/logos/0123456789abcdef.png"] {
                let response = try await client.execute(uri: path, method: .get, headers: from("192.0.2.1"))
                #expect(response.status == .tooManyRequests, "\(path)")
                #expect(response.headers[.retryAfter] != nil, "\(path)")
            }
            let probe = try await client.execute(uri: "/livez", method: .get, headers: from("192.0.2.1"))
            #expect(probe.status == .ok)
            for path in ["/connect", files[0]] {
                let other = try await client.execute(uri: path, method: .get, headers: from("192.0.2.2"))
                #expect(other.status == .ok, "\(path)")
            }
        }
    }

    @Test(
        "An error of a document is in the customer's language and in the page's look, and may be framed as its document",
        arguments: [("/connect", true), ("/connect/popup", false)])
    func errors(_ path: String, _ isFramed: Bool) async throws {
        let edge = EdgeSettings(
            trustedProxies: TrustedProxies([try #require(AddressRange("127.0.0.1"))]),
            rateLimits: RateLimitSettings(address: RateLimit(count: 1, period: .seconds(3600))))
        let table = ServiceFixture(flatpeak: .scripted(ScriptedUpstream()), store: InMemoryStore())
            .table(edge: edge, page: Self.page, brand: BrandSettings(name: "Daylight"))
        let proxy = Peer.address(try #require(IPAddress("127.0.0.1")))
        try await Application(responder: InProcessRouter(table, from: proxy)).test(.router) { client in
            var fields: HTTPFields = [.xForwardedFor: "192.0.2.1", .acceptLanguage: "nl"]
            _ = try await client.execute(uri: path, method: .get, headers: fields)
            let refused = try await client.execute(uri: path, method: .get, headers: fields)
            #expect(refused.status == .tooManyRequests)
            #expect(refused.headers[.contentLanguage] == "nl")
            #expect(refused.headers[.cacheControl] == "no-store, no-transform")
            let document: ConnectPage.Document = isFramed ? .page : .popup
            #expect(refused.headers[.contentSecurityPolicy] == Self.page.contentPolicy(of: document))
            let html = String(buffer: refused.body)
            #expect(html.contains("<h1>Te veel pogingen</h1>"))
            #expect(html.contains("Daylight"))
            #expect(html.contains("connect/assets/\(Self.page.digest)/style.css"))
            #expect(html.contains("id=\"again\""))
            let other = try await client.execute(uri: "\(path)?lang=fr", method: .get, headers: fields)
            #expect(other.headers[.contentLanguage] == "fr")
            fields[.accept] = "application/json"
            let problem = try await client.execute(uri: path, method: .get, headers: fields)
            #expect(problem.status == .tooManyRequests)
            #expect(problem.headers[.contentType] == "application/problem+json; charset=utf-8")
            #expect(problem.headers[.contentSecurityPolicy] == "default-src 'none'; frame-ancestors 'none'")
        }
    }

    @Test("Without a hosted page the callback's pages have its words, and load nothing") func plainPages() async throws
    {
        let page = try await send("/v1/connect/callback", [.acceptLanguage: "fr"], page: nil)
        #expect(page.status == .badRequest)
        #expect(page.headers[.contentSecurityPolicy] == "default-src 'none'; frame-ancestors 'none'")
        let html = String(buffer: page.body)
        #expect(html.contains("Ce lien ne fonctionne pas"))
        #expect(!html.contains("<link"))
    }

    // MARK: - Files

    @Test("A file under the page's hash is kept for good, and under another one for this once")
    func caching() async throws {
        let kept = try await send("/connect/assets/\(Self.page.digest)/page.js")
        #expect(kept.status == .ok)
        #expect(kept.headers[.cacheControl] == "public, max-age=31536000, immutable")
        #expect(kept.headers[.contentType] == "text/javascript; charset=utf-8")
        #expect(kept.headers[.crossOriginResourcePolicy] == "same-origin")
        #expect(kept.headers[.accessControlAllowOrigin] == nil)
        for digest in ["0", "\(Self.page.digest)0", Self.page.digest.uppercased() + "x"] {
            let once = try await send("/connect/assets/\(digest)/page.js")
            #expect(once.status == .ok)
            #expect(once.headers[.cacheControl] == "no-store, no-transform")
            #expect(once.body == kept.body)
        }
        for name in ["x.js", "index.html", "popup.html", "PAGE.js", "page.js.gz"] {
            let missing = try await send("/connect/assets/\(Self.page.digest)/\(name)")
            #expect(missing.status == .notFound, "\(name)")
            #expect(missing.headers[.cacheControl] == "no-store, no-transform")
        }
        for path in [
            "/connect/assets", "/connect/assets/\(Self.page.digest)", "/connect/assets/\(Self.page.digest)/../page.js",
            "/connect/assets/\(Self.page.digest)/%70age.js", "/connect/assets//\(Self.page.digest)/page.js",
            "/connect/", "/connect.js/",
        ] {
            #expect(try await send(path).status == .notFound, "\(path)")
        }
    }

    @Test("A file is sent in gzip to a client that takes it, with the same bytes inside")
    func encoding() async throws {
        let path = "/connect/assets/\(Self.page.digest)/style.css"
        let asset = try #require(Self.page.asset(named: "style.css"))
        for (fields, coding) in [
            ([.acceptEncoding: "gzip, deflate, br, zstd"], "gzip"), ([:], nil), ([.acceptEncoding: "gzip;q=0"], nil),
            ([.acceptEncoding: "identity"], nil),
        ] as [(HTTPFields, String?)] {
            let response = try await send(path, fields)
            #expect(response.headers[.contentEncoding] == coding)
            #expect(response.headers[.vary] == "Accept-Encoding")
            let bytes = coding == nil ? asset.representation.plain : asset.representation.compressed
            #expect(response.body == bytes)
            #expect(try await send(path, fields, .head).body.readableBytes == 0)
        }
        // Two fields are one list.
        var fields = HTTPFields()
        fields.append(HTTPField(name: .acceptEncoding, value: "br"))
        fields.append(HTTPField(name: .acceptEncoding, value: "gzip"))
        #expect(try await send(path, fields).headers[.contentEncoding] == "gzip")
    }

    @Test("A brand's logo is sent with a policy under which an SVG runs nothing")
    func logo() async throws {
        let svg = #"<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>"#
        let page = ConnectPage(BrandSettings(logo: BrandLogo(Array(svg.utf8))))
        let logo = try await send("/connect/assets/\(page.digest)/logo.svg", page: page)
        #expect(logo.status == .ok)
        #expect(logo.headers[.contentType] == "image/svg+xml")
        let policy = try #require(logo.headers[.contentSecurityPolicy])
        #expect(policy.hasPrefix("sandbox; script-src 'none';"))
        #expect(!policy.contains("unsafe"))
    }

    // MARK: - The script for other pages

    @Test("Any page may load the script, and asks again whether it changed")
    func embedScript() async throws {
        let script = try await send("/connect.js", [.origin: "https://anywhere.example"])
        #expect(script.status == .ok)
        #expect(script.headers[.contentType] == "text/javascript; charset=utf-8")
        #expect(script.headers[.accessControlAllowOrigin] == "*")
        #expect(script.headers[.accessControlAllowCredentials] == nil)
        #expect(script.headers[.crossOriginResourcePolicy] == "cross-origin")
        #expect(script.headers[.cacheControl] == "public, max-age=300")
        let tag = try #require(script.headers[.eTag])
        #expect(tag.hasPrefix("W/\""))
        for match in [tag, String(tag.dropFirst(2)), "\"x\" , \(tag)", "*"] {
            let same = try await send("/connect.js", [.ifNoneMatch: match, .acceptEncoding: "gzip"])
            #expect(same.status == .notModified, "\(match)")
            #expect(same.body.readableBytes == 0)
            #expect(same.headers[.eTag] == tag)
            #expect(same.headers[.accessControlAllowOrigin] == "*")
        }
        for other in ["\"x\"", "", String(tag.dropLast()), "W/\(tag)"] {
            #expect(try await send("/connect.js", [.ifNoneMatch: other]).status == .ok, "\(other)")
        }
        // The brand does not change it.
        let branded = try await send("/connect.js", page: ConnectPage(BrandSettings(color: BrandColor("#123"))))
        #expect(branded.headers[.eTag] == tag)
        let types = try await send("/connect.d.ts", [.origin: "https://anywhere.example"])
        #expect(types.status == .ok)
        #expect(types.headers[.contentType] == "text/plain; charset=utf-8")
        #expect(types.headers[.accessControlAllowOrigin] == "*")
        #expect(types.headers[.eTag] != tag)
        #expect(String(buffer: types.body).contains("export function open"))
    }

    @Test("There is nothing of the page without a page")
    func off() async throws {
        for path in [
            "/connect", "/connect/popup", "/connect.js", "/connect.d.ts", "/connect/assets/\(Self.page.digest)/page.js",
        ] {
            #expect(try await send(path, page: nil).status == .notFound, "\(path)")
        }
    }
}
