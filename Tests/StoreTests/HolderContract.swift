import Core
import Foundation
import Logging
import TestSupport
import Testing

@testable import Sessions
@testable import Store

/// The document that holds a session, in every store.
extension SessionStoreContract {
    static func holder(_ number: UInt8) throws -> SessionHolder {
        try #require(SessionHolder(tabKey: [UInt8](repeating: number, count: 16).base64URL))
    }

    @Test(arguments: Engine.allCases)
    func `a holder is replaced by whoever knows it, and by no other`(engine: Engine) async throws {
        let store = try await store(engine), session = try session(1), other = try self.session(2)
        let holders = try (0...2).map { try Self.holder($0) }
        #expect(try await store.held(session.id) == nil)
        #expect(try await !store.setHolder(holders[0], of: session.id, replacing: nil), "there is no session")
        _ = try await store.save([session, other].map { SessionWrite($0, isNew: true) }, at: start)
        let held = try #require(try await store.held(session.id))
        #expect(held.holder == nil)
        #expect(held.session.connectToken == session.connectToken)
        #expect(held.session.facts == session.facts)

        #expect(try await !store.setHolder(holders[0], of: session.id, replacing: holders[1]))
        #expect(try await store.setHolder(holders[0], of: session.id, replacing: nil))
        #expect(try await !store.setHolder(holders[1], of: session.id, replacing: nil))
        #expect(try await !store.setHolder(holders[1], of: session.id, replacing: holders[2]))
        #expect(try await store.held(session.id)?.holder == holders[0])
        #expect(try await store.setHolder(holders[1], of: session.id, replacing: holders[0]))
        #expect(try await store.held(session.id)?.holder == holders[1])
        #expect(try await store.held(other.id)?.holder == nil)
    }

    @Test(arguments: Engine.allCases)
    func `of many documents at once one becomes the holder`(engine: Engine) async throws {
        let store = try await store(engine), session = try session(1)
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
        let holders = try (UInt8(0)..<16).map { try Self.holder($0) }
        let winners = try await withThrowingTaskGroup(of: SessionHolder?.self) { group in
            for holder in holders {
                group.addTask {
                    try await store.setHolder(holder, of: session.id, replacing: nil) ? holder : nil
                }
            }
            return try await group.reduce(into: [SessionHolder]()) { if let holder = $1 { $0.append(holder) } }
        }
        #expect(winners.count == 1)
        #expect(try await store.held(session.id)?.holder == winners.first)
    }

    @Test(arguments: Engine.allCases)
    func `no write of a session touches its holder, which goes with the session`(engine: Engine) async throws {
        let store = try await store(engine), holder = try Self.holder(1)
        var session = try session(1)
        let old = try self.session(2, of: bob, createdAt: start - 100)
        _ = try await store.save([session, old].map { SessionWrite($0, isNew: true) }, at: start)
        for id in [session.id, old.id] { #expect(try await store.setHolder(holder, of: id, replacing: nil)) }
        session.facts.merge(relayedAt(start))
        session.facts.merge(try located("loc_1", since: start))
        for isNew in [true, false] {
            session.facts.stayedAt = session.facts.stayedAt.map { $0 + 60 }
            _ = try await store.save([SessionWrite(session, isNew: isNew)], at: start + 60)
            #expect(try await store.held(session.id)?.holder == holder)
        }
        _ = try await store.leaseDue(at: start + 600, limit: 9, until: start + 700)
        _ = try await store.publishTimedChanges(at: start + 10 * 86400, limit: 9)
        let held = try #require(try await store.held(session.id))
        #expect(held.holder == holder)
        #expect(held.session.facts.located?.location == LocationID("loc_1"))

        _ = try await store.removeSessions(before: start, at: start)
        #expect(try await store.held(old.id) == nil)
        _ = try await store.forget(alice)
        #expect(try await store.held(session.id) == nil)
        // What comes after it begins without a holder.
        _ = try await store.save([SessionWrite(try self.session(1), isNew: true)], at: start)
        #expect(try await store.held(session.id)?.holder == nil)
    }
}

/// The exchange of tickets by two caches on one database, which are two nodes with PostgreSQL.
@Suite struct TicketExchangeContract {
    enum Engine: CaseIterable { case sqlite, postgres }

    /// One process of the service.
    private struct Node {
        let cache: SessionCache
        let tickets: TicketExchange

        init(_ store: any ServiceStore, now: @escaping @Sendable () -> Date) {
            cache = SessionCache(
                store: store, now: now, clock: ContinuousClock(), timeout: .seconds(30), logger: .silent)
            tickets = TicketExchange(cache: cache, now: now, logger: .silent)
        }
    }

    let folder = TemporaryFolder()
    let alice = Subject("alice")!
    let clock = TestClock()

    private func nodes(_ engine: Engine) async throws -> (stores: [any ServiceStore], nodes: [Node]) {
        let stores: [any ServiceStore]
        switch engine {
        case .sqlite:
            let store = try SQLiteStore.temporary(in: folder)
            stores = [store, store]
        case .postgres:
            let url = try await PostgresServer.shared.newDatabase()
            stores = [try PostgresStore.connected(to: url), try PostgresStore.connected(to: url)]
        }
        return (stores, stores.map { Node($0) { [clock] in clock.wall } })
    }

    private func session(_ number: UInt8 = 1) throws -> ConnectSession {
        try .sample(number, of: alice, createdAt: clock.wall)
    }

    @Test(arguments: Engine.allCases)
    func `a ticket of one node is exchanged once at all of them, and again by the same document`(
        engine: Engine
    ) async throws {
        let (_, nodes) = try await nodes(engine), session = try session()
        try await nodes[0].cache.add(session, key: nil)
        let ticket = Ticket(for: session, after: nil)
        let holders = try (UInt8(1)...8).map { try SessionStoreContract.holder($0) }
        let winners = try await withThrowingTaskGroup(of: SessionHolder?.self) { group in
            for (index, holder) in holders.enumerated() {
                group.addTask {
                    do throws(BFFError) {
                        _ = try await nodes[index % 2].tickets.exchange(ticket, by: holder)
                        return holder
                    } catch {
                        guard error == .ticketUsed else { throw error }
                        return nil
                    }
                }
            }
            return try await group.reduce(into: [SessionHolder]()) { if let holder = $1 { $0.append(holder) } }
        }
        try #require(winners.count == 1)
        for node in nodes {
            #expect(try await node.tickets.exchange(ticket, by: winners[0]).connectToken == session.connectToken)
            for holder in holders where holder != winners[0] {
                await #expect(throws: BFFError.ticketUsed) { try await node.tickets.exchange(ticket, by: holder) }
            }
        }
        // One node issues, the other one exchanges.
        let next = try await nodes[1].tickets.issue(for: session.connectToken)
        let document = try SessionStoreContract.holder(99)
        #expect(try await nodes[0].tickets.exchange(next, by: document).id == session.id)
        await #expect(throws: BFFError.ticketUsed) { try await nodes[1].tickets.exchange(ticket, by: winners[0]) }
    }

    @Test(arguments: Engine.allCases)
    func `a ticket ends with its token, and with its subject`(engine: Engine) async throws {
        let (stores, nodes) = try await nodes(engine), session = try session(1), other = try self.session(2)
        for session in [session, other] { try await nodes[0].cache.add(session, key: nil) }
        let holder = try SessionStoreContract.holder(1)
        let ticket = Ticket(for: session, after: nil)
        _ = try await nodes[0].tickets.exchange(ticket, by: holder)
        clock.advance(by: 86400)
        for node in nodes {
            await #expect(throws: BFFError.ticketExpired) { try await node.tickets.exchange(ticket, by: holder) }
        }
        _ = try await stores[1].forget(alice)
        for node in nodes {
            await #expect(throws: BFFError.ticketUnknown) { try await node.tickets.exchange(ticket, by: holder) }
            await #expect(throws: BFFError.ticketUnknown) {
                try await node.tickets.exchange(Ticket(for: other, after: nil), by: holder)
            }
        }
    }

    @Test func `a database file that was taken away gives no token, and does when it is back (R23)`() async throws {
        let (_, nodes) = try await nodes(.sqlite), path = "\(folder.path)/store.sqlite"
        let session = try session(), holder = try SessionStoreContract.holder(1)
        try await nodes[0].cache.add(session, key: nil)
        let ticket = Ticket(for: session, after: nil)
        try FileManager.default.moveItem(atPath: path, toPath: "\(path).away")
        for node in nodes {
            await #expect(throws: BFFError.storeUnavailable) { try await node.tickets.exchange(ticket, by: holder) }
            // One that is minted now is in memory alone.
            let late = try self.session(2)
            try await node.cache.add(late, key: nil)
            await #expect(throws: BFFError.storeUnavailable) {
                try await node.tickets.exchange(Ticket(for: late, after: nil), by: holder)
            }
        }
        try FileManager.default.moveItem(atPath: "\(path).away", toPath: path)
        #expect(try await nodes[1].tickets.exchange(ticket, by: holder).id == session.id)
        let late = try self.session(2)
        #expect(try await nodes[0].tickets.exchange(Ticket(for: late, after: nil), by: holder).id == late.id)
    }

    @Test func `a server that is away gives no token (R23)`() async throws {
        let node = Node(try PostgresStore.connected(to: "postgres://nobody@127.0.0.1:1/none")) { [clock] in clock.wall }
        let session = try session(), holder = try SessionStoreContract.holder(1)
        let ticket = Ticket(for: session, after: nil)
        await #expect(throws: BFFError.storeUnavailable) { try await node.tickets.exchange(ticket, by: holder) }
        try await node.cache.add(session, key: nil)
        await #expect(throws: BFFError.storeUnavailable) { try await node.tickets.exchange(ticket, by: holder) }
        await #expect(throws: BFFError.storeUnavailable) { try await node.tickets.issue(for: session.connectToken) }
    }
}
