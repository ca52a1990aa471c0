import Core
import Flatpeak
import Foundation
import GRDB
import Synchronization
import TestSupport
import Testing

@testable import Sessions
@testable import Store

/// What is answered from memory about the owners of locations, over each engine: never longer than docs/security.md says.
@Suite struct OwnershipContract {
    typealias Engine = SessionStoreContract.Engine
    /// Those that several processes share.
    static let shared: [Engine] = [.sqlite, .postgres]

    let folder = TemporaryFolder()
    let alice = Subject("alice")!
    let bob = Subject("bob")!
    let location = LocationID("loc_1")!
    let start = Date(timeIntervalSince1970: 1_700_000_000)

    /// Stores of one database, as if each were in a process of its own.
    private func stores(_ engine: Engine, _ count: Int = 2) async throws -> [any ServiceStore] {
        switch engine {
        case .memory:
            return [InMemoryStore()]
        case .sqlite:
            return try (0..<count).map { _ in try SQLiteStore.temporary(in: folder) }
        case .postgres:
            let url = try await PostgresServer.shared.newDatabase()
            return try (0..<count).map { _ in try PostgresStore.connected(to: url) }
        }
    }

    private func bind(
        _ location: LocationID, to subject: Subject, _ number: UInt8, in store: any SessionStore
    ) async throws {
        var session = try ConnectSession.sample(number, of: subject, createdAt: start)
        session.facts.located = .init(location: location, pricesAvailable: false, since: start)
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
    }

    /// Makes an action necessary, as an event does.
    private func requireAction(_ number: Int, in store: any ServiceStore) async throws {
        let id = try #require(EventID("evt_\(number)"))
        let action = LocationAction(location: location, required: .reconnect, tariff: nil, since: start)
        _ = try await store.receive([.init(id: id, type: "a.b", body: [], digest: nil, receivedAt: start)])
        #expect(try await store.settle(id, EventEffect(action: action)))
    }

    /// A process that answers from memory.
    private struct Node {
        let cache: SessionCache
        let clock: TestClock
        var lookup: OwnershipLookup { cache.ownership }
    }

    /// Runs `body` with a process that watches the store and is subscribed.
    private func run(_ store: any ServiceStore, _ body: (Node) async throws -> Void) async throws {
        let clock = TestClock()
        let cache = SessionCache(
            store: store, time: clock.time, clock: ContinuousClock(), timeout: .seconds(60), logger: .silent)
        let watch = Task { await cache.watch() }
        do {
            try await body(Node(cache: cache, clock: clock))
        } catch {
            watch.cancel()
            await watch.value
            throw error
        }
        watch.cancel()
        await watch.value
    }

    /// Waits until the subject's locations are answered from memory.
    private func untilCached(_ subject: Subject, _ node: Node) async throws {
        try await until {
            _ = try await node.cache.locations(of: subject)
            return node.lookup.cachedLocations(of: subject) != nil
        }
    }

    // MARK: - The store

    @Test(arguments: Engine.allCases)
    func `one statement reads the owner and the action of a location`(engine: Engine) async throws {
        let store = try await stores(engine, 1)[0]
        let other = try #require(LocationID("loc_2"))
        try await bind(other, to: alice, 1, in: store)
        try await bind(location, to: alice, 2, in: store)
        try await bind(other, to: bob, 3, in: store)
        try await requireAction(1, in: store)
        let known = OwnedLocation(location, action: .reconnect), free = OwnedLocation(other, action: nil)
        #expect(try await store.ownedLocations(of: alice) == [known, free])
        #expect(try await store.ownedLocations(of: bob) == [free])
        #expect(try await store.ownedLocation(location, of: alice) == known)
        #expect(try await store.ownedLocation(other, of: alice) == free)
        #expect(try await store.ownedLocation(location, of: bob) == nil)
        #expect(try await store.ownedLocations(of: try #require(Subject("carol"))).isEmpty)
    }

    // MARK: - Changes in this process

    enum Change: CaseIterable { case unbind, forget, bind, action, done }

    private func make(_ change: Change, in store: any ServiceStore) async throws {
        switch change {
        case .unbind: #expect(try await store.unbind(location, from: alice))
        case .forget: #expect(try await store.forget(alice).locations == 1)
        case .bind: try await bind(try #require(LocationID("loc_2")), to: alice, 2, in: store)
        case .action: try await requireAction(2, in: store)
        case .done: try await store.clearAction(at: location, knownBefore: start + 1)
        }
    }

    /// The subject's locations before and after a change, with the actions there.
    private func expected(_ change: Change, isDone: Bool) throws -> [OwnedLocation] {
        switch change {
        case .unbind, .forget: isDone ? [] : [OwnedLocation(location, action: nil)]
        case .bind:
            [OwnedLocation(location, action: nil)]
                + (isDone ? [OwnedLocation(try #require(LocationID("loc_2")), action: nil)] : [])
        case .action: [OwnedLocation(location, action: isDone ? .reconnect : nil)]
        case .done: [OwnedLocation(location, action: isDone ? nil : .reconnect)]
        }
    }

    @Test("a change that this process commits holds for its next read", arguments: Engine.allCases, Change.allCases)
    func own(engine: Engine, change: Change) async throws {
        let store = try await stores(engine, 1)[0]
        try await bind(location, to: alice, 1, in: store)
        if change == .done { try await requireAction(1, in: store) }
        try await run(store) { node in
            try await untilCached(alice, node)
            #expect(node.lookup.cachedLocations(of: alice) == (try expected(change, isDone: false)))
            try await make(change, in: store)
            #expect(node.lookup.cachedLocations(of: alice) == nil)
            #expect(node.lookup.cached(location, of: alice) == nil)
            #expect(try await node.cache.locations(of: alice) == (try expected(change, isDone: true)))
        }
    }

    @Test("changes by one subject leave the others' in memory (I18)", arguments: Engine.allCases)
    func others(engine: Engine) async throws {
        let store = try await stores(engine, 1)[0]
        try await bind(location, to: alice, 1, in: store)
        try await bind(location, to: bob, 2, in: store)
        try await run(store) { node in
            try await untilCached(alice, node)
            try await untilCached(bob, node)
            for number in UInt8(3)..<20 {
                #expect(try await store.unbind(location, from: bob))
                try await bind(location, to: bob, number, in: store)
                #expect(node.lookup.cachedLocations(of: alice) != nil)
            }
            // Writes that concern no location end nothing either.
            _ = try await store.save(
                [SessionWrite(try ConnectSession.sample(20, of: alice, createdAt: start), isNew: true)], at: start)
            #expect(node.lookup.cachedLocations(of: alice) != nil)
        }
    }

    // MARK: - Changes in another process

    @Test(
        "a change that another process commits holds at the next read with SQLite, and in less than a second with PostgreSQL",
        arguments: shared, Change.allCases)
    func other(engine: Engine, change: Change) async throws {
        let stores = try await stores(engine)
        try await bind(location, to: alice, 1, in: stores[1])
        if change == .done { try await requireAction(1, in: stores[1]) }
        try await run(stores[0]) { node in
            try await untilCached(alice, node)
            #expect(try await node.cache.locations(of: alice) == (try expected(change, isDone: false)))
            try await make(change, in: stores[1])
            let began = ContinuousClock.now
            if engine == .postgres {
                try await until { node.lookup.cached(location, of: alice) == nil }
                #expect(began.duration(to: .now) < .seconds(1))
            }
            #expect(node.lookup.cachedLocations(of: alice) == nil)
            #expect(try await node.cache.locations(of: alice) == (try expected(change, isDone: true)))
        }
    }

    @Test("a change that is made by hand, without this program, holds at the next read with SQLite")
    func byHand() async throws {
        let store = try await stores(.sqlite, 1)[0]
        try await bind(location, to: alice, 1, in: store)
        try await run(store) { node in
            for number in UInt8(2)..<20 {
                try await untilCached(alice, node)
                let queue = try DatabaseQueue(path: "\(folder.path)/store.sqlite")
                try await queue.write { try $0.execute(sql: "DELETE FROM location") }
                try queue.close()
                #expect(try await node.cache.mayRead(location, for: alice) == false)
                try await bind(location, to: alice, number, in: store)
            }
        }
    }

    @Test("a change by hand in PostgreSQL, which nothing notifies, holds 5 s after the database was read")
    func byHandInPostgres() async throws {
        let url = try await PostgresServer.shared.newDatabase()
        let store = try PostgresStore.connected(to: url)
        try await bind(location, to: alice, 1, in: store)
        try await run(store) { node in
            try await untilCached(alice, node)
            _ = try await PostgresServer.shared.query("DELETE FROM location", of: url)
            node.clock.advance(by: 4.5)
            #expect(try await node.cache.mayRead(location, for: alice))
            node.clock.advance(by: 0.5)
            #expect(try await node.cache.mayRead(location, for: alice) == false)
        }
    }

    /// Grows; odd while the subject surely owns nothing.
    private final class Phase: Sendable {
        private let number = Mutex(0)
        var current: Int { number.withLock { $0 } }
        func advance() { number.withLock { $0 += 1 } }
    }

    @Test(#"commits of two processes in any order leave no "yes" behind that was over before the question"#)
    func storm() async throws {
        let stores = try await stores(.sqlite), phase = Phase()
        let end = 60
        try await bind(location, to: alice, 1, in: stores[0])
        try await run(stores[0]) { node in
            try await untilCached(alice, node)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for number in 1..<end {
                        _ = try await stores[number % 2].unbind(location, from: alice)
                        phase.advance()
                        try await bind(location, to: bob, UInt8(2 * number + 1), in: stores[number / 2 % 2])
                        try await Task.sleep(for: .milliseconds(1))
                        phase.advance()
                        try await bind(location, to: alice, UInt8(2 * number), in: stores[number / 4 % 2])
                        try await Task.sleep(for: .milliseconds(2))
                    }
                }
                var hits = 0, refusals = 0
                let deadline = ContinuousClock.now + .seconds(60)
                while phase.current < 2 * (end - 1), ContinuousClock.now < deadline {
                    let before = phase.current
                    let found = node.lookup.cached(location, of: alice)
                    if before == phase.current, !before.isMultiple(of: 2) {
                        refusals += 1
                        #expect(found == nil)
                    }
                    if found != nil { hits += 1 } else { _ = try await node.cache.mayRead(location, for: alice) }
                }
                #expect(hits > 0)
                #expect(refusals > 0)
                try await group.waitForAll()
            }
        }
    }

    // MARK: - The file

    @Test func `a file that was moved away is not answered for from memory`() async throws {
        let store = try await stores(.sqlite, 1)[0]
        try await bind(location, to: alice, 1, in: store)
        try await run(store) { node in
            try await untilCached(alice, node)
            let path = "\(folder.path)/store.sqlite"
            try FileManager.default.moveItem(atPath: path, toPath: "\(path).away")
            await #expect(throws: BFFError.storeUnavailable) { try await node.cache.mayRead(location, for: alice) }
            try FileManager.default.moveItem(atPath: "\(path).away", toPath: path)
            #expect(try await node.cache.mayRead(location, for: alice))
        }
    }

    @Test func `a write that fails ends nothing, and the next commit of another process is noticed`() async throws {
        let stores = try await stores(.sqlite)
        let store = try #require(stores[0] as? SQLiteStore)
        try await bind(location, to: alice, 1, in: store)
        try await run(store) { node in
            try await untilCached(alice, node)
            await #expect(throws: BFFError.storeUnavailable) {
                try await store.write { db in
                    try db.execute(sql: "DELETE FROM location")
                    try db.execute(sql: "INSERT INTO location (subject) VALUES ('alice')")
                }
            }
            #expect(node.lookup.cachedLocations(of: alice) != nil)
            #expect(try await stores[1].unbind(location, from: alice))
            #expect(try await node.cache.mayRead(location, for: alice) == false)
        }
    }

    // MARK: - Notifications of PostgreSQL

    @Test func `a node whose connection is cut forgets everything, and what changed meanwhile is not missed`()
        async throws
    {
        let url = try await PostgresServer.shared.newDatabase()
        let here = try PostgresStore.connected(to: url), there = try PostgresStore.connected(to: url)
        try await bind(location, to: alice, 1, in: there)
        try await run(here) { node in
            try await untilCached(alice, node)
            _ = try await PostgresServer.shared.query(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND (query LIKE 'LISTEN%' OR query = 'SELECT 1')
                """,
                of: url)
            try await until { node.lookup.cachedLocations(of: alice) == nil }
            #expect(try await there.unbind(location, from: alice))
            #expect(try await node.cache.mayRead(location, for: alice) == false)
            // It listens again, and then answers from memory again.
            try await bind(location, to: alice, 2, in: there)
            try await untilCached(alice, node)
            #expect(try await there.unbind(location, from: alice))
            try await until { try await node.cache.mayRead(location, for: alice) == false }
        }
    }

    @Test func `a node answers from the database alone before it listens`() async throws {
        let url = try await PostgresServer.shared.newDatabase()
        let here = try PostgresStore.connected(to: url), there = try PostgresStore.connected(to: url)
        try await bind(location, to: alice, 1, in: there)
        let cache = SessionCache(
            store: here, clock: ContinuousClock(), timeout: .seconds(60), logger: .silent)
        #expect(try await cache.mayRead(location, for: alice))
        #expect(cache.ownership.cached(location, of: alice) == nil)
        #expect(try await there.unbind(location, from: alice))
        #expect(try await cache.mayRead(location, for: alice) == false)
    }

    @Test func `a call that changes nothing is not notified`() async throws {
        let url = try await PostgresServer.shared.newDatabase()
        let here = try PostgresStore.connected(to: url), there = try PostgresStore.connected(to: url)
        try await bind(location, to: alice, 1, in: there)
        let (changes, received) = AsyncStream<StoreChange>.makeStream()
        let watch = Task { await here.watch { received.yield($0) } }
        var next = changes.makeAsyncIterator()
        #expect(await next.next() == .subscribed)
        #expect(try await there.unbind(location, from: bob) == false)
        #expect(try await there.forget(bob) == Forgotten(sessions: 0, locations: 0))
        try await there.clearAction(at: location, knownBefore: start)
        try await bind(location, to: alice, 2, in: there)
        #expect(try await there.unbind(location, from: alice))
        #expect(await next.next() == .ownershipChanged(SubjectDigest(alice)))
        watch.cancel()
        await watch.value
    }
}
