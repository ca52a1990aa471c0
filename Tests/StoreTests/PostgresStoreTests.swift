import Core
import Flatpeak
import Foundation
import Sessions
import Synchronization
import TestSupport
import Testing

@testable import Store

/// What only a server can do: be shared, be away, hang, come back.
@Suite struct PostgresStoreTests {
    let alice = Subject("alice")!
    let start = Date(timeIntervalSince1970: 1_700_000_000)
    static let otherKey = [UInt8](repeating: 8, count: 32)

    private func session(_ number: UInt8) throws -> ConnectSession {
        try .sample(number, of: alice, createdAt: start)
    }

    private func kept(_ store: PostgresStore, _ numbers: UInt8...) async throws {
        _ = try await store.save(try numbers.map { SessionWrite(try session($0), isNew: true) }, at: start)
    }

    // MARK: - Sealing

    @Test func `no token stands in the database, nor a key`() async throws {
        let url = try await PostgresServer.shared.newDatabase()
        let store = try PostgresStore.connected(to: url)
        let session = ConnectSession(
            id: SessionID(prefix: "cs", random: Array(repeating: 1, count: 12)), subject: alice,
            connectToken: try #require(ConnectToken("cot_thisOneIsEasyToFind")),
            slot: .init(direction: .importing, type: .commodity), mintedLocation: nil, mintedAction: nil,
            returnURL: nil, liveMode: false, createdAt: start, expiresAt: start + 60)
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
        let all = try await PostgresServer.shared.query(
            "SELECT session, encode(token, 'escape'), sealing_key FROM session, sealing_key", of: url)
        #expect(all.contains(session.id.text), "the scan would find what is there")
        #expect(!all.contains("thisOneIsEasyToFind"))
        #expect(!all.contains(SQLiteStore.key.hexadecimal))
    }

    @Test func `a node with another key fails at its start, with sessions or without`() async throws {
        let url = try await PostgresServer.shared.newDatabase()
        let store = try PostgresStore.connected(to: url)
        try await store.open()
        for _ in 0..<2 {
            let stranger = try PostgresStore.connected(to: url, keys: [Self.otherKey])
            await #expect(throws: PostgresStore.CannotOpen.unknownKey) { try await stranger.open() }
            await #expect(throws: BFFError.storeUnavailable) { try await kept(stranger, 2) }
            try await kept(store, 1)
        }
    }

    @Test func `a key is replaced in three rounds of restarts, and no node fails in between`() async throws {
        let url = try await PostgresServer.shared.newDatabase()
        let old = SQLiteStore.key, new = Self.otherKey
        let numbers: [UInt8] = [1, 2, 3, 4, 5]
        var nodes = [try PostgresStore.connected(to: url), try PostgresStore.connected(to: url)]
        try await kept(nodes[0], 1)
        var number: UInt8 = 2
        for keys in [[old, new], [new, old], [new]] {
            for index in nodes.indices {
                let node = try PostgresStore.connected(to: url, keys: keys)
                try await node.open()
                try await node.seal()
                nodes[index] = node
                if number <= 5 { try await kept(node, number) }
                number += 1
                for node in nodes {
                    for number in numbers.prefix(Int(number) - 1) {
                        let session = try session(number)
                        #expect(try await node.session(session.id)?.connectToken == session.connectToken)
                    }
                }
            }
        }
        let stale = try PostgresStore.connected(to: url, keys: [old])
        await #expect(throws: PostgresStore.CannotOpen.unknownKey) { try await stale.open() }
    }

    // MARK: - Start

    @Test func `of many who start at once on an empty database one makes the tables`() async throws {
        let url = try await PostgresServer.shared.newDatabase()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { try await PostgresStore.connected(to: url).open() } }
            try await group.waitForAll()
        }
        #expect(
            try await PostgresServer.shared.query("SELECT count(*) FROM schema_step", of: url)
                == "\(PostgresSchema.steps.count)\n")
    }

    @Test func `what libpq says of a failed connection is reported without what is in quotes`() {
        let said = "connection to server at \"db\" (1.2.3.4), port 5 failed: FATAL:  no \"pass\nword\"\n"
        #expect(
            PostgresLink.withoutNames(said)
                == "connection to server at … (1.2.3.4), port 5 failed: FATAL:  no …")
    }

    // MARK: - Other nodes

    @Test func `a change on one node is notified to the others, and missed changes are detected`() async throws {
        let url = try await PostgresServer.shared.newDatabase()
        let here = try PostgresStore.connected(to: url), there = try PostgresStore.connected(to: url)
        try await kept(here, 1, 2)
        let (changes, received) = AsyncStream<StoreChange>.makeStream()
        let listening = Task { await there.watch { received.yield($0) } }
        var next = changes.makeAsyncIterator()
        #expect(await next.next() == .subscribed)
        var session = try session(1)
        session.facts.relayed = true
        _ = try await there.save([SessionWrite(session, isNew: false)], at: start)
        session.facts.leftAt = start
        let started = ContinuousClock.now
        _ = try await here.save([SessionWrite(session, isNew: false)], at: start)
        #expect(await next.next() == .changed([session.id]), "and not of its own")
        #expect(started.duration(to: .now) < .seconds(1))
        _ = try await here.forget(alice)
        let gone = [await next.next(), await next.next()]
        for number in [UInt8(1), 2] { #expect(gone.contains(.changed([try self.session(number).id]))) }
        // Its connection is cut: it says so, and comes back.
        _ = try await PostgresServer.shared.query(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')
            """,
            of: url)
        #expect(await next.next() == .unsubscribed)
        #expect(await next.next() == .subscribed)
        listening.cancel()
        await listening.value
    }

    @Test func `two nodes that write the same sessions do not wait for each other in a circle`() async throws {
        let url = try await PostgresServer.shared.newDatabase()
        let nodes = [try PostgresStore.connected(to: url), try PostgresStore.connected(to: url)]
        let all = try (1...40).map { try session($0) }
        _ = try await nodes[0].save(all.map { SessionWrite($0, isNew: true) }, at: start)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, node) in nodes.enumerated() {
                for round in 0..<20 {
                    let sessions = index == 0 ? all : all.reversed()
                    let location = try #require(LocationID("loc_\(round % 7)"))
                    group.addTask { [start] in
                        let writes = sessions.map { session in
                            var session = session
                            session.facts.stayedAt = start + Double(round)
                            session.facts.located = .init(location: location, pricesAvailable: true, since: start)
                            return SessionWrite(session, isNew: false)
                        }
                        _ = try await node.save(writes, at: start)
                    }
                }
            }
            try await group.waitForAll()
        }
        for session in all {
            #expect(try await nodes[1].session(session.id)?.facts.stayedAt == start + 19)
        }
    }

    // MARK: - R23

    @Test("a server that was stopped is no answer, at once, and works again when it is back (R23)")
    func R23stopped() async throws {
        let server = PostgresServer()
        defer { server.stop() }
        let store = try PostgresStore.connected(to: try await server.newDatabase())
        try await kept(store, 1)
        server.halt()
        for _ in 0..<20 {
            let took = await ContinuousClock().measure {
                await #expect(throws: BFFError.storeUnavailable) { try await kept(store, 2) }
            }
            #expect(took < .seconds(1))
        }
        try await server.start()
        try await untilTaken { try await kept(store, 2) }
        for number in [UInt8(1), 2] { #expect(try await store.session(try session(number).id) != nil) }
    }

    @Test("a server that hangs is given up soon, nothing piles up behind it, and it works again afterwards (R23)")
    func R23hangs() async throws {
        let server = PostgresServer()
        defer { server.stop() }
        let store = try PostgresStore.connected(to: try await server.newDatabase())
        try await kept(store, 1)
        server.pause()
        let started = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<2000 {
                group.addTask {
                    await #expect(throws: BFFError.storeUnavailable) { _ = try await store.locations(of: alice) }
                }
            }
            try await group.waitForAll()
        }
        #expect(started.duration(to: .now) < .seconds(8), "four wait for an answer, the others for none of them")
        // From then on one asks, and everybody else is refused at once.
        let first = Task { try? await store.session(try session(1).id) }
        try await Task.sleep(for: .milliseconds(300))
        let took = await ContinuousClock().measure {
            for _ in 0..<100 { _ = try? await store.locations(of: alice) }
        }
        #expect(took < .seconds(4))
        server.resume()
        _ = await first.value
        try await untilTaken { try await kept(store, 2) }
        for number in [UInt8(1), 2] { #expect(try await store.session(try session(number).id) != nil) }
    }

    @Test("a row that another one has locked is no answer, soon, and other rows go on (R23)")
    func R23locked() async throws {
        let url = try await PostgresServer.shared.newDatabase()
        let store = try PostgresStore.connected(to: url)
        try await kept(store, 1, 2)
        let other = try PostgresLink(try #require(PostgresURL(url)))
        _ = try other.run([
            PostgresStatement("BEGIN"),
            PostgresStatement("SELECT set_config('idle_in_transaction_session_timeout', '0', true)"),
            PostgresStatement("SELECT id FROM session WHERE id = $1 FOR UPDATE", .text(try session(1).id.text)),
        ])
        var session = try session(1)
        session.facts.relayed = true
        let took = await ContinuousClock().measure {
            await #expect(throws: BFFError.storeUnavailable) {
                _ = try await store.save([SessionWrite(session, isNew: false)], at: start)
            }
        }
        #expect(took < .seconds(3))
        #expect(try await store.session(session.id) != nil)
        _ = try other.run([PostgresStatement("ROLLBACK")])
        #expect(try await store.save([SessionWrite(session, isNew: false)], at: start).kept.count == 1)
    }

    /// A store that was away tries again after two seconds at the latest.
    private func untilTaken(_ work: () async throws -> Void) async throws {
        let end = ContinuousClock.now + .seconds(10)
        while true {
            do { return try await work() } catch  where ContinuousClock.now < end {}
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}

/// Who may connect, without a server.
@Suite struct PostgresPlacesTests {
    let start = ContinuousClock.now

    @Test func `connections are lent in turn, and more wait than there are, but not for ever more`() {
        var slots = PostgresSlots<String>(count: 2, mostWaiting: 1)
        #expect(slots.acquire("a", at: start) == .acquired(0))
        #expect(slots.acquire("b", at: start) == .acquired(1))
        #expect(slots.acquire("c", at: start) == .wait)
        #expect(slots.acquire("d", at: start) == .refuse)
        guard case .hand(0, to: "c") = slots.release(0, foundServer: true, at: start) else {
            Issue.record("the one that waits is next")
            return
        }
    }

    @Test
    func `a server that is away is probed by one caller at a time, at a falling rate, and no caller waits for it`() {
        var slots = PostgresSlots<String>(count: 1, mostWaiting: 9)
        #expect(slots.acquire("a", at: start) == .acquired(0))
        #expect(slots.acquire("b", at: start) == .wait)
        guard case .refuse(["b"]) = slots.release(0, foundServer: false, at: start) else {
            Issue.record("waiting callers are refused at once")
            return
        }
        var now = start
        for pause in [100, 200, 400, 800, 1600, 2000, 2000] {
            #expect(slots.acquire("c", at: now + .milliseconds(pause - 1)) == .refuse)
            now += .milliseconds(pause)
            #expect(slots.acquire("d", at: now) == .acquired(0))
            #expect(slots.acquire("e", at: now) == .refuse)
            _ = slots.release(0, foundServer: false, at: now)
        }
        now += .seconds(2)
        #expect(slots.acquire("f", at: now) == .acquired(0))
        _ = slots.release(0, foundServer: true, at: now)
        #expect(slots.health == .up)
    }

    @Test func `several who find it out together are one failure`() {
        var slots = PostgresSlots<String>(count: 4, mostWaiting: 9)
        for _ in 0..<4 { _ = slots.acquire("a", at: start) }
        for slot in 0..<4 { _ = slots.release(slot, foundServer: false, at: start) }
        #expect(slots.health == .down(until: start + .milliseconds(100), failures: 1))
    }
}
