import Foundation
import Synchronization
import Testing

@testable import ConnectClient

/// Answers calls from a script, and notes them.
private final class Script: Transport {
    struct Sent: Equatable {
        let method: String
        let path: String
        let bearer: String
        let key: String?
        let lastEventID: String?
        let app: ConnectClient.JSONValue?
    }
    enum Step {
        case answer(Int, String, headers: [String: String] = [:])
        /// The body breaks off.
        case torn(String)
        case offline
    }

    private let steps: Mutex<[Step]>
    private let log = Mutex<[Sent]>([])
    let pauses = Mutex<[TimeInterval]>([])

    init(_ steps: [Step]) { self.steps = Mutex(steps) }

    var sent: [Sent] { log.withLock(\.self) }

    func send(_ call: Call, bearer: String) async throws -> (AnswerHead, AsyncThrowingStream<Data, any Error>) {
        let request = call.body.flatMap { try? JSONDecoder().decode(ConnectClient.JSONObject.self, from: $0) }
        log.withLock {
            $0.append(
                Sent(
                    method: call.method, path: call.path, bearer: bearer, key: call.headers["Idempotency-Key"],
                    lastEventID: call.headers["Last-Event-ID"],
                    app: request?["app"]))
        }
        let usual = ["content-type": call.headers["Accept"] ?? "application/json"]
        let (body, end) = AsyncThrowingStream<Data, any Error>.makeStream()
        switch steps.withLock({ $0.isEmpty ? .offline : $0.removeFirst() }) {
        case .offline: throw ConnectError(.networkError)
        case .answer(let status, let text, let headers):
            end.yield(Data(text.utf8))
            end.finish()
            return (AnswerHead(status: status, headers: usual.merging(headers) { $1 }), body)
        case .torn(let text):
            end.yield(Data(text.utf8))
            end.finish(throwing: ConnectError(.networkError))
            return (AnswerHead(status: 200, headers: usual), body)
        }
    }

    /// A client whose pauses are noted; deadlines do not pass.
    func client(
        joined: Signal? = nil, _ token: @escaping ConnectClient.Token = { _ in "b" }
    ) -> ConnectClient {
        ConnectClient(
            Service(
                transport: self, token: token,
                sleep: { seconds in
                    guard seconds < Service.deadline else {
                        // Until the call has its answer, which cancels this.
                        for await _ in AsyncStream<Void>.makeStream().stream {}
                        throw CancellationError()
                    }
                    self.pauses.withLock { $0.append(seconds) }
                }, jitter: { 1 }), joined: { joined?.send() })
    }
}

/// Something that a test waits for.
private struct Signal: Sendable {
    private let events = AsyncStream<Void>.makeStream()

    func send() { events.continuation.yield() }

    /// Waits until it was sent `count` times more.
    func wait(_ count: Int = 1) async {
        var iterator = events.stream.makeAsyncIterator()
        for _ in 0..<count { await iterator.next() }
    }
}

/// The customer, who comes back when the test says so.
private struct Customer: ConnectPresenter {
    let isWebView = false
    let come: @Sendable (URL) async throws -> ConnectResult?

    func present(_ page: URL) async throws -> ConnectResult? { try await come(page) }
}

@Suite(.timeLimit(.minutes(1))) struct ClientTests {
    private static let minted = #"""
        {"id":"cs_1","object":"connect_session","state":"created","launch_url":"https://a.example/connect#ticket=t",
        "expires_at":"2026-11-24T02:44:06Z","live_mode":false}
        """#

    private static func session(_ state: String, ended: Bool = true) -> String {
        #"{"id":"cs_1","object":"connect_session","state":"\#(state)","direction":"IMPORT","type":"COMMODITY","#
            + #""created_at":"2026-11-23T02:44:06Z","expires_at":"2026-11-24T02:44:06Z","live_mode":false"#
            + (ended ? #","ended_at":"2026-11-23T02:51:37Z"}"# : "}")
    }

    private static func event(_ id: String, _ state: String, ended: Bool = true) -> String {
        "id: \(id)\nevent: session\ndata: \(session(state, ended: ended))\n\n"
    }

    @Test func `asks for another bearer once after a 401`() async throws {
        let script = Script([
            .answer(401, #"{"code":"unauthenticated"}"#), .answer(200, #"{"data":[]}"#),
            .answer(401, #"{"code":"unauthenticated"}"#), .answer(401, #"{"code":"unauthenticated"}"#),
        ])
        let client = script.client { refused in refused.map { "after-\($0)" } ?? "first" }
        #expect(try await client.locations().data.isEmpty)
        let error = await #expect(throws: ConnectError.self) { try await client.locations() }
        #expect(error?.code == .unauthenticated)
        #expect(script.sent.map(\.bearer) == ["first", "after-first", "first", "after-first"])
    }

    @Test func `passes on what the app's token closure throws`() async {
        struct SignedOut: Error {}
        let script = Script([])
        let client = script.client { _ in throw SignedOut() }
        await #expect(throws: SignedOut.self) { try await client.locations() }
        #expect(script.sent.isEmpty)
    }

    @Test func `sends one idempotency key for all tries of a mint, and a fresh one for the next`() async throws {
        let script = Script([
            .offline, .answer(429, #"{"code":"rate_limited"}"#, headers: ["retry-after": "3"]),
            .answer(201, Self.minted), .answer(201, Self.minted), .answer(201, Self.minted),
        ])
        let client = script.client()
        _ = try await client.mint()
        _ = try await client.mint()
        _ = try await client.mint(key: "own")
        let keys = script.sent.map(\.key)
        #expect(Set(keys[0..<3]).count == 1 && keys[3] != keys[0] && keys[3] != nil && keys[4] == "own")
        #expect(script.pauses.withLock(\.self) == [0.5, 3])
    }

    @Test func `sends a write without a key once`() async {
        let script = Script([.offline, .answer(204, "")])
        let client = script.client()
        await #expect(throws: ConnectError.self) { try await client.forgetLocation("loc_1") }
        #expect(script.sent.count == 1)
    }

    @Test func `calls a success that it cannot read an invalid answer`() async {
        let script = Script([.answer(200, #"{"data":7}"#, headers: ["x-request-id": "req_1"])])
        let error = await #expect(throws: ConnectError.self) { try await script.client().locations() }
        #expect(error?.code == .invalidAnswer && error?.status == 200 && error?.requestID == "req_1")
    }

    @Test func `reads an answer that broke off again`() async throws {
        let script = Script([.torn(#"{"da"#), .answer(200, #"{"data":[{"id":"loc_1"}]}"#)])
        #expect(try await script.client().locations().data.map(\.id) == ["loc_1"])
    }

    @Test func `takes two taps for one`() async throws {
        let script = Script([.answer(201, Self.minted), .answer(200, Self.session("connected"))])
        let joined = Signal()
        let client = script.client(joined: joined)
        let (comes, come) = AsyncStream<Void>.makeStream()
        let opened = Mutex(0)
        let customer = Customer { _ in
            opened.withLock { $0 += 1 }
            for await _ in comes { break }
            return nil
        }
        async let first = client.connect(with: customer)
        async let second = client.connect(with: customer)
        await joined.wait(2)
        come.yield()
        #expect(try await first == second)
        #expect(opened.withLock(\.self) == 1 && script.sent.count == 2)
    }

    @Test func `ends for the tap that is cancelled alone`() async throws {
        let script = Script([.answer(201, Self.minted), .answer(200, Self.session("connected"))])
        let joined = Signal()
        let client = script.client(joined: joined)
        let (comes, come) = AsyncStream<Void>.makeStream()
        let opened = Mutex(0)
        let customer = Customer { _ in
            opened.withLock { $0 += 1 }
            for await _ in comes { break }
            try Task.checkCancellation()
            return nil
        }
        let first = Task { try await client.connect(with: customer) }
        await joined.wait()
        let second = Task { try await client.connect(with: customer) }
        await joined.wait()
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        come.yield()
        #expect(try await second.value.state == .connected)
        #expect(opened.withLock(\.self) == 1)
    }

    @Test(
        "confirms the session that it minted, and no other",
        arguments: [("cs_1", ["sessions", "confirm"]), ("cs_2", ["sessions", "cs_1"])])
    func confirms(_ named: String, _ paths: [String]) async throws {
        let script = Script([.answer(201, Self.minted), .answer(200, Self.session("connected"))])
        let link = try #require(URL(string: "myapp://done?session=\(named)&status=connected&code=abc"))
        _ = try await script.client().connect(with: Customer { _ in ConnectResult(returnURL: link) })
        #expect(script.sent.compactMap { $0.path.split(separator: "/").last.map(String.init) } == paths)
    }

    @Test func `follows a session over streams that break and end`() async throws {
        let script = Script([
            .torn(Self.event("1", "created", ended: false) + "id: 2\nevent: session\nda"),
            .answer(503, "busy"), .offline,
            .answer(200, ":\n\n" + Self.event("3", "pending") + "event: later\ndata: x\n\n"),
            .answer(200, Self.event("4", "connected") + Self.event("5", "failed")),
        ])
        var states: [String] = []
        for try await session in script.client().followSession("cs_1") { states.append(session.state.rawValue) }
        #expect(states == ["created", "pending", "connected"])
        #expect(script.sent.map(\.lastEventID) == [nil, "1", "1", "1", "3"])
        #expect(script.pauses.withLock(\.self) == [0.5, 1, 2, 0.5])
    }

    @Test func `ends the stream of a session that is not the customer's`() async {
        let script = Script([.answer(404, #"{"code":"not_found"}"#)])
        let error = await #expect(throws: ConnectError.self) {
            for try await _ in script.client().followSession("cs_2") {}
        }
        #expect(error?.code == .notFound && script.sent.count == 1)
    }

    @Test func `follows what it knows of a location, and does not look at the data of other events`() async throws {
        let data = #"{"location_id":"loc_1","at":"2026-11-24T10:40:00Z"}"#
        let script = Script([
            .answer(
                200,
                "id: 1\n\nid: 2\nevent: tariff.moved\ndata: {}\n\nid: 3\nevent: tariff.sold\ndata: \(data)\n\n"
                    + "id: 4\nevent: location.updated\ndata: \(data)\n\nid: 5\nevent: location.updated\ndata: {}\n\n")
        ])
        var iterator = script.client().followLocation("loc_1").makeAsyncIterator()
        let updated = try await iterator.next()
        #expect(updated?.event == "location.updated")
        #expect(updated?.locationID == "loc_1" && updated?.actionRequired == nil)
        do {
            _ = try await iterator.next()
            Issue.record("an event without what the contract says is none")
        } catch let error as ConnectError {
            #expect(error.code == .invalidAnswer && error.status == 200)
        }
        #expect(script.sent.count == 1)
    }

    @Test func `waits for its stream behind a captive portal`() async throws {
        let page = ["content-type": "text/html"]
        let script = Script([
            .answer(200, "<html>", headers: page), .answer(302, "<html>", headers: page),
            .answer(204, "", headers: page),
            .answer(
                200, Self.event("1", "connected"), headers: ["content-type": "Text/Event-Stream ;charset=utf-8"]),
        ])
        var states: [String] = []
        for try await session in script.client().followSession("cs_1") { states.append(session.state.rawValue) }
        #expect(states == ["connected"])
        #expect(script.pauses.withLock(\.self) == [0.5, 1, 2])
    }

    @Test func `ends a stream with an event that is too long`() async {
        let script = Script([.answer(200, "data: " + String(repeating: "x", count: EventParser.longest) + "\n\n")])
        let error = await #expect(throws: ConnectError.self) {
            for try await _ in script.client().followSession("cs_1") {}
        }
        #expect(error?.code == .invalidAnswer && script.sent.count == 1)
    }

    @Test func `takes no page for the end of a location`() async {
        let script = Script([.answer(200, "<html>", headers: ["content-type": "text/html"])])
        let error = await #expect(throws: ConnectError.self) { try await script.client().forgetLocation("loc_1") }
        #expect(error?.code == .invalidAnswer && error?.status == 200 && script.sent.count == 1)
    }

    @Test func `says with which status an answer is too long`() async {
        let script = Script([.answer(200, String(repeating: " ", count: Service.longestAnswer + 1))])
        let error = await #expect(throws: ConnectError.self) { try await script.client().locations() }
        #expect(error?.code == .invalidAnswer && error?.status == 200 && script.sent.count == 1)
    }

    @Test(
        "sends nothing that no header can hold, and quotes none of it",
        arguments: ["", "SECRET\ntoken", "SECRET\r\n", "SECRET token", "SECRET\u{E9}", "SECRET\u{7F}", "SECRET\u{0}"])
    func checksHeaders(_ bad: String) async {
        let script = Script([.answer(401, #"{"code":"unauthenticated"}"#)])
        for call in [{ _ = try await $0.locations() }, { for try await _ in $0.followSession("cs_1") {} }]
            as [(ConnectClient) async throws -> Void]
        {
            let error = await #expect(throws: ConnectError.self) { try await call(script.client { _ in bad }) }
            #expect(
                error?.code == .unauthenticated && error?.status == 0 && error?.description.contains("SECRET") == false)
        }
        let malformed = await #expect(throws: ConnectError.self) { try await script.client().mint(key: bad) }
        #expect(malformed?.code == .headerMalformed && malformed?.description.contains("SECRET") == false)
        #expect(script.sent.isEmpty)
        // The one that it gives after a 401.
        let client = script.client { $0 == nil ? "good" : bad }
        let error = await #expect(throws: ConnectError.self) { try await client.locations() }
        #expect(error?.code == .unauthenticated && script.sent.map(\.bearer) == ["good"])
    }

    @Test func `repeats no event id that no header can hold`() async throws {
        let data = #"{"location_id":"loc_1","at":"2026-11-24T10:40:00Z"}"#
        let script = Script([
            .answer(200, "id: 1\n\nid: \u{E9}\n\n"), .answer(200, "id\n\n"),
            .answer(200, "event: location.updated\ndata: \(data)\n\n"),
        ])
        for try await _ in script.client().followLocation("loc_1") { break }
        #expect(script.sent.map(\.lastEventID) == [nil, "1", nil])
    }

    @Test func `makes an attempt of each request, on the service's own page`() async throws {
        let script = Script([
            .answer(201, Self.minted), .answer(201, Self.minted), .answer(200, Self.session("active", ended: false)),
            .answer(200, Self.session("active", ended: false)),
        ])
        let joined = Signal(), opened = Signal()
        let client = script.client(joined: joined)
        let (comes, come) = AsyncStream<Void>.makeStream()
        let customer = Customer { _ in
            opened.send()
            for await _ in comes {}
            return nil
        }
        let requests: [ConnectClient.MintRequest] = [.init(), .init(locationID: "loc_1"), .init(app: "web")]
        let taps = requests.map { request in Task { try await client.connect(request, with: customer) } }
        await joined.wait(3)
        await opened.wait(2)
        come.finish()
        for tap in taps { #expect(try await tap.value.state == .active) }
        #expect(script.sent.map(\.method) == ["POST", "POST", "GET", "GET"])
        #expect(script.sent.map(\.app) == [.string("page"), .string("page"), nil, nil])
    }

    @Test func `reads the session that another code has confirmed`() async throws {
        let used = Script.Step.answer(409, #"{"code":"confirmation_code_used"}"#)
        let script = Script([
            .answer(201, Self.minted), used, .answer(200, Self.session("connected")),
            used, .answer(200, Self.session("connected")),
        ])
        let link = try #require(URL(string: "myapp://done?session=cs_1&status=connected&code=abc"))
        let client = script.client()
        let session = try await client.connect(with: Customer { _ in ConnectResult(returnURL: link) })
        #expect(session.state == .connected)
        #expect(try await client.resume(try #require(ConnectResult(returnURL: link))) == session)
        #expect(script.sent.count == 5)
    }

    @Test func `resumes no session of another user`() async throws {
        let stranger = Script.Step.answer(404, #"{"code":"not_found"}"#)
        let script = Script([stranger, stranger, .answer(410, #"{"code":"confirmation_code_expired"}"#)])
        let client = script.client()
        let link = "myapp://done?session=cs_1&status=connected"
        let (plain, coded) = (
            try #require(URL(string: link).flatMap(ConnectResult.init(returnURL:))),
            try #require(URL(string: link + "&code=abc").flatMap(ConnectResult.init(returnURL:)))
        )
        for result in [plain, coded] {
            let session: ConnectClient.Session? = try await client.resume(result)
            #expect(session == nil)
        }
        let error = await #expect(throws: ConnectError.self) { try await client.resume(coded) }
        #expect(error?.code == .confirmationCodeExpired)
    }
}
