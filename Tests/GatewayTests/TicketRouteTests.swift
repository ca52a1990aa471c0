import Core
import Edge
import Flatpeak
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Resilience
import Sessions
import TestSupport
import Testing

@testable import Gateway

/// Mints for the hosted page, and the route on which it exchanges tickets, without sockets.
@Suite struct TicketRouteTests {
    let upstream = ScriptedUpstream()
    let store = InMemoryStore()
    let clock = TestClock()
    let service: ServiceFixture
    let table: RouteTable

    private static let path = "/v1/connect/tickets"
    private static let json: HTTPFields = [.contentType: "application/json"]
    private static let origin = "http://web.test"
    private static let tabs = ["AAECAwQFBgcICQoLDA0ODw", "AQECAwQFBgcICQoLDA0ODw"]

    init() throws {
        upstream.on("mint", .json(#"{"connect_token":"cot_a","expires_in":86400,"live_mode":true}"#))
        service = ServiceFixture(
            flatpeak: .scripted(upstream, clock: clock), store: store, now: { [clock] in clock.wall }, time: clock.time)
        table = service.table(edge: EdgeSettings(origins: [Self.origin]))
    }

    private func send(
        _ method: HTTPRequest.Method, _ path: String, _ fields: HTTPFields = json, _ body: String? = nil,
        to table: RouteTable? = nil
    ) async throws -> TestResponse {
        try await Application(responder: InProcessRouter(table ?? self.table)).test(.router) { client in
            try await client.execute(
                uri: path, method: method, headers: fields, body: body.map { ByteBuffer(string: $0) })
        }
    }

    private func object(_ response: TestResponse) throws -> [String: Any] {
        try #require(
            try JSONSerialization.jsonObject(with: Data(response.body.readableBytesView)) as? [String: Any])
    }

    private func mint(_ body: String = #"{"app":"page"}"#) async throws -> (id: String, ticket: String) {
        let minted = try object(try await send(.post, "/v1/connect/sessions", Self.json, body))
        let launch = try #require(minted["launch_url"] as? String)
        let ticket = try #require(launch.firstMatch(of: /#ticket=([^&]+)/)?.1)
        return (try #require(minted["id"] as? String), String(ticket))
    }

    private func exchange(_ ticket: String, tab: Int = 0) async throws -> TestResponse {
        try await send(.post, Self.path, Self.json, #"{"ticket":"\#(ticket)","tab":"\#(Self.tabs[tab])"}"#)
    }

    @Test func `a mint for the hosted page has no token; its ticket gives it to one document`() async throws {
        let body = #"{"app":"page","language":"de","options":{"shell":true}}"#
        let minted = try await send(.post, "/v1/connect/sessions", Self.json, body)
        #expect(minted.status == .created)
        #expect(!String(buffer: minted.body).contains("cot_"))
        let session = try object(minted)
        #expect(Set(session.keys) == ["id", "object", "state", "launch_url", "expires_at", "live_mode"])
        let launch = try #require(session["launch_url"] as? String), id = try #require(session["id"] as? String)
        let ticket = try #require(
            launch.wholeMatch(of: /http:\/\/bff\.test\/connect\?lang=de#ticket=([^&]+)&shell=1/)?.1)

        for _ in 1...2 {
            let exchanged = try await exchange(String(ticket))
            #expect(exchanged.status == .ok)
            #expect(exchanged.headers[.cacheControl]?.contains("no-store") == true)
            let answer = try object(exchanged)
            #expect(Set(answer.keys) == ["object", "connect_token", "session", "expires_at", "live_mode"])
            #expect(answer["object"] as? String == "connect_ticket")
            #expect(answer["connect_token"] as? String == "cot_a")
            #expect(answer["session"] as? String == id)
            #expect(answer["expires_at"] as? String == session["expires_at"] as? String)
            #expect(answer["live_mode"] as? Bool == true)
        }
        let handedOver = try await send(.post, Self.path, Self.json, #"{"connect_token":"cot_a"}"#)
        #expect(handedOver.status == .ok)
        let issued = try object(handedOver)
        #expect(Set(issued.keys) == ["object", "ticket"])
        #expect(issued["object"] as? String == "connect_ticket")
        let next = try await exchange(try #require(issued["ticket"] as? String), tab: 1)
        #expect(try object(next)["connect_token"] as? String == "cot_a")
    }

    @Test func `each refusal has its status, its code and the form of a problem`() async throws {
        let (id, ticket) = try await mint()
        _ = try await exchange(ticket)
        let forged = "\(id).AAAAAAAAAAAAAAAAAAAAAA", tab = Self.tabs[0]
        let cases: [(String, Int, String)] = [
            (#"{"ticket":"\#(forged)","tab":"\#(Self.tabs[1])"}"#, 404, "ticket_unknown"),
            (#"{"ticket":"cs_none.AAAAAAAAAAAAAAAAAAAAAA","tab":"\#(tab)"}"#, 404, "ticket_unknown"),
            (#"{"ticket":"","tab":"\#(tab)"}"#, 404, "ticket_unknown"),
            (#"{"connect_token":"cot_none"}"#, 404, "ticket_unknown"),
            (#"{"ticket":"\#(ticket)","tab":"\#(Self.tabs[1])"}"#, 409, "ticket_used"),
            (#"{"ticket":"\#(ticket)"}"#, 422, "field_invalid"), ("{}", 422, "field_invalid"),
            (#"{"ticket":"\#(ticket)","tab":"\#(tab)","x":1}"#, 422, "field_unknown"),
            ("{", 400, "json_malformed"), ("null", 400, "json_malformed"),
            (#"{"ticket":"\#(String(repeating: "x", count: 4096))"}"#, 413, "body_too_large"),
        ]
        for (body, status, code) in cases {
            let response = try await send(.post, Self.path, Self.json, body)
            #expect(response.status.code == status, "\(body.prefix(80))")
            #expect(try object(response)["code"] as? String == code, "\(body.prefix(80))")
            #expect(response.headers[.contentType]?.hasPrefix("application/problem+json") == true)
            #expect(!String(buffer: response.body).contains("cot_a"))
        }
        let untyped = try await send(.post, Self.path, [:], "{}")
        #expect(untyped.status == .unsupportedMediaType)
        #expect(try await send(.get, Self.path).status == .methodNotAllowed)

        store.isAway = true
        let away = try await exchange(ticket)
        #expect(away.status == .serviceUnavailable)
        #expect(try object(away)["code"] as? String == "store_unavailable")
        #expect(away.headers[.retryAfter] == "1")
        store.isAway = false
        clock.advance(by: 86400)
        let late = try await exchange(ticket)
        #expect(late.status.code == 410)
        #expect(try object(late)["code"] as? String == "ticket_expired")
    }

    @Test func `no script of another origin may call it, whether the origin is listed or not`() async throws {
        let (_, ticket) = try await mint()
        for origin in [Self.origin, "https://evil.test"] {
            let preflight = try await send(
                .options, Self.path,
                [
                    .origin: origin, .accessControlRequestMethod: "POST",
                    .accessControlRequestHeaders: "content-type",
                ])
            #expect(!preflight.headers.contains { $0.name.canonicalName.hasPrefix("access-control") }, "\(origin)")
            // What needs no preflight is refused.
            for type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
                let body = #"{"ticket":"\#(ticket)","tab":"\#(Self.tabs[1])"}"#
                let simple = try await send(.post, Self.path, [.origin: origin, .contentType: type], body)
                #expect(simple.status == .unsupportedMediaType, "\(origin)")
            }
        }
        let exchanged = try await exchange(ticket)
        #expect(exchanged.status == .ok, "none of these took it")
        #expect(!exchanged.headers.contains { $0.name.canonicalName.hasPrefix("access-control") })
    }

    @Test func `there is no such route where the page is off`() async throws {
        let off = ServiceFixture(
            flatpeak: .scripted(upstream), store: store,
            settings: SessionSettings(
                callbackURL: "http://bff.test/v1/connect/callback",
                apps: [.init(name: "web", url: Self.origin)], returnURLs: []))
        let table = off.table(page: nil)
        #expect(!table.routes.contains { [Self.path, "/connect", "/connect.js"].contains($0.template) })
        let response = try await send(.post, Self.path, Self.json, "{}", to: table)
        #expect(response.status == .notFound)
        #expect(try object(response)["code"] as? String == "not_found")
        let mint = try await send(.post, "/v1/connect/sessions", Self.json, #"{"app":"page"}"#, to: table)
        #expect(mint.status == .unprocessableContent)
        #expect(try object(mint)["detail"] as? String == "app is not one of the allowed values.")
    }

    @Test func `attempts count against the client's address`() async throws {
        let limited = service.table(
            edge: EdgeSettings(rateLimits: .init(address: RateLimit(count: 3, period: .seconds(60)))),
            now: { [clock] in clock.monotonic })
        try await Application(
            responder: InProcessRouter(limited), configuration: .init(address: .hostname("127.0.0.1", port: 0))
        ).test(.live) { client in
            var statuses: [Int] = []
            for _ in 1...5 {
                let body = #"{"ticket":"cs_1.AAAAAAAAAAAAAAAAAAAAAA","tab":"\#(Self.tabs[0])"}"#
                let response = try await client.execute(
                    uri: Self.path, method: .post, headers: Self.json, body: ByteBuffer(string: body))
                statuses.append(response.status.code)
            }
            #expect(statuses == [404, 404, 404, 429, 429])
        }
    }
}
