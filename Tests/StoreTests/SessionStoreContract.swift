import Core
import Flatpeak
import Foundation
import Sessions
import Store
import Testing

/// What every session store must do; each engine runs it.
@Suite struct SessionStoreContract {
    static let engines: [@Sendable () throws -> any SessionStore] = [{ InMemoryStore(capacity: 3) }]
    let alice = Subject("alice")
    let bob = Subject("bob")

    private func session(_ number: UInt8) throws -> ConnectSession {
        ConnectSession(
            id: SessionID(prefix: "cs", random: Array(repeating: number, count: 12)), subject: try #require(alice),
            connectToken: try #require(ConnectToken("cot_\(number)")),
            slot: TariffSlot(direction: .importing, type: .commodity), mintedLocation: nil, mintedAction: nil,
            returnURL: "https://app.example", liveMode: false, createdAt: Date(timeIntervalSince1970: 0),
            expiresAt: Date(timeIntervalSince1970: 86400))
    }

    @Test(arguments: engines.indices)
    func `a session is found by its id and by its token`(engine: Int) async throws {
        let store = try Self.engines[engine]()
        let session = try session(1)
        try await store.insert(session)
        #expect(try await store.session(session.id)?.connectToken == session.connectToken)
        #expect(try await store.session(token: session.connectToken)?.id == session.id)
        #expect(try await store.session(SessionID(prefix: "cs", random: Array(repeating: 9, count: 12))) == nil)
        #expect(try await store.session(token: try #require(ConnectToken("cot_9"))) == nil)
    }

    @Test(arguments: engines.indices)
    func `facts are merged, not replaced`(engine: Int) async throws {
        let store = try Self.engines[engine]()
        let session = try session(1)
        try await store.insert(session)
        var left = SessionFacts(), relayed = SessionFacts()
        left.leftAt = Date(timeIntervalSince1970: 10)
        relayed.relayed = true
        _ = try await store.merge(left, into: session.id)
        let merged = try #require(try await store.merge(relayed, into: session.id))
        #expect(merged.facts.leftAt == left.leftAt)
        #expect(merged.facts.relayed)
        #expect(try await store.session(session.id)?.facts == merged.facts)
        #expect(
            try await store.merge(left, into: SessionID(prefix: "cs", random: Array(repeating: 9, count: 12))) == nil)
    }

    @Test(arguments: engines.indices)
    func `a location belongs to each subject it was bound to`(engine: Int) async throws {
        let store = try Self.engines[engine]()
        let location = try #require(LocationID("loc_1"))
        #expect(try await store.owns(try #require(alice), location) == false)
        try await store.bind(location, to: try #require(alice))
        try await store.bind(location, to: try #require(alice))
        #expect(try await store.owns(try #require(alice), location))
        #expect(try await store.locations(of: try #require(alice)) == [location])
        #expect(try await store.locations(of: try #require(bob)).isEmpty)
        #expect(try await store.unbind(location, from: try #require(bob)) == false)
        #expect(try await store.unbind(location, from: try #require(alice)))
        #expect(try await store.unbind(location, from: try #require(alice)) == false)
        #expect(try await store.owns(try #require(alice), location) == false)
        try await store.bind(location, to: try #require(alice))
        #expect(try await store.owns(try #require(bob), location) == false)
    }

    @Test(arguments: engines.indices)
    func `an idempotency key is one mint's of one subject, until the token's end`(engine: Int) async throws {
        let store = try Self.engines[engine]()
        let key = try #require(IdempotencyKey("k")), alice = try #require(alice), bob = try #require(bob)
        let start = Date(timeIntervalSince1970: 1000)
        let mint = IdempotentMint(body: [1], startedAt: start)
        #expect(try await store.begin(mint, as: key, of: alice, at: start) == nil)
        #expect(
            try await store.begin(IdempotentMint(body: [2], startedAt: start), as: key, of: alice, at: start) == mint)
        #expect(try await store.begin(mint, as: key, of: bob, at: start) == nil)
        let answer = IdempotentMint.Answer(
            session: try session(1).id, launchURL: "a://b", expiresAt: start.addingTimeInterval(600))
        try await store.end(key, of: alice, with: answer)
        #expect(try await store.begin(mint, as: key, of: alice, at: start.addingTimeInterval(599))?.answer == answer)
        #expect(try await store.begin(mint, as: key, of: alice, at: start.addingTimeInterval(600)) == nil)
        // Bob's mint failed, and the one after it died with its process.
        try await store.end(key, of: bob, with: nil)
        #expect(try await store.begin(mint, as: key, of: bob, at: start) == nil)
        #expect(try await store.begin(mint, as: key, of: bob, at: start.addingTimeInterval(61)) == nil)
    }

    @Test func `the memory is bounded: the oldest session goes first`() async throws {
        let store = InMemoryStore(capacity: 3)
        for number in 1...4 { try await store.insert(try session(UInt8(number))) }
        #expect(try await store.session(token: try #require(ConnectToken("cot_1"))) == nil)
        for number in 2...4 {
            #expect(try await store.session(token: try #require(ConnectToken("cot_\(number)"))) != nil)
        }
    }
}
