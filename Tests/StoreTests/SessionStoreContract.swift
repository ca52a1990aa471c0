import Core
import Flatpeak
import Foundation
import Keys
import Logging
import Sessions
import Store
import TestSupport
import Testing

/// What every session store must do; each engine runs it.
@Suite struct SessionStoreContract {
    enum Engine: CaseIterable { case memory, sqlite, postgres }

    let folder = TemporaryFolder()
    let alice = Subject("alice")!
    let bob = Subject("bob")!
    let start = Date(timeIntervalSince1970: 1_700_000_000)

    func store(_ engine: Engine) async throws -> any ServiceStore {
        switch engine {
        case .memory: InMemoryStore()
        case .sqlite: try SQLiteStore.temporary(in: folder)
        case .postgres: try PostgresStore.connected(to: try await PostgresServer.shared.newDatabase())
        }
    }

    func session(_ number: UInt8, of subject: Subject? = nil, createdAt: Date? = nil) throws -> ConnectSession {
        try .sample(number, of: subject ?? alice, createdAt: createdAt ?? start)
    }

    func located(_ location: String, since: Date) throws -> SessionFacts {
        var facts = SessionFacts()
        facts.located = .init(
            location: try #require(LocationID(location)), pricesAvailable: false, since: since)
        return facts
    }

    @Test(arguments: Engine.allCases)
    func `a session is found by its id and by its token, with all that is known of it`(engine: Engine) async throws {
        let store = try await store(engine)
        var session = ConnectSession(
            id: SessionID(prefix: "cs", random: Array(repeating: 1, count: 12)), subject: alice,
            connectToken: try #require(ConnectToken("cot_1")),
            slot: TariffSlot(direction: .exporting, type: .nonCommodity), mintedLocation: LocationID("loc_1"),
            mintedAction: .edit, returnURL: "myapp://done", liveMode: true, createdAt: start, expiresAt: start + 86400)
        session.facts.relayed = true
        session.facts.stayedAt = start + 0.123456789
        session.facts.located = .init(location: try #require(LocationID("loc_1")), pricesAvailable: true, since: start)
        session.facts.status = .init(value: .error, at: start + 1)
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
        for found in [try await store.session(session.id), try await store.session(token: session.connectToken)] {
            let found = try #require(found)
            #expect(found.id == session.id)
            #expect(found.subject == alice)
            #expect(found.connectToken == session.connectToken)
            #expect(found.slot == session.slot)
            #expect(found.mintedLocation == session.mintedLocation)
            #expect(found.mintedAction == .edit)
            #expect(found.returnURL == "myapp://done")
            #expect(found.liveMode)
            #expect(found.createdAt == start)
            #expect(found.expiresAt == start + 86400)
            #expect(found.facts == session.facts)
        }
        #expect(try await store.session(SessionID(prefix: "cs", random: Array(repeating: 9, count: 12))) == nil)
        #expect(try await store.session(token: try #require(ConnectToken("cot_9"))) == nil)
    }

    @Test(arguments: Engine.allCases)
    func `facts are merged, not replaced, and what comes back is the whole`(engine: Engine) async throws {
        let store = try await store(engine)
        let session = try session(1)
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
        var left = session, relayed = session
        left.facts.leftAt = start + 10
        relayed.facts.relayed = true
        _ = try await store.save([SessionWrite(left, isNew: false)], at: start)
        let kept = try #require(try await store.save([SessionWrite(relayed, isNew: false)], at: start).kept.first)
        #expect(kept.facts.leftAt == start + 10)
        #expect(kept.facts.relayed)
        #expect(try await store.session(session.id)?.facts == kept.facts)
    }

    @Test(arguments: Engine.allCases)
    func `telling of a new session twice is telling it once`(engine: Engine) async throws {
        let store = try await store(engine)
        var session = try session(1)
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
        session.facts.relayed = true
        #expect(try await store.save([SessionWrite(session, isNew: true)], at: start).kept.count == 1)
        #expect(try await store.session(session.id)?.facts.relayed == true)
    }

    @Test(arguments: Engine.allCases)
    func `a session that was removed is not made again by what is known of it elsewhere`(engine: Engine) async throws {
        let store = try await store(engine)
        let session = try session(1)
        #expect(try await store.save([SessionWrite(session, isNew: false)], at: start).kept.isEmpty)
        #expect(try await store.session(session.id) == nil)
    }

    @Test(arguments: Engine.allCases)
    func `a location belongs to each subject whose session gave it, once`(engine: Engine) async throws {
        let store = try await store(engine)
        let location = try #require(LocationID("loc_1"))
        var session = try session(1)
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
        #expect(try await store.owns(alice, location) == false)
        session.facts.merge(try located("loc_1", since: start))
        _ = try await store.save([SessionWrite(session, isNew: false)], at: start)
        #expect(try await store.owns(alice, location))
        #expect(try await store.locations(of: alice) == [location])
        #expect(try await store.locations(of: bob).isEmpty)
        #expect(try await store.unbind(location, from: bob) == false)
        #expect(try await store.unbind(location, from: alice))
        #expect(try await store.unbind(location, from: alice) == false)

        // More news of the same session does not undo that; another session does.
        session.facts.stayedAt = start + 60
        _ = try await store.save([SessionWrite(session, isNew: false)], at: start)
        #expect(try await store.owns(alice, location) == false)
        var next = try self.session(2)
        next.facts.merge(try located("loc_1", since: start + 1))
        _ = try await store.save([SessionWrite(next, isNew: true)], at: start)
        #expect(try await store.owns(alice, location))
        #expect(try await store.owns(bob, location) == false)
    }

    @Test(arguments: Engine.allCases)
    func `an idempotency key is one mint's of one subject, until the end`(engine: Engine) async throws {
        let store = try await store(engine)
        let key = try #require(IdempotencyKey("k"))
        let mint = IdempotentMint(body: [1], startedAt: start)
        #expect(try await store.begin(mint, as: key, of: alice, at: start) == nil)
        let other = IdempotentMint(body: [2], startedAt: start)
        #expect(try await store.begin(other, as: key, of: alice, at: start) == mint)
        #expect(try await store.begin(mint, as: key, of: bob, at: start) == nil)

        // The answer is kept together with the session.
        let session = try session(1)
        let answered = IdempotentMint(
            body: [1], startedAt: start,
            answer: .init(session: session.id, connectURL: "a://b", expiresAt: start + 600))
        _ = try await store.save([SessionWrite(session, isNew: true, key: MintKey(key, answered))], at: start)
        #expect(try await store.begin(mint, as: key, of: alice, at: start + 599) == answered)
        #expect(try await store.begin(mint, as: key, of: alice, at: start + 600) == nil)
        // Bob's mint failed, and the one after it died with its process.
        try await store.release(MintKey(key, mint), of: bob)
        #expect(try await store.begin(mint, as: key, of: bob, at: start) == nil)
        #expect(try await store.begin(mint, as: key, of: bob, at: start + 61) == nil)
    }

    @Test(arguments: Engine.allCases)
    func `a mint that outlived its hold on a key neither releases nor answers the key of its successor (I19)`(
        engine: Engine
    ) async throws {
        let store = try await store(engine)
        let key = try #require(IdempotencyKey("k"))
        // The same body at the same instant: only the owner differs.
        let late = IdempotentMint(body: [1], startedAt: start, owner: "late")
        let next = IdempotentMint(body: [1], startedAt: start + 61, owner: "next")
        let twin = IdempotentMint(body: [1], startedAt: start + 61, owner: "twin")
        #expect(try await store.begin(late, as: key, of: alice, at: start) == nil)
        #expect(try await store.begin(next, as: key, of: alice, at: start + 61) == nil)
        for other in [late, twin] { try await store.release(MintKey(key, other), of: alice) }
        #expect(try await store.begin(twin, as: key, of: alice, at: start + 62) == next)

        var lateAnswer = late, answer = next
        let lateSession = try session(1), session = try session(2)
        lateAnswer.answer = .init(session: lateSession.id, connectURL: "a://late", expiresAt: start + 600)
        answer.answer = .init(session: session.id, connectURL: "a://next", expiresAt: start + 600)
        _ = try await store.save(
            [SessionWrite(lateSession, isNew: true, key: MintKey(key, lateAnswer))], at: start + 62)
        #expect(try await store.begin(twin, as: key, of: alice, at: start + 62) == next)
        _ = try await store.save([SessionWrite(session, isNew: true, key: MintKey(key, answer))], at: start + 63)
        // An answer is not released by the call that was under way before, and not replaced.
        for other in [late, next, twin] { try await store.release(MintKey(key, other), of: alice) }
        _ = try await store.save(
            [SessionWrite(lateSession, isNew: false, key: MintKey(key, lateAnswer))], at: start + 64)
        let held = try #require(try await store.begin(twin, as: key, of: alice, at: start + 64))
        #expect(held.answer == answer.answer)
        // Whoever read the answer and found no session releases it, once.
        try await store.release(MintKey(key, held), of: alice)
        #expect(try await store.begin(twin, as: key, of: alice, at: start + 65) == nil)
        try await store.release(MintKey(key, held), of: alice)
        #expect(try await store.begin(next, as: key, of: alice, at: start + 65) == twin)
    }

    @Test(arguments: Engine.allCases)
    func `who is due is found, the longest due first`(engine: Engine) async throws {
        let store = try await store(engine)
        var early = try session(1), late = try session(2), unseen = try session(3), ended = try session(4)
        early.facts.merge(relayedAt(start + 10))
        late.facts.merge(relayedAt(start + 500))
        ended.facts.merge(relayedAt(start + 10))
        ended.facts.leftAt = start + 20
        ended.facts.queriedAt = start + 21
        ended.facts.merge(try located("loc_1", since: start + 21))
        ended.facts.status = .init(value: .connected, at: start + 21)
        unseen.facts = SessionFacts()
        _ = try await store.save([late, early, unseen, ended].map { SessionWrite($0, isNew: true) }, at: start)
        let take = { (instant: TimeInterval, limit: Int) in
            try await store.leaseDue(at: start + instant, limit: limit, until: start + instant).map(\.id)
        }
        #expect(try await take(69, 9).isEmpty)
        #expect(try await take(70, 9) == [early.id])
        #expect(try await take(600, 9) == [early.id, late.id])
        #expect(try await take(600, 1) == [early.id])
        early.facts.queriedAt = start + 600
        _ = try await store.save([SessionWrite(early, isNew: false)], at: start)
        #expect(try await take(600, 9) == [late.id])
    }

    @Test(arguments: Engine.allCases)
    func `who is due is given to one who asks, and to another one when the first is late`(engine: Engine) async throws {
        let store = try await store(engine)
        let sessions = try (1...20).map { number in
            var session = try session(UInt8(number))
            session.facts.merge(relayedAt(start))
            return session
        }
        _ = try await store.save(sessions.map { SessionWrite($0, isNew: true) }, at: start)
        let take = { @Sendable [start] (instant: TimeInterval, limit: Int) async throws in
            try await store.leaseDue(at: start + instant, limit: limit, until: start + instant + 120).map(\.id)
        }
        let taken = try await withThrowingTaskGroup(of: [SessionID].self) { group in
            for _ in 0..<8 { group.addTask { try await take(60, 4) } }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(taken).count == taken.count, "no session is leased twice")
        let rest = try await take(60, 99)
        #expect(Set(taken + rest).count == 20)
        #expect(taken.count + rest.count == 20)
        #expect(try await take(179, 99).isEmpty)
        // Something new is kept of one of them; that does not set it free.
        var seen = sessions[0]
        seen.facts.pendingShown = true
        _ = try await store.save([SessionWrite(seen, isNew: false)], at: start)
        #expect(try await take(179, 99).isEmpty)
        // Whoever took it has asked, and it is due again before the others are given up.
        seen.facts.queriedAt = start + 70
        _ = try await store.save([SessionWrite(seen, isNew: false)], at: start)
        #expect(try await take(139, 99).isEmpty)
        #expect(try await take(140, 99) == [seen.id])
        #expect(try await take(180, 99).count == 19)
    }

    func relayedAt(_ instant: Date) -> SessionFacts {
        var facts = SessionFacts()
        facts.relayed = true
        facts.stayedAt = instant
        return facts
    }

    @Test(arguments: Engine.allCases)
    func `forgetting a subject removes all that is the subject's, and nothing else`(engine: Engine) async throws {
        let store = try await store(engine)
        let key = try #require(IdempotencyKey("k"))
        for (number, subject) in [(UInt8(1), alice), (2, alice), (3, bob)] {
            var session = try session(number, of: subject)
            session.facts.merge(try located("loc_\(number)", since: start))
            let mint = IdempotentMint(
                body: [number], startedAt: start,
                answer: .init(session: session.id, connectURL: "a://b", expiresAt: start + 600))
            _ = try await store.save([SessionWrite(session, isNew: true, key: MintKey(key, mint))], at: start)
        }
        #expect(try await store.forget(alice) == Forgotten(sessions: 2, locations: 2))
        #expect(try await store.forget(alice) == Forgotten(sessions: 0, locations: 0))
        #expect(try await store.session(try session(1).id) == nil)
        #expect(try await store.locations(of: alice).isEmpty)
        #expect(
            try await store.begin(IdempotentMint(body: [9], startedAt: start), as: key, of: alice, at: start) == nil)
        #expect(try await store.session(try session(3).id) != nil)
        #expect(try await store.locations(of: bob).count == 1)
        #expect(
            try await store.begin(IdempotentMint(body: [9], startedAt: start), as: key, of: bob, at: start) != nil)
    }

    @Test(arguments: Engine.allCases)
    func `old sessions and keys that are over go; locations stay`(engine: Engine) async throws {
        let store = try await store(engine)
        var old = try session(1)
        old.facts.merge(try located("loc_1", since: start))
        let new = try session(2, createdAt: start + 100)
        _ = try await store.save([old, new].map { SessionWrite($0, isNew: true) }, at: start)
        #expect(try await store.removeSessions(before: start + 100, at: start + 200) == 1)
        #expect(try await store.session(old.id) == nil)
        #expect(try await store.session(new.id) != nil)
        #expect(try await store.locations(of: alice) == [try #require(LocationID("loc_1"))])
    }
}

extension ConnectSession {
    static func sample(_ number: UInt8, of subject: Subject, createdAt: Date) throws -> ConnectSession {
        ConnectSession(
            id: SessionID(prefix: "cs", random: Array(repeating: number, count: 12)), subject: subject,
            connectToken: try #require(ConnectToken("cot_\(number)")),
            slot: TariffSlot(direction: .importing, type: .commodity), mintedLocation: nil, mintedAction: nil,
            returnURL: "https://app.example", liveMode: false, createdAt: createdAt, expiresAt: createdAt + 86400)
    }
}

extension SQLiteStore {
    static let key = [UInt8](repeating: 7, count: 32)

    static func temporary(in folder: TemporaryFolder, keys: [[UInt8]] = [key]) throws -> SQLiteStore {
        try SQLiteStore(
            path: "\(folder.path)/store.sqlite",
            keys: SealingKeys(keys) { count in (0..<count).map { _ in UInt8.random(in: .min ... .max) } },
            logger: .silent)
    }
}

extension PostgresStore {
    static func connected(to url: String, keys: [[UInt8]] = [SQLiteStore.key]) throws -> PostgresStore {
        let random = { @Sendable (count: Int) in (0..<count).map { _ in UInt8.random(in: .min ... .max) } }
        return PostgresStore(
            url: try #require(PostgresURL(url)), keys: SealingKeys(keys, randomBytes: random), logger: .silent,
            randomBytes: random)
    }
}

/// A folder that goes when it has no owner any more.
final class TemporaryFolder: Sendable {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.appending(path: "bff-store-\(UUID())").path
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}
