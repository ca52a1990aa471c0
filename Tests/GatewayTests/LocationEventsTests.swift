import Core
import Edge
import Flatpeak
import Foundation
import HTTPTypes
import Resilience
import Sessions
import Synchronization
import TestSupport
import Testing

@testable import Gateway

/// The stream of a location, from what any node stores to what a client reads.
@Suite struct LocationEventsTests {
    let upstream = ScriptedUpstream()
    let store = InMemoryStore()
    let service: ServiceFixture
    let table: RouteTable
    let alice = Subject("alice")!
    let location = LocationID("loc_1")!
    let start = Date(timeIntervalSince1970: 1_700_000_000)

    init() {
        service = ServiceFixture(flatpeak: .scripted(upstream), store: store)
        table = service.table()
        store.bind(location, to: alice)
        upstream.on("prices", .json("{}"))
    }

    /// A client that reads whatever it is sent.
    private final class Client: BodyWriter, Sendable {
        private let received = Mutex("")
        var text: String { received.withLock(\.self) }
        /// Each event or id, without the comments.
        var blocks: [String] { text.split(separator: "\n\n").map(String.init).filter { !$0.hasPrefix(":") } }
        func write(_ bytes: [UInt8]) async { received.withLock { $0 += String(decoding: bytes, as: UTF8.self) } }
    }

    private func reply(
        to subject: Subject, _ template: String = "/v1/locations/{id}/events", id: String = "loc_1",
        lastSeen: String? = nil
    ) async throws -> Reply {
        let route = try #require(table.routes.first { $0.template == template })
        guard case .user(let handle) = route.handler else { throw BFFError.internalFailure }
        var head = HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/")
        head.headerFields[.lastEventID] = lastSeen
        return try await handle(
            Exchange(
                id: RequestID(prefix: "req", random: countingBytes()(12)), head: head, body: [],
                client: CallerKey(subject), isByOwnBackend: false, parameters: ["id": id]), subject)
    }

    /// Streams to a client while the service runs, until `body` is over.
    private func follow(lastSeen: String? = nil, _ body: (Client) async throws -> Void) async throws {
        let client = Client()
        guard case .stream(let stream) = try await reply(to: alice, lastSeen: lastSeen).body else {
            throw BFFError.internalFailure
        }
        let streaming = Task { try await stream(client) }
        try await until { client.text.contains("\n:\n\n") || client.text.contains("event: ") }
        let before = client.text.count
        let running = Task { [sessions = service.sessions] in await sessions.run() }
        do {
            // It is woken once the store notifies.
            try await until { client.text.count > before }
            try await body(client)
        } catch {
            streaming.cancel()
            running.cancel()
            throw error
        }
        streaming.cancel()
        running.cancel()
        await running.value
    }

    /// Settles an event, as whichever node processed it does.
    private func settle(_ number: Int, _ effect: EventEffect) async throws {
        let id = try #require(EventID("evt_\(number)"))
        _ = try await store.receive([
            ReceivedEvent(id: id, type: "a.b", body: Array("{}".utf8), digest: nil, receivedAt: start)
        ])
        #expect(try await store.settle(id, effect))
    }

    private func update(at seconds: Double) -> EventEffect {
        EventEffect(update: LocationUpdate(location, at: start + seconds))
    }

    @Test func `changes that any node stores reach a client, and it reads what is true by then`() async throws {
        try await follow { client in
            #expect(client.blocks == ["retry: 2000", "id: 0"])
            let end = Date(timeIntervalSince1970: 1_800_000_000)
            for _ in 0..<2 {
                _ = try await service.reads.prices(of: location, from: nil, to: end, direction: nil, for: alice)
            }
            #expect(upstream.requests("prices").count == 1)

            try await settle(1, update(at: 1))
            try await until { client.blocks.count == 3 }
            let data = #"{"at":"2023-11-14T22:13:21Z","location_id":"loc_1"}"#
            #expect(client.blocks[2] == "id: 1700000001000\nevent: location.updated\ndata: \(data)")
            _ = try await service.reads.prices(of: location, from: nil, to: end, direction: nil, for: alice)
            #expect(upstream.requests("prices").count == 2)

            let action = LocationAction(location: location, required: .reconnect, tariff: "trf_1", since: start + 2)
            try await settle(2, EventEffect(action: action))
            try await until { client.blocks.count == 4 }
            let required = #"{"action_required":"reconnect","at":"2023-11-14T22:13:22Z","location_id":"loc_1"}"#
            #expect(
                client.blocks[3]
                    == "id: 1700000001000.reconnect.1700000002000\nevent: tariff.action_required\ndata: \(required)")
        }
    }

    @Test func `a client that comes back is sent what it missed, and nothing that it has seen`() async throws {
        try await settle(1, update(at: 1))
        try await follow(lastSeen: "0") { client in
            #expect(client.blocks.dropFirst().map { $0.prefix(17) } == ["id: 0", "id: 1700000001000"])
        }
        try await follow(lastSeen: "1700000001000") { client in
            #expect(client.blocks == ["retry: 2000", "id: 1700000001000"])
        }
    }

    @Test func `a stream ends when the location is not the client's any more, and is sent nothing from then on`()
        async throws
    {
        try await follow { client in
            #expect(try await store.unbind(location, from: alice))
            try await settle(1, update(at: 1))
            try await until { (try? await reply(to: alice)) == nil }
            #expect(client.blocks == ["retry: 2000", "id: 0"])
        }
        await #expect(throws: BFFError.notFound) { try await reply(to: alice) }
    }

    @Test("ten streams of a user, of sessions and locations together, leave those of others (I18)")
    func I18() async throws {
        var held: [Reply] = []
        for _ in 0..<10 { held.append(try await reply(to: alice)) }
        await #expect(throws: BFFError.rateLimited(retryAfter: 5)) { try await reply(to: alice) }
        let bob = try #require(Subject("bob"))
        store.bind(location, to: bob)
        held.append(try await reply(to: bob))
        upstream.on("mint", .json(#"{"connect_token":"cot_a","expires_in":86400,"live_mode":false}"#))
        let session = try await service.sessions.minter.mint(Array("{}".utf8), as: nil, for: alice).session
        await #expect(throws: BFFError.rateLimited(retryAfter: 5)) {
            try await reply(to: alice, "/v1/connect/sessions/{id}/events", id: session.id.text)
        }
        #expect(held.count == 11)
        held = []
        _ = try await reply(to: alice)
    }
}
