import Core
import Edge
import Flatpeak
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Networking
import Synchronization
import TestSupport
import Testing

@testable import Gateway

/// The route of provider logos, without sockets.
@Suite struct LogoRouteTests {
    let upstream = ScriptedUpstream()
    let clock = TestClock()

    private static let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3]
    private static let path = "/connect/logos/0123abcd.png"
    private static let forwardedFor = HTTPField.Name("X-Forwarded-For")!

    private func table(capacity: Int = 256) throws -> RouteTable {
        var edge = EdgeSettings(
            origins: ["http://web.test"], trustedProxies: TrustedProxies([try #require(AddressRange("127.0.0.1"))]))
        edge.capacity.router = capacity
        return ServiceFixture(
            flatpeak: .scripted(upstream, clock: clock), store: InMemoryStore(), time: clock.time
        ).table(edge: edge)
    }

    private func send(
        _ table: RouteTable, _ path: String = path, method: HTTPRequest.Method = .get,
        from address: String = "192.0.2.1",
        fields: HTTPFields = [:]
    ) async throws -> TestResponse {
        var fields = fields
        fields[Self.forwardedFor] = address
        return try await Application(
            responder: InProcessRouter(table), configuration: .init(address: .hostname("127.0.0.1", port: 0))
        ).test(.live) { [fields] client in
            try await client.execute(uri: path, method: method, headers: fields)
        }
    }

    private func hasLogo(_ body: [UInt8] = png) {
        upstream.on("logo", HTTPAnswer(status: 200, contentType: "text/html", retryAfter: nil, body: body))
    }

    @Test func `a logo has the type of its bytes, may be kept for a day, and can do nothing in a browser`() async throws
    {
        hasLogo()
        let answer = try await send(try table())
        #expect(answer.status == .ok)
        #expect(Array(answer.body.readableBytesView) == Self.png)
        #expect(answer.headers[.contentType] == "image/png")
        #expect(answer.headers[.contentLength] == "11")
        #expect(answer.headers[.cacheControl] == "public, max-age=86400")
        #expect(answer.headers[.xContentTypeOptions] == "nosniff")
        #expect(answer.headers[.contentSecurityPolicy]?.hasPrefix("default-src 'none'") == true)
        #expect(answer.headers[.crossOriginResourcePolicy] == "same-origin")
        #expect(answer.headers[.setCookie] == nil)
        #expect(upstream.requests("logo").map(\.url) == ["https://logos.test/0123abcd.png"])
    }

    @Test func `HEAD is GET without the picture`() async throws {
        hasLogo()
        let table = try table()
        let head = try await send(table, method: .head)
        #expect(head.status == .ok)
        #expect(head.headers[.contentType] == "image/png")
        #expect(head.headers[.cacheControl] == "public, max-age=86400")
        #expect(head.body.readableBytes == 0)
        _ = try await send(table)
        #expect(upstream.requests("logo").count == 1)
    }

    @Test(arguments: [
        "0123abc.png", "0123ABCD.png", "0123abcd", "0123abcd.PNG", "0123abcd.png.png", "0123abcd.svg", ".png",
        "0123abcg.png",
        "..%2f0123abcd.png", "%30123abcd.png", "0123abcd%2epng", "0123abcd.png/", "../logos/0123abcd.png",
        "0123abcd/.png",
        "http:%2f%2fevil.test%2f0123abcd.png", String(repeating: "0", count: 129) + ".png",
    ])
    func `any other name is 404, and nothing is fetched for it`(name: String) async throws {
        hasLogo()
        let answer = try await send(try table(), "/connect/logos/\(name)")
        #expect(answer.status == .notFound)
        #expect(answer.headers[.cacheControl] == "no-store, no-transform")
        #expect(answer.headers[.contentType]?.hasPrefix("application/problem+json") == true)
        #expect(upstream.requests().isEmpty)
    }

    @Test func `a query changes nothing, and is not passed on`() async throws {
        hasLogo()
        #expect(try await send(try table(), Self.path + "?url=http://evil.test/&fp_cot=cot_1").status == .ok)
        #expect(upstream.requests("logo").map(\.url) == ["https://logos.test/0123abcd.png"])
    }

    @Test(arguments: [404, 500, 302])
    func `where there is none, or none now, the answer is 404 that is not kept`(status: Int) async throws {
        upstream.on("logo", HTTPAnswer(status: status, contentType: "image/png", retryAfter: nil, body: Self.png))
        let answer = try await send(try table())
        #expect(answer.status == .notFound)
        #expect(answer.headers[.cacheControl] == "no-store, no-transform")
        #expect(answer.headers[.location] == nil)
    }

    @Test func `what is no picture is 404`() async throws {
        hasLogo(Array("<svg xmlns='http://www.w3.org/2000/svg'/>".utf8))
        #expect(try await send(try table()).status == .notFound)
    }

    @Test func `no script of another origin may read it`() async throws {
        hasLogo()
        let answer = try await send(try table(), fields: [.origin: "http://web.test"])
        #expect(answer.status == .ok)
        #expect(answer.headers[.accessControlAllowOrigin] == nil)
    }

    @Test func `logos hold none of the slots that users need, and are served when those are taken`() async throws {
        hasLogo()
        let table = try table(capacity: 0)
        #expect(try await send(table).status == .ok)
        #expect(try await send(table, "/v1/locations").status == .serviceUnavailable)
    }

    @Test func `an address that makes up digests is limited, whatever it claims, and others are not (I18)`()
        async throws
    {
        upstream.on("logo", HTTPAnswer(status: 404, contentType: nil, retryAfter: nil, body: []))
        let table = try table()
        let path = { @Sendable (number: Int) in "/connect/logos/\(1_000_000_000 + number).png" }
        try await Application(
            responder: InProcessRouter(table), configuration: .init(address: .hostname("127.0.0.1", port: 0))
        ).test(.live) { client in
            for number in 0..<130 {
                // The nearest hop counts; what is before it is the client's own word.
                let fields: HTTPFields = [Self.forwardedFor: "198.51.100.\(number), 192.0.2.1"]
                let answer = try await client.execute(uri: path(number), method: .get, headers: fields)
                #expect(answer.status == (number < 120 ? .notFound : .tooManyRequests))
                #expect((answer.headers[.retryAfter] == "1") == (number >= 120))
            }
            let other = try await client.execute(
                uri: path(1000), method: .get, headers: [Self.forwardedFor: "192.0.2.2"])
            #expect(other.status == .notFound)
        }
        #expect(upstream.requests("logo").count == 121)
    }
}
