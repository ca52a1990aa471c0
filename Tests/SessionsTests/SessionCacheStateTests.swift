import Core
import Flatpeak
import Foundation
import Testing

@testable import Sessions

/// The state of the cache, without a store.
@Suite struct SessionCacheStateTests {
    static let start = Date(timeIntervalSince1970: 1_700_000_000)

    static func session(_ number: Int, location: String? = nil) throws -> ConnectSession {
        let bytes = (0..<12).map { UInt8(truncatingIfNeeded: number >> ($0 % 4 * 8)) }
        return ConnectSession(
            id: SessionID(prefix: "cs", random: bytes), subject: try #require(Subject("alice")),
            connectToken: try #require(ConnectToken("cot_\(number)")),
            slot: TariffSlot(direction: .importing, type: .commodity),
            mintedLocation: try location.map { try #require(LocationID($0)) }, mintedAction: nil,
            returnURL: nil, liveMode: false, createdAt: start, expiresAt: start + 86400)
    }

    static func seen(at seconds: Double) -> SessionFacts {
        var facts = SessionFacts()
        facts.relayed = true
        facts.stayedAt = start + seconds
        return facts
    }

    /// The handle of an admitted session; `nil` when its store has to be read first.
    private func handle(of session: ConnectSession, in cache: inout SessionCacheState) -> CacheHandle? {
        guard case .admit(let admitted) = cache.relayDecision(on: session.connectToken, at: Self.start) else {
            return nil
        }
        return admitted.handle
    }

    /// Flushes to a store that accepts everything.
    private func flush(_ cache: inout SessionCacheState) {
        let batch = cache.takeDirty(100)
        cache.saved(batch, as: batch.map(\.write.session))
    }

    @Test func `a new session is dirty until the store has it`() throws {
        var cache = SessionCacheState(capacity: 10)
        let session = try Self.session(1)
        let version = cache.add(session, key: nil)
        #expect(cache.isNew(session.id))
        #expect(!cache.isSaved(session.id, version: version))
        let batch = cache.takeDirty(10)
        #expect(batch.map(\.write.isNew) == [true])
        #expect(cache.pendingCount == 0)
        cache.notSaved(batch)
        #expect(cache.pendingCount == 1)
        flush(&cache)
        #expect(!cache.isNew(session.id))
        #expect(cache.isSaved(session.id, version: version))
        let found = cache.session(token: session.connectToken)?.session
        #expect(found?.id == session.id)
    }

    @Test func `a location is its subject's from the claim on, before, during and after the write`() throws {
        var cache = SessionCacheState(capacity: 10)
        let session = try Self.session(1)
        let location = try #require(LocationID("loc_1"))
        _ = cache.add(session, key: nil)
        flush(&cache)
        #expect(!cache.hasPendingBinding(session.subject, location))
        var facts = SessionFacts()
        facts.located = .init(location: location, pricesAvailable: true, since: Self.start)
        _ = cache.record(facts, of: session.connectToken)
        #expect(cache.hasPendingBinding(session.subject, location))
        let batch = cache.takeDirty(10)
        #expect(cache.hasPendingBinding(session.subject, location))
        #expect(!cache.hasPendingBinding(try #require(Subject("bob")), location))
        cache.notSaved(batch)
        #expect(cache.hasPendingBinding(session.subject, location))
        flush(&cache)
        #expect(!cache.hasPendingBinding(session.subject, location), "the write is complete")
    }

    @Test func `a pending write of a session for an existing location makes it nobody's`() throws {
        var cache = SessionCacheState(capacity: 10)
        let session = try Self.session(1, location: "loc_1"), location = try #require(LocationID("loc_1"))
        _ = cache.add(session, key: nil)
        var facts = SessionFacts()
        facts.located = .init(location: location, pricesAvailable: true, since: Self.start)
        _ = cache.record(facts, of: session.connectToken)
        // The store knows whether it is the subject's, and whether it is held.
        #expect(!cache.hasPendingBinding(session.subject, location))
        _ = cache.takeDirty(10)
        #expect(!cache.hasPendingBinding(session.subject, location))
    }

    @Test func `facts recorded during a write are in the next one`() throws {
        var cache = SessionCacheState(capacity: 10)
        let session = try Self.session(1)
        _ = cache.add(session, key: nil)
        let batch = cache.takeDirty(10)
        _ = cache.record(Self.seen(at: 1), of: session.connectToken)
        let more = cache.takeDirty(10)
        #expect(more.isEmpty, "one write of a session at a time")
        cache.saved(batch, as: batch.map(\.write.session))
        let next = cache.takeDirty(10)
        #expect(next.map(\.write.session.facts.stayedAt) == [Self.start + 1])
        #expect(next.map(\.write.isNew) == [false])
    }

    @Test func `progress is written once a minute, leaving and coming back at once`() throws {
        var cache = SessionCacheState(capacity: 10)
        let session = try Self.session(1)
        _ = cache.add(session, key: nil)
        flush(&cache)
        let instants = [1.0] + (2...60).map(Double.init) + [61]
        var flushed: [Double] = []
        for seconds in instants {
            if cache.record(Self.seen(at: seconds), of: session.connectToken) { flushed.append(seconds) }
            flush(&cache)
        }
        #expect(flushed == [1, 61])
        let seen = cache.session(session.id)?.facts.stayedAt
        #expect(seen == Self.start + 61, "every tap is cached all the same")
        var left = SessionFacts()
        left.leftAt = Self.start + 62
        let leaving = cache.record(left, of: session.connectToken)
        flush(&cache)
        let comingBack = cache.record(Self.seen(at: 63), of: session.connectToken)
        #expect(leaving)
        #expect(comingBack)
    }

    @Test func `a stale handle finds the moved session, and never another one`() throws {
        var cache = SessionCacheState(capacity: 10)
        let sessions = try (1...3).map { try Self.session($0) }
        for session in sessions { _ = cache.add(session, key: nil) }
        flush(&cache)
        let handles = sessions.map { handle(of: $0, in: &cache) }
        // The last one takes the place of the first.
        cache.drop(sessions[0].id)
        for (session, handle) in zip(sessions, handles) {
            _ = cache.record(Self.seen(at: 1), of: session.connectToken, at: handle)
        }
        let seen = sessions.map { cache.session($0.id)?.facts.stayedAt }
        #expect(seen == [nil, Self.start + 1, Self.start + 1])
        #expect(cache.session(token: sessions[0].connectToken) == nil)
        #expect(cache.orphanedFacts.keys.map(\.self) == [sessions[0].connectToken])
        let found = cache.session(token: sessions[2].connectToken)?.session
        #expect(found?.id == sessions[2].id)
        #expect(cache.count == 2)
    }

    @Test func `a session that another process changed is not current until it was read again`() throws {
        var cache = SessionCacheState(capacity: 10)
        let session = try Self.session(1), other = try Self.session(2)
        let isCurrent = { (cache: inout SessionCacheState, session: ConnectSession) in
            let isDecided = handle(of: session, in: &cache) != nil
            #expect(cache.session(token: session.connectToken)?.isCurrent == isDecided)
            return isDecided
        }
        for new in [session, other] { _ = cache.add(new, key: nil) }
        cache.changed([session.id])
        cache.subscriptionChanged(isActive: false)
        #expect(isCurrent(&cache, session), "no other process knows a session that is not stored")
        cache.subscriptionChanged(isActive: true)
        flush(&cache)
        #expect(isCurrent(&cache, session))
        #expect(isCurrent(&cache, other))

        // A read or a write that was in flight when the notification came says nothing.
        let early = cache.generation
        _ = cache.record(Self.seen(at: 1), of: session.connectToken)
        let batch = cache.takeDirty(10)
        cache.changed([session.id])
        #expect(!isCurrent(&cache, session))
        #expect(isCurrent(&cache, other))
        cache.saved(batch, as: batch.map(\.write.session))
        _ = cache.refresh(session, readGeneration: early)
        #expect(!isCurrent(&cache, session))
        _ = cache.refresh(session, readGeneration: cache.generation)
        #expect(isCurrent(&cache, session))

        cache.subscriptionChanged(isActive: false)
        _ = cache.refresh(session, readGeneration: cache.generation)
        #expect(!isCurrent(&cache, session), "it may have changed since")
        let late = cache.generation
        cache.subscriptionChanged(isActive: true)
        _ = cache.refresh(session, readGeneration: late)
        #expect(!isCurrent(&cache, session))
        #expect(!isCurrent(&cache, other))
        _ = cache.refresh(session, readGeneration: cache.generation)
        #expect(isCurrent(&cache, session))
        #expect(!isCurrent(&cache, other))
    }

    @Test func `drops a session that was removed from the store`() throws {
        var cache = SessionCacheState(capacity: 10)
        let session = try Self.session(1)
        _ = cache.add(session, key: nil)
        flush(&cache)
        _ = cache.record(Self.seen(at: 1), of: session.connectToken)
        cache.saved(cache.takeDirty(10), as: [])
        let found = [cache.session(session.id), cache.session(token: session.connectToken)?.session]
        #expect(found.allSatisfy { $0 == nil })
        #expect(cache.pendingCount == 0)
    }

    @Test func `facts of a session that is not cached wait until it was read from the store`() throws {
        var cache = SessionCacheState(capacity: 10)
        let session = try Self.session(1)
        let isDirty = cache.record(Self.seen(at: 1), of: session.connectToken)
        #expect(isDirty)
        #expect(Array(cache.orphanedFacts.keys) == [session.connectToken])
        let merged = cache.refresh(session, readGeneration: 0)
        #expect(merged.facts.stayedAt == Self.start + 1)
        #expect(cache.orphanedFacts.isEmpty)
        let batch = cache.takeDirty(10)
        #expect(batch.map(\.write.session.facts.relayed) == [true])
    }

    @Test func `rejects new sessions while all cached ones are dirty, and loses no step`() throws {
        var cache = SessionCacheState(capacity: 4)
        let sessions = try (0..<4).map { try Self.session($0) }
        for session in sessions { _ = cache.add(session, key: nil) }
        #expect(cache.isFull)
        for session in sessions { _ = cache.record(Self.seen(at: 1), of: session.connectToken) }
        #expect(cache.pendingCount == 4)
        #expect(cache.orphanedFacts.isEmpty)
        flush(&cache)
        #expect(!cache.isFull)
    }

    @Test func `evicts sessions that are not used, and never dirty ones`() throws {
        var cache = SessionCacheState(capacity: 100)
        let pending = try Self.session(0), used = try Self.session(1)
        _ = cache.add(used, key: nil)
        flush(&cache)
        for number in 2..<1000 {
            _ = cache.refresh(try Self.session(number), readGeneration: 0)
            if number == 500 { _ = cache.add(pending, key: nil) }
            let stays = cache.session(used.id)
            #expect(stays != nil)
            #expect(cache.count <= 101)
        }
        let first = cache.session(try Self.session(2).id), last = cache.session(try Self.session(999).id)
        #expect(first == nil)
        #expect(last != nil)
        let late = cache.session(token: pending.connectToken)?.session
        #expect(late != nil)
        #expect(cache.pendingCount == 1)
    }

    @Test func `reads cause one poll in an interval, and another one after a step`() throws {
        var cache = SessionCacheState(capacity: 10)
        let session = try Self.session(1)
        _ = cache.add(session, key: nil)
        var answers: [Bool] = []
        for seconds in [0, 0.9, 1, 1.5] {
            answers.append(cache.shouldPoll(session.id, at: Self.start + seconds, interval: 1))
        }
        #expect(answers == [true, false, true, false])
        _ = cache.record(Self.seen(at: 1.5), of: session.connectToken)
        let afterwards = cache.shouldPoll(session.id, at: Self.start + 1.6, interval: 1)
        #expect(afterwards)
    }

    /// After any order of mints, steps, reads, and writes that succeed, fail or lose their answer, the store has the same
    /// facts as a plain set.
    @Test func `the store ends up with every fact, in any order of events`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(state: seed)
        for _ in 0..<300 {
            var cache = SessionCacheState(capacity: 8)
            var store: [SessionID: ConnectSession] = [:]
            var all: [SessionID: SessionFacts] = [:]
            var tokens: [SessionID: ConnectToken] = [:]
            var inFlight: [SessionCacheState.PendingWrite] = []
            var number = 0
            func save(_ batch: [SessionCacheState.PendingWrite]) -> [ConnectSession] {
                batch.compactMap { pending in
                    var session = pending.write.session
                    if let kept = store[pending.id] {
                        session.facts.merge(kept.facts)
                    } else if !pending.write.isNew {
                        return nil
                    }
                    store[pending.id] = session
                    return session
                }
            }
            for step in 0..<60 {
                switch Int.random(in: 0..<6, using: &random) {
                case 0 where !cache.isFull:
                    number += 1
                    let session = try Self.session(number)
                    _ = cache.add(session, key: nil)
                    all[session.id] = SessionFacts()
                    tokens[session.id] = session.connectToken
                case 1, 2:
                    guard let id = all.keys.sorted(by: { $0.text < $1.text }).randomElement(using: &random) else {
                        break
                    }
                    var facts = Self.seen(at: Double(step) * 100)
                    if Bool.random(using: &random) { facts.leftAt = Self.start + Double(step) * 100 + 1 }
                    all[id]?.merge(facts)
                    _ = cache.record(facts, of: try #require(tokens[id]))
                case 3 where inFlight.isEmpty:
                    inFlight = cache.takeDirty(Int.random(in: 1...4, using: &random))
                case 4:
                    // The write may have reached the disk although its answer was lost.
                    if Bool.random(using: &random) { _ = save(inFlight) }
                    cache.notSaved(inFlight)
                    inFlight = []
                default:
                    cache.saved(inFlight, as: save(inFlight))
                    inFlight = []
                }
            }
            cache.saved(inFlight, as: save(inFlight))
            for _ in 0..<100 where cache.pendingCount > 0 || !cache.orphanedFacts.isEmpty {
                let batch = cache.takeDirty(3)
                cache.saved(batch, as: save(batch))
                for session in store.values where cache.orphanedFacts[session.connectToken] != nil {
                    _ = cache.refresh(session, readGeneration: 0)
                }
            }
            #expect(store.mapValues(\.facts) == all, "seed \(seed)")
        }
    }
}
