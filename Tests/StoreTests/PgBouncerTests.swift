import Core
import Foundation
import Sessions
import Synchronization
import TestSupport
import Testing

@testable import Store

/// A store behind a connection pooler.
@Suite struct PgBouncerTests {
    let alice = Subject("alice")!
    let start = Date(timeIntervalSince1970: 1_700_000_000)

    @Test func `a pooler in transaction mode is named at the start, and memory is not trusted behind it`() async throws
    {
        let pooler = try await PgBouncer(before: try await PostgresServer.shared.newDatabase(), mode: .transaction)
        defer { pooler.stop() }
        for _ in 1...2 {
            let store = try PostgresStore.connected(to: pooler.url)
            await #expect(throws: PostgresStore.CannotOpen.pooled) { try await store.open() }
            // A running node sees each failure, and never that it listens.
            let (changes, received) = AsyncStream<StoreChange>.makeStream()
            let watching = Task { await store.watch { received.yield($0) } }
            var next = changes.makeAsyncIterator()
            #expect(await next.next() == .unsubscribed)
            #expect(await next.next() == .unsubscribed)
            watching.cancel()
            await watching.value
        }
    }

    @Test func `a pooler in session mode is as good as none`() async throws {
        let pooler = try await PgBouncer(before: try await PostgresServer.shared.newDatabase(), mode: .session)
        defer { pooler.stop() }
        let here = try PostgresStore.connected(to: pooler.url), there = try PostgresStore.connected(to: pooler.url)
        try await here.open()
        try await there.open()
        let (changes, received) = AsyncStream<StoreChange>.makeStream()
        let watching = Task { await there.watch { received.yield($0) } }
        var next = changes.makeAsyncIterator()
        #expect(await next.next() == .subscribed)
        var session = try ConnectSession.sample(1, of: alice, createdAt: start)
        _ = try await here.save([SessionWrite(session, isNew: true)], at: start)
        session.facts.relayed = true
        _ = try await here.save([SessionWrite(session, isNew: false)], at: start)
        #expect(await next.next() == .changed([session.id]))
        watching.cancel()
        await watching.value
    }

    @Test func `a connection that stalls while it is tried is no pooler`() async throws {
        let proxy = try await StallingProxy(before: try await PostgresServer.shared.newDatabase())
        try await PostgresStore.connected(to: proxy.url).open()
        #expect(proxy.hasStalled)
        await proxy.stop()
    }

    @Test(arguments: [("42P05", true), ("26000", true), ("42601", false), ("22021", false)])
    func `a session that is another one than before means a pooler`(state: String, isPooled: Bool) {
        #expect((PostgresError(state: state) == .pooled) == isPooled)
    }
}
