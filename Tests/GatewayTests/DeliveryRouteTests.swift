import Core
import Edge
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Relay
import Resilience
import TestSupport
import Testing

@testable import Gateway

/// The route of Flatpeak's deliveries, without sockets.
@Suite(.serialized) struct DeliveryRouteTests {
    let clock = TestClock()
    let store = InMemoryStore()
    let signer: OpenSSLSigner
    static let path = "/v1/webhooks/flatpeak"
    static let forwardedFor = HTTPField.Name("X-Forwarded-For")!

    init() throws {
        signer = try OpenSSLSigner()
    }

    /// - Parameter capacity: Slots for users' requests.
    private func table(capacity: Int = 256, addressLimit: RateLimit? = nil) throws -> RouteTable {
        let keys = Array(#"{"keys":[\#(try signer.jwk("wsk_test_1"))]}"#.utf8)
        let service = ServiceFixture(
            flatpeak: .scripted(ScriptedUpstream(), clock: clock), store: store, keySet: { keys },
            now: { [clock] in clock.wall }, webhookTime: clock.time)
        var edge = EdgeSettings(
            origins: ["http://web.test"], trustedProxies: TrustedProxies([try #require(AddressRange("127.0.0.1"))]),
            rateLimits: .init(address: addressLimit))
        edge.capacity.router = capacity
        return service.table(edge: edge, now: { [clock] in clock.monotonic })
    }

    private func signed(_ body: String) throws -> HTTPFields {
        let timestamp = String(Int(clock.wall.timeIntervalSince1970))
        let signature = try signer.sign(Array("\(timestamp).\(body)".utf8))
        return [
            .contentType: "application/json", HTTPField.Name("Flatpeak-Signature")!: "v1=" + base64URL(signature),
            HTTPField.Name("Flatpeak-Timestamp")!: timestamp, HTTPField.Name("Flatpeak-Key-ID")!: "wsk_test_1",
        ]
    }

    private func send(
        _ table: RouteTable, method: HTTPRequest.Method = .post, _ fields: HTTPFields, _ body: String = "{}",
        path: String = path
    ) async throws -> TestResponse {
        try await Application(
            responder: InProcessRouter(table), configuration: .init(address: .hostname("127.0.0.1", port: 0))
        )
        .test(.live) {
            client in
            try await client.execute(uri: path, method: method, headers: fields, body: ByteBuffer(string: body))
        }
    }

    @Test("POST and JSON alone, of 256 KiB; no cookies, no CORS (S47)")
    func S47() async throws {
        defer { signer.remove() }
        let table = try table()
        let event = #"{"id":"evt_1","type":"a.b","data":{}}"#
        let fields = try signed(event)
        let taken = try await send(table, fields, event)
        #expect(taken.status == .noContent)
        #expect(taken.body.readableBytes == 0)
        #expect(try await store.waiting().count == 1)

        for method in [HTTPRequest.Method.get, .put, .delete, .patch] {
            var asked = fields
            asked[.origin] = "http://web.test"
            let response = try await send(table, method: method, asked, event)
            #expect(response.status == .methodNotAllowed, "\(method)")
            #expect(response.headers[.allow] == "OPTIONS, POST", "\(method)")
            #expect(!response.headers.contains { $0.name.canonicalName.hasPrefix("access-control") })
        }
        for type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", nil] {
            var other = fields
            other[.contentType] = type
            #expect(try await send(table, other, event).status == .unsupportedMediaType)
        }
        let longest = #"{"id":"evt_2","a":"\#(String(repeating: "x", count: 256 << 10))"}"#
        #expect(try await send(table, try signed(longest), longest).status == .contentTooLarge)
        let long = #"{"id":"evt_2","a":"\#(String(repeating: "x", count: 255 << 10))"}"#
        #expect(try await send(table, try signed(long), long).status == .noContent)

        var decorated = fields
        decorated[.cookie] = "session=1"
        decorated[.origin] = "http://evil.test"
        decorated[.secFetchSite] = "cross-site"
        decorated[.authorization] = "Bearer x"
        let response = try await send(table, decorated, event)
        #expect(response.status == .noContent, "what a browser adds decides nothing; the signature does")
        #expect(response.headers[.setCookie] == nil)
        #expect(response.headers[.accessControlAllowOrigin] == nil)
        var unsigned = fields
        unsigned[HTTPField.Name("Flatpeak-Signature")!] = nil
        #expect(try await send(table, unsigned, event).status == .unauthorized)
        var doubled = fields
        doubled.append(HTTPField(name: HTTPField.Name("Flatpeak-Signature")!, value: "none"))
        #expect(try await send(table, doubled, event).status == .unauthorized)
    }

    @Test("it has slots of its own: users who fill theirs do not shut Flatpeak out (S47)")
    func S47places() async throws {
        defer { signer.remove() }
        let table = try table(capacity: 0)
        let users = try await send(table, method: .get, [:], path: "/v1/locations")
        #expect(users.status == .serviceUnavailable)
        #expect(try await send(table, try signed("{}")).status == .noContent)
    }

    @Test("an address that forges is refused before its body is read; others, and users, are not (S47)")
    func S47flood() async throws {
        defer { signer.remove() }
        let table = try table(addressLimit: RateLimit(count: 5, period: .seconds(60)))
        var forged = try signed("{}")
        forged[HTTPField.Name("Flatpeak-Signature")!] = "v1=AAAA"
        forged[Self.forwardedFor] = "192.0.2.1"
        for _ in 0..<60 { #expect(try await send(table, forged).status == .unauthorized) }
        let refused = try await send(table, forged)
        #expect(refused.status == .tooManyRequests)
        #expect(refused.headers[.retryAfter] == "1")
        var good = try signed("{}")
        good[Self.forwardedFor] = "192.0.2.1"
        #expect(try await send(table, good).status == .tooManyRequests)
        good[Self.forwardedFor] = "192.0.2.2"
        // More often than any address may call: deliveries are not counted there.
        for _ in 0..<20 { #expect(try await send(table, good).status == .noContent) }
        let user: HTTPFields = [Self.forwardedFor: "192.0.2.1"]
        #expect(try await send(table, method: .get, user, path: "/v1/locations").status == .ok)
        clock.advance(by: 60)
        good = try signed("{}")
        good[Self.forwardedFor] = "192.0.2.1"
        #expect(try await send(table, good).status == .noContent)
    }
}
