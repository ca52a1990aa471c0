import Core
import Edge
import Flatpeak
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Keys
import Resilience
import Sessions
import TestSupport
import Testing

@testable import Gateway

/// Confirmations over the routes: what the owner needs, and what each attacker of a link hand-over gets.
@Suite struct ConfirmationRouteTests {
    let upstream = ScriptedUpstream()
    let store = InMemoryStore()
    let clock = TestClock()
    let service: ServiceFixture
    let table: RouteTable

    private static let json: HTTPFields = [.contentType: "application/json"]
    private static let returnURL = "https://app.test/done"
    /// The tab keys of the victim and of the attacker.
    private static let victim = "AAECAwQFBgcICQoLDA0ODw", attacker = "AQECAwQFBgcICQoLDA0ODw"

    init() throws {
        upstream.on("mint", .json(#"{"connect_token":"cot_a","expires_in":86400,"live_mode":true}"#))
        upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"CONNECTED"}}}"#))
        service = Self.service(upstream, store, clock, .required)
        table = service.table(edge: EdgeSettings(origins: ["https://app.test"]), now: { [clock] in clock.monotonic })
    }

    private static func service(
        _ upstream: ScriptedUpstream, _ store: InMemoryStore, _ clock: TestClock, _ rule: ConfirmationRule
    ) -> ServiceFixture {
        ServiceFixture(
            flatpeak: .scripted(upstream, clock: clock), store: store,
            settings: .test(returnURLs: [returnURL], confirmation: rule), now: { clock.wall }, time: clock.time)
    }

    private struct Answer {
        let status: Int
        let text: String
        let json: [String: Any]
        let headers: HTTPFields

        subscript(name: String) -> String? { json[name] as? String }
    }

    private func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: String? = nil, as user: String? = nil,
        _ fields: HTTPFields = [:], to table: RouteTable? = nil
    ) async throws -> Answer {
        var headers = fields
        if body != nil { headers[.contentType] = "application/json" }
        if let user, let name = HTTPField.Name("X-Dev-Subject") { headers[name] = user }
        let response = try await Application(responder: InProcessRouter(table ?? self.table)).test(.router) {
            [headers] client in
            try await client.execute(
                uri: path, method: method, headers: headers, body: body.map { ByteBuffer(string: $0) })
        }
        let text = String(buffer: response.body)
        let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        return Answer(status: response.status.code, text: text, json: object ?? [:], headers: response.headers)
    }

    private func mint(_ body: String = #"{"app":"page"}"#, as user: String = "mallory") async throws
        -> (id: String, ticket: String)
    {
        let minted = try await send(.post, "/v1/connect/sessions", body, as: user)
        try #require(minted.status == 201, "\(minted.text)")
        let ticket = try #require(minted["launch_url"]?.firstMatch(of: /#ticket=([^&]+)/)?.1)
        return (try #require(minted["id"]), String(ticket))
    }

    private func exchange(_ ticket: String, in tab: String) async throws -> Answer {
        try await send(.post, "/v1/connect/tickets", #"{"ticket":"\#(ticket)","tab":"\#(tab)"}"#)
    }

    private func end(in tab: String, token: String = "cot_a") async throws -> Answer {
        try await send(.post, "/v1/connect/callback", #"{"connect_token":"\#(token)","tab":"\#(tab)"}"#)
    }

    private func confirm(
        _ id: String, _ code: String, as user: String = "mallory", to table: RouteTable? = nil
    ) async throws -> Answer {
        try await send(.post, "/v1/connect/sessions/\(id)/confirm", #"{"code":"\#(code)"}"#, as: user, to: table)
    }

    /// What the minter can read: the session's state alone.
    private func readsNothing(_ id: String, as user: String = "mallory", evenInEvents: Bool = true) async throws {
        let session = try await send(.get, "/v1/connect/sessions/\(id)", as: user)
        #expect(session.status == 200)
        #expect(session.json["confirmed"] as? Bool == false)
        // A stream that waits for the confirmation has no end.
        let isOver = ["failed", "expired"].contains(session["state"])
        let stream = isOver ? try await send(.get, "/v1/connect/sessions/\(id)/events", as: user).text : ""
        for text in [session.text, stream] {
            for secret in ["loc_1", "location_id", "price_available"] { #expect(!text.contains(secret), "\(text)") }
        }
        for path in ["/v1/locations/loc_1/status", "/v1/tariffs/elements?location_id=loc_1"] {
            #expect(try await send(.get, path, as: user).status == 404, "\(path)")
        }
        #expect(try await !send(.get, "/v1/locations", as: user).text.contains("loc_1"))
        guard evenInEvents else { return }
        let published = try await store.events(limit: 99).map { String(decoding: $0.event.event.data, as: UTF8.self) }
        for text in published {
            for secret in ["loc_1", "price_available"] { #expect(!text.contains(secret), "\(text)") }
        }
    }

    // MARK: - The owner

    @Test func `the owner redeems the code of their own tab, and reads`() async throws {
        let (id, ticket) = try await mint(as: "alice")
        let exchanged = try await exchange(ticket, in: Self.victim)
        #expect(exchanged.json["needs_confirmation"] as? Bool == true)
        let ended = try await end(in: Self.victim)
        #expect(ended.status == 200)
        #expect(ended["status"] == "connected")
        let code = try #require(ended["code"])
        #expect(code.utf8.count == 22)
        #expect(ended["return_url"] == "\(Self.returnURL)?session=\(id)&status=connected&code=\(code)")
        #expect(ended.headers[.cacheControl]?.contains("no-store") == true)
        let before = try await send(.get, "/v1/connect/sessions/\(id)", as: "alice")
        #expect(before["state"] == "connected")
        #expect(before.json["confirmed"] as? Bool == false)

        let confirmed = try await confirm(id, code, as: "alice")
        #expect(confirmed.status == 200, "\(confirmed.text)")
        #expect(confirmed.json["confirmed"] as? Bool == true)
        #expect(confirmed["location_id"] == "loc_1")
        #expect(try await send(.get, "/v1/locations/loc_1/status", as: "alice").status == 200)
        #expect(try await store.events(limit: 9).map(\.event.event.type) == ["session.connected"])
        // A lost answer locks nobody out.
        #expect(try await confirm(id, code, as: "alice").status == 200)
        let after = try await end(in: Self.victim)
        #expect(after["code"] == nil)
        #expect(after["return_url"] == "\(Self.returnURL)?session=\(id)&status=connected")
    }

    @Test func `each refusal has its status and its code`() async throws {
        let (id, ticket) = try await mint(as: "alice")
        _ = try await exchange(ticket, in: Self.victim)
        var codes: [String] = []
        for _ in 1...6 { codes.append(try #require(try await end(in: Self.victim)["code"])) }
        #expect(Set(codes).count == 6)
        let path = "/v1/connect/sessions/\(id)/confirm"
        let bodies: [(String, Int, String)] = [
            ("{}", 422, "field_invalid"), (#"{"code":7}"#, 422, "field_invalid"),
            (#"{"code":"x","y":1}"#, 422, "field_unknown"), ("{", 400, "json_malformed"),
            (#"{"code":""}"#, 404, "confirmation_code_unknown"),
            (#"{"code":"AAAAAAAAAAAAAAAAAAAAAA"}"#, 404, "confirmation_code_unknown"),
            (#"{"code":"\#(codes[0])"}"#, 404, "confirmation_code_unknown"),
        ]
        for (body, status, code) in bodies {
            let answer = try await send(.post, path, body, as: "alice")
            #expect(answer.status == status, "\(body)")
            #expect(answer["code"] == code, "\(body)")
        }
        for user in ["mallory", "alicE"] {
            #expect(try await confirm(id, codes[5], as: user)["code"] == "not_found")
        }
        #expect(try await confirm("cs_none", codes[5], as: "alice").status == 404)
        store.isAway = true
        let away = try await confirm(id, codes[5], as: "alice")
        #expect(away.status == 503)
        #expect(away.headers[.retryAfter] == "1")
        #expect(try await end(in: Self.victim).status == 503)
        store.isAway = false
        clock.advance(by: 600)
        let late = try await confirm(id, codes[5], as: "alice")
        #expect(late.status == 410)
        #expect(late["code"] == "confirmation_code_expired")
        let fresh = try #require(try await end(in: Self.victim)["code"])
        #expect(try await confirm(id, fresh, as: "alice").status == 200)
        let sibling = try await confirm(id, codes[5], as: "alice")
        #expect(sibling.status == 409)
        #expect(sibling["code"] == "confirmation_code_used")
    }

    @Test func `without a confirmation a session lapses with its token`() async throws {
        let (id, ticket) = try await mint(as: "alice")
        _ = try await exchange(ticket, in: Self.victim)
        let code = try #require(try await end(in: Self.victim)["code"])
        clock.advance(by: 86400)
        #expect(try await confirm(id, code, as: "alice")["code"] == "confirmation_code_expired")
        #expect(try await end(in: Self.victim)["code"] == nil)
        #expect(try await send(.get, "/v1/connect/sessions/\(id)", as: "alice")["state"] == "expired")
        try await readsNothing(id, as: "alice")
    }

    // MARK: - Attackers

    @Test func `who mints and sends the unopened link reads nothing`() async throws {
        let (id, ticket) = try await mint()
        _ = try await exchange(ticket, in: Self.victim)
        let ended = try await end(in: Self.victim)
        // The code is in the victim's browser, where another subject is signed in, or nobody.
        let code = try #require(ended["code"])
        #expect(try await confirm(id, code, as: "victim").status == 404)
        #expect(try await exchange(ticket, in: Self.attacker).status == 409)
        try await readsNothing(id)
        // The callback without a proof, which Flatpeak's redirect is.
        let redirect = try await send(.get, "/v1/connect/callback?fp_cot=cot_a")
        #expect(redirect.headers[.location] == "\(Self.returnURL)?session=\(id)&status=connected")
        let asked = try await send(.get, "/v1/connect/callback?fp_cot=cot_a", as: nil, [.accept: "application/json"])
        #expect(Set(asked.json.keys) == ["session", "status"])
        try await readsNothing(id)
    }

    @Test func `who opens the link first and sends it, or a ticket for it, gives the session away to no other`()
        async throws
    {
        let (id, ticket) = try await mint()
        _ = try await exchange(ticket, in: Self.attacker)
        #expect(try await exchange(ticket, in: Self.victim)["code"] == "ticket_used")
        let handedOver = try await send(.post, "/v1/connect/tickets", #"{"connect_token":"cot_a"}"#)
        #expect(handedOver.status == 409)
        #expect(handedOver["code"] == "ticket_used")
        #expect(handedOver["ticket"] == nil)
        // Who has the token makes such a ticket without asking.
        let sessionID = try #require(SessionID(id))
        let session = try #require(try await store.session(sessionID))
        let forged = Ticket(for: session, after: SessionHolder(tabKey: Self.attacker))
        #expect(try await exchange(forged.exposed, in: Self.victim)["code"] == "ticket_used")
        #expect(try await exchange(ticket, in: Self.attacker).status == 200, "its document asks again")
        // The victim's tab ends nothing that is confirmed.
        #expect(try await end(in: Self.victim)["code"] == nil)
        try await readsNothing(id)
    }

    @Test func `who ends the session before it has a result gets no code`() async throws {
        upstream.on("claim", .json(#"{"message":"processing"}"#, status: 422))
        let (id, ticket) = try await mint()
        _ = try await exchange(ticket, in: Self.attacker)
        let early = try await end(in: Self.attacker)
        #expect(early.status == 200)
        #expect(early["code"] == nil)
        try await readsNothing(id)
        upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
        clock.advance(by: 60)
        #expect(try await end(in: Self.attacker)["code"] != nil)
        try await readsNothing(id)
    }

    @Test(arguments: [false, true])
    func `who forwards a provider's login loses the session when it comes back`(isConfirmedFirst: Bool) async throws {
        let (id, ticket) = try await mint()
        _ = try await exchange(ticket, in: Self.attacker)
        let code = try #require(try await end(in: Self.attacker)["code"])
        if isConfirmedFirst { #expect(try await confirm(id, code).status == 200) }
        let arrival = #"{"connect_token":"cot_a","tab":"\#(Self.victim)"}"#
        let arrived = try await send(.post, "/v1/connect/tickets", arrival)
        #expect(arrived.status == 200)
        #expect(arrived.json["is_held"] as? Bool == false)
        try await readsNothing(id, evenInEvents: !isConfirmedFirst)
        let session = try await send(.get, "/v1/connect/sessions/\(id)", as: "mallory")
        #expect(session["state"] == "failed")
        #expect(session["reason"] == "foreign_tab")
        #expect(try await confirm(id, code)["code"] == "session_foreign")
        #expect(try await end(in: Self.attacker)["code"] == nil)
        // Nor can its holder go on with it.
        await #expect(throws: BFFError.connectTokenUsed) {
            try await service.sessions.relay.admit(try #require(ConnectToken("cot_a")))
        }
    }

    @Test func `a token that comes back in its own tab spoils nothing, and a stranger without it can do nothing`()
        async throws
    {
        let (id, ticket) = try await mint(as: "alice")
        _ = try await exchange(ticket, in: Self.victim)
        let own = try await send(
            .post, "/v1/connect/tickets", #"{"connect_token":"cot_a","tab":"\#(Self.victim)"}"#)
        #expect(own.json["is_held"] as? Bool == true)
        for token in ["cot_b", "cot_A", id] {
            let stranger = try await send(
                .post, "/v1/connect/tickets", #"{"connect_token":"\#(token)","tab":"\#(Self.attacker)"}"#)
            #expect(stranger.json["is_held"] as? Bool == false)
        }
        let code = try #require(try await end(in: Self.victim)["code"])
        #expect(try await confirm(id, code, as: "alice").status == 200)
    }

    @Test func `who replays the callback gets no code`() async throws {
        let (id, ticket) = try await mint()
        _ = try await exchange(ticket, in: Self.victim)
        _ = try await end(in: Self.victim)
        for tab in [Self.attacker, "AAAAAAAAAAAAAAAAAAAAAA"] {
            let replayed = try await end(in: tab)
            #expect(replayed.status == 200)
            #expect(replayed["code"] == nil)
            #expect(replayed["return_url"]?.contains("code") == false)
        }
        let bodies = [
            (#"{"connect_token":"cot_a"}"#, 422), (#"{"connect_token":"cot_a","tab":"x"}"#, 422),
            (#"{"tab":"\#(Self.victim)"}"#, 400), (#"{"connect_token":"cot_none","tab":"\#(Self.victim)"}"#, 404),
        ]
        for (body, status) in bodies {
            #expect(try await send(.post, "/v1/connect/callback", body).status == status, "\(body)")
        }
        try await readsNothing(id)
    }

    @Test func `who guesses codes is stopped after ten, and the others are not`() async throws {
        let (id, ticket) = try await mint()
        _ = try await exchange(ticket, in: Self.victim)
        _ = try await end(in: Self.victim)
        for number in 1...12 {
            let guess = [UInt8](repeating: UInt8(number), count: 16).base64URL
            let answer = try await confirm(id, guess)
            #expect(answer.status == (number <= 10 ? 404 : 429), "\(number)")
            if number > 10 { #expect(answer.headers[.retryAfter] != nil) }
        }
        try await readsNothing(id)
        upstream.on("mint", .json(#"{"connect_token":"cot_b","expires_in":86400,"live_mode":true}"#))
        let (other, next) = try await mint(as: "alice")
        _ = try await exchange(next, in: Self.victim)
        let code = try #require(try await end(in: Self.victim, token: "cot_b")["code"])
        #expect(try await confirm(other, code, as: "alice").status == 200)
    }

    @Test func `no script of another origin may ask for a code`() async throws {
        let preflight = try await send(
            .options, "/v1/connect/callback", as: nil,
            [.origin: "https://app.test", .accessControlRequestMethod: "POST"])
        #expect(!preflight.headers.contains { $0.name.canonicalName.hasPrefix("access-control") })
        let (_, ticket) = try await mint()
        _ = try await exchange(ticket, in: Self.victim)
        var fields = Self.json
        fields[.contentType] = "text/plain"
        let response = try await Application(responder: InProcessRouter(table)).test(.router) { [fields] client in
            try await client.execute(
                uri: "/v1/connect/callback", method: .post, headers: fields,
                body: ByteBuffer(string: #"{"connect_token":"cot_a","tab":"\#(Self.victim)"}"#))
        }
        #expect(response.status == .unsupportedMediaType)
    }

    // MARK: - Existing locations

    @Test func `a location that an unconfirmed edit changed answers confirmation_required until a later one`()
        async throws
    {
        let location = try #require(LocationID("loc_1")), mallory = try #require(Subject("mallory"))
        store.bind(location, to: mallory)
        #expect(try await send(.get, "/v1/locations/loc_1/status", as: "mallory").status == 200)
        let (first, ticket) = try await mint(#"{"app":"page","location_id":"loc_1","action":"edit"}"#)
        _ = try await exchange(ticket, in: Self.victim)
        #expect(try await send(.get, "/v1/locations/loc_1/status", as: "mallory").status == 200, "nothing changed yet")
        var facts = SessionFacts()
        facts.answeredAt = clock.wall
        facts.settledAt = clock.wall
        let firstID = try #require(SessionID(first))
        var written = try #require(try await store.session(firstID))
        written.facts.merge(facts)
        _ = try await store.save([SessionWrite(written, isNew: false)], at: clock.wall)

        let now = "2026-01-01T00:00:00Z"
        for path in [
            "/v1/locations/loc_1/status", "/v1/tariffs/elements?location_id=loc_1",
            "/v1/locations/loc_1/prices?end_time=\(now)",
        ] {
            let answer = try await send(.get, path, as: "mallory")
            #expect(answer.status == 409, "\(path)")
            #expect(answer["code"] == "confirmation_required", "\(path)")
        }
        let list = try await send(.get, "/v1/locations", as: "mallory").text
        #expect(list.contains(#""confirmation_required":true"#))
        #expect(try await send(.get, "/v1/locations/loc_1/status", as: "alice").status == 404)
        // Only what replaces or removes the tariff can be begun there: Connect shows nothing of it.
        upstream.on("mint", .json(#"{"connect_token":"cot_b","expires_in":86400,"live_mode":true}"#))
        for (action, status) in [("", 409), (#","action":"edit""#, 201), (#","action":"disconnect""#, 201)] {
            let body = #"{"app":"page","location_id":"loc_1"\#(action)}"#
            let minted = try await send(.post, "/v1/connect/sessions", body, as: "mallory")
            #expect(minted.status == status, "\(action)")
        }
        // The victim's tab ends; the code is not the minter's.
        let code = try #require(try await end(in: Self.victim)["code"])
        #expect(try await confirm(first, code, as: "victim").status == 404)
        #expect(try await send(.get, "/v1/locations/loc_1/status", as: "mallory").status == 409)
        // With it the minter would read.
        #expect(try await confirm(first, code).status == 200)
        #expect(try await send(.get, "/v1/locations/loc_1/status", as: "mallory").status == 200)
    }

    @Test func `a location whose edit came back in another tab stays held, and each completion holds it again`()
        async throws
    {
        let location = try #require(LocationID("loc_1")), mallory = try #require(Subject("mallory"))
        store.bind(location, to: mallory)
        let (id, ticket) = try await mint(#"{"app":"page","location_id":"loc_1","action":"edit"}"#)
        _ = try await exchange(ticket, in: Self.attacker)
        let code = try #require(try await end(in: Self.attacker)["code"])
        #expect(try await confirm(id, code).status == 200)
        #expect(try await send(.get, "/v1/locations/loc_1/status", as: "mallory").status == 200)
        _ = try await send(
            .post, "/v1/connect/tickets", #"{"connect_token":"cot_a","tab":"\#(Self.victim)"}"#)
        let held = try await send(.get, "/v1/locations/loc_1/status", as: "mallory")
        #expect(held["code"] == "confirmation_required")
        clock.advance(by: 60)
        let token = try #require(ConnectToken("cot_a")), sessionID = try #require(SessionID(id))
        _ = try await service.sessions.outcomes.handleCompletion(of: token)
        #expect(try await store.session(sessionID)?.changedAt == clock.wall)
    }

    // MARK: - Who needs none

    @Test func `a service key may vouch for a customer where that is allowed, and nobody else may`() async throws {
        let made = ServiceKeys.make(named: "backend", randomBytes: countingBytes())
        let authenticator = AnyOf([ServiceKeyAuthenticator(try ServiceKeys(made.line))])
        for rule in [ConfirmationRule.off, .required, .optional] {
            let service = Self.service(upstream, InMemoryStore(), clock, rule)
            let byKey = service.table(authenticator: authenticator)
            let fields: HTTPFields = [.authorization: "Bearer \(made.key)"]
            var named = fields
            named[try #require(HTTPField.Name("Connect-Subject"))] = "alice"
            for (confirm, isAccepted) in [("false", rule == .optional), ("true", false)] {
                let body = #"{"app":"page","confirm":\#(confirm)}"#
                let minted = try await send(.post, "/v1/connect/sessions", body, as: nil, named, to: byKey)
                #expect(minted.status == (isAccepted ? 201 : 422), "\(rule) \(confirm)")
                let byUser = try await send(.post, "/v1/connect/sessions", body, as: "alice", to: service.table())
                #expect(byUser.status == 422, "\(rule) \(confirm)")
                guard isAccepted else { continue }
                let session = try await send(
                    .get, "/v1/connect/sessions/\(try #require(minted["id"]))", as: nil, named, to: byKey)
                #expect(session.json["confirmed"] == nil)
            }
        }
    }

    @Test func `sessions of other apps, and those of before, follow the old rule`() async throws {
        let minted = try await send(.post, "/v1/connect/sessions", #"{"app":"web"}"#, as: "alice")
        let id = try #require(minted["id"])
        #expect(minted["connect_token"] == "cot_a")
        _ = try await send(.get, "/v1/connect/callback?fp_cot=cot_a")
        let session = try await send(.get, "/v1/connect/sessions/\(id)", as: "alice")
        #expect(session.json["confirmed"] == nil)
        #expect(session["location_id"] == "loc_1")
        #expect(try await send(.get, "/v1/locations/loc_1/status", as: "alice").status == 200)
        #expect(try await end(in: Self.victim)["code"] == nil)
        #expect(try await confirm(id, "AAAAAAAAAAAAAAAAAAAAAA", as: "alice")["code"] == "confirmation_code_unknown")
    }
}
