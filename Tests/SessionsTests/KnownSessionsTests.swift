import Core
import Flatpeak
import Foundation
import Testing

@testable import Sessions

/// The memory in front of the store, without a store.
@Suite struct KnownSessionsTests {
    static let start = Date(timeIntervalSince1970: 1_700_000_000)

    static func session(_ number: Int) throws -> ConnectSession {
        let bytes = (0..<12).map { UInt8(truncatingIfNeeded: number >> ($0 % 4 * 8)) }
        return ConnectSession(
            id: SessionID(prefix: "cs", random: bytes), subject: try #require(Subject("alice")),
            connectToken: try #require(ConnectToken("cot_\(number)")),
            slot: TariffSlot(direction: .importing, type: .commodity), mintedLocation: nil, mintedAction: nil,
            returnURL: nil, liveMode: false, createdAt: start, expiresAt: start + 86400)
    }

    static func seen(at seconds: Double) -> SessionFacts {
        var facts = SessionFacts()
        facts.relayed = true
        facts.stayedAt = start + seconds
        return facts
    }

    /// Tells a store that takes everything.
    private func pay(_ known: inout KnownSessions) {
        let batch = known.take(100)
        known.saved(batch, as: batch.map(\.write.session))
    }

    @Test func `a new session is owed until the store has it`() throws {
        var known = KnownSessions(capacity: 10)
        let session = try Self.session(1)
        let version = known.add(session, key: nil)
        #expect(known.isNew(session.id) && !known.isSaved(session.id, version: version))
        let batch = known.take(10)
        #expect(batch.map(\.write.isNew) == [true] && known.owedCount == 0)
        known.notSaved(batch)
        #expect(known.owedCount == 1)
        pay(&known)
        #expect(!known.isNew(session.id) && known.isSaved(session.id, version: version))
        let found = known.session(token: session.connectToken)?.session
        #expect(found?.id == session.id)
    }

    @Test func `a location is its subject's from the claim on, while the store is being told of it and after`() throws {
        var known = KnownSessions(capacity: 10)
        let session = try Self.session(1)
        let location = try #require(LocationID("loc_1"))
        _ = known.add(session, key: nil)
        pay(&known)
        #expect(!known.owes(session.subject, location))
        var facts = SessionFacts()
        facts.located = .init(location: location, pricesAvailable: true, since: Self.start)
        _ = known.note(facts, of: session.connectToken)
        #expect(known.owes(session.subject, location))
        let batch = known.take(10)
        #expect(known.owes(session.subject, location))
        #expect(!known.owes(try #require(Subject("bob")), location))
        known.notSaved(batch)
        #expect(known.owes(session.subject, location))
        pay(&known)
        #expect(!known.owes(session.subject, location), "the store knows now")
    }

    @Test func `what is noted while a write is under way is written afterwards`() throws {
        var known = KnownSessions(capacity: 10)
        let session = try Self.session(1)
        _ = known.add(session, key: nil)
        let batch = known.take(10)
        _ = known.note(Self.seen(at: 1), of: session.connectToken)
        let more = known.take(10)
        #expect(more.isEmpty, "one write of a session at a time")
        known.saved(batch, as: batch.map(\.write.session))
        let next = known.take(10)
        #expect(next.map(\.write.session.facts.stayedAt) == [Self.start + 1])
        #expect(next.map(\.write.isNew) == [false])
    }

    @Test func `a customer who taps along is a write a minute; one who leaves or comes back is one at once`() throws {
        var known = KnownSessions(capacity: 10)
        let session = try Self.session(1)
        _ = known.add(session, key: nil)
        pay(&known)
        let moments = [1.0] + (2...60).map(Double.init) + [61]
        var news: [Double] = []
        for seconds in moments {
            if known.note(Self.seen(at: seconds), of: session.connectToken) { news.append(seconds) }
            pay(&known)
        }
        #expect(news == [1, 61])
        let seen = known.session(session.id)?.facts.stayedAt
        #expect(seen == Self.start + 61, "every tap is known all the same")
        var left = SessionFacts()
        left.leftAt = Self.start + 62
        let leaving = known.note(left, of: session.connectToken)
        pay(&known)
        let comingBack = known.note(Self.seen(at: 63), of: session.connectToken)
        #expect(leaving && comingBack)
    }

    @Test func `a session is found where it was, where it has moved, and not where another one is by now`() throws {
        var known = KnownSessions(capacity: 10)
        let sessions = try (1...3).map(Self.session)
        for session in sessions { _ = known.add(session, key: nil) }
        pay(&known)
        let places = sessions.map { session in known.judge(session.connectToken) { _, place in place } ?? nil }
        // The last one takes the place of the first.
        known.drop(sessions[0].id)
        for (session, place) in zip(sessions, places) {
            _ = known.note(Self.seen(at: 1), of: session.connectToken, at: place)
        }
        let seen = sessions.map { known.session($0.id)?.facts.stayedAt }
        #expect(seen == [nil, Self.start + 1, Self.start + 1])
        #expect(
            known.session(token: sessions[0].connectToken) == nil
                && known.strays.keys.map(\.self) == [sessions[0].connectToken])
        let found = known.session(token: sessions[2].connectToken)?.session
        #expect(found?.id == sessions[2].id && known.count == 2)
    }

    @Test func `what another process changed is asked for before it is believed`() throws {
        var known = KnownSessions(capacity: 10)
        let session = try Self.session(1), other = try Self.session(2)
        let isCurrent = { (known: inout KnownSessions, session: ConnectSession) in
            let isJudged = known.judge(session.connectToken) { _, _ in true } ?? false
            #expect(known.session(token: session.connectToken)?.isCurrent == isJudged)
            return isJudged
        }
        for new in [session, other] { _ = known.add(new, key: nil) }
        known.changed([session.id])
        known.hears(false)
        #expect(isCurrent(&known, session), "nobody else can know what the store does not")
        known.hears(true)
        pay(&known)
        #expect(isCurrent(&known, session) && isCurrent(&known, other))

        // A read or a write that was under way when the news came says nothing.
        let early = known.news
        _ = known.note(Self.seen(at: 1), of: session.connectToken)
        let batch = known.take(10)
        known.changed([session.id])
        #expect(!isCurrent(&known, session) && isCurrent(&known, other))
        known.saved(batch, as: batch.map(\.write.session))
        _ = known.learn(session, askedAt: early)
        #expect(!isCurrent(&known, session))
        _ = known.learn(session, askedAt: known.news)
        #expect(isCurrent(&known, session))

        known.hears(false)
        _ = known.learn(session, askedAt: known.news)
        #expect(!isCurrent(&known, session), "it may have changed since")
        let late = known.news
        known.hears(true)
        _ = known.learn(session, askedAt: late)
        #expect(!isCurrent(&known, session) && !isCurrent(&known, other))
        _ = known.learn(session, askedAt: known.news)
        #expect(isCurrent(&known, session) && !isCurrent(&known, other))
    }

    @Test func `a session that the store has no more is dropped`() throws {
        var known = KnownSessions(capacity: 10)
        let session = try Self.session(1)
        _ = known.add(session, key: nil)
        pay(&known)
        _ = known.note(Self.seen(at: 1), of: session.connectToken)
        known.saved(known.take(10), as: [])
        let found = [known.session(session.id), known.session(token: session.connectToken)?.session]
        #expect(found.allSatisfy { $0 == nil })
        #expect(known.owedCount == 0)
    }

    @Test func `facts about a session that is not known wait for the store to tell of it`() throws {
        var known = KnownSessions(capacity: 10)
        let session = try Self.session(1)
        let isOwed = known.note(Self.seen(at: 1), of: session.connectToken)
        #expect(isOwed && Array(known.strays.keys) == [session.connectToken])
        let learnt = known.learn(session, askedAt: 0)
        #expect(learnt.facts.stayedAt == Self.start + 1)
        #expect(known.strays.isEmpty)
        let batch = known.take(10)
        #expect(batch.map(\.write.session.facts.relayed) == [true])
    }

    @Test func `when all of the memory is owed nothing new is taken on, and no step is forgotten`() throws {
        var known = KnownSessions(capacity: 4)
        let sessions = try (0..<4).map { try Self.session($0) }
        for session in sessions { _ = known.add(session, key: nil) }
        #expect(known.isFull)
        for session in sessions { _ = known.note(Self.seen(at: 1), of: session.connectToken) }
        #expect(known.owedCount == 4 && known.strays.isEmpty)
        pay(&known)
        #expect(!known.isFull)
    }

    @Test func `memory is bounded; what is used stays, what is owed stays longest`() throws {
        var known = KnownSessions(capacity: 100)
        let owed = try Self.session(0), used = try Self.session(1)
        _ = known.add(used, key: nil)
        pay(&known)
        for number in 2..<1000 {
            _ = known.learn(try Self.session(number), askedAt: 0)
            if number == 500 { _ = known.add(owed, key: nil) }
            let stays = known.session(used.id)
            #expect(stays != nil && known.count <= 101)
        }
        let first = known.session(try Self.session(2).id), last = known.session(try Self.session(999).id)
        #expect(first == nil && last != nil)
        let late = known.session(token: owed.connectToken)?.session
        #expect(late != nil && known.owedCount == 1)
    }

    @Test func `reads make us ask once an interval, and at once when something happened`() throws {
        var known = KnownSessions(capacity: 10)
        let session = try Self.session(1)
        _ = known.add(session, key: nil)
        var answers: [Bool] = []
        for seconds in [0, 0.9, 1, 1.5] {
            answers.append(known.mayAsk(about: session.id, at: Self.start + seconds, interval: 1))
        }
        #expect(answers == [true, false, true, false])
        _ = known.note(Self.seen(at: 1.5), of: session.connectToken)
        let afterwards = known.mayAsk(about: session.id, at: Self.start + 1.6, interval: 1)
        #expect(afterwards)
    }

    /// Any order of mints, steps, writes that succeed, fail or are lost, and reads ends with a store that knows as
    /// much as a plain set of facts does.
    @Test func `whatever happens, the store ends up with every fact`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(state: seed)
        for _ in 0..<300 {
            var known = KnownSessions(capacity: 8)
            var store: [SessionID: ConnectSession] = [:]
            var all: [SessionID: SessionFacts] = [:]
            var tokens: [SessionID: ConnectToken] = [:]
            var underWay: [KnownSessions.Owed] = []
            var number = 0
            func save(_ batch: [KnownSessions.Owed]) -> [ConnectSession] {
                batch.compactMap { owed in
                    var session = owed.write.session
                    if let kept = store[owed.id] {
                        session.facts.merge(kept.facts)
                    } else if !owed.write.isNew {
                        return nil
                    }
                    store[owed.id] = session
                    return session
                }
            }
            for step in 0..<60 {
                switch Int.random(in: 0..<6, using: &random) {
                case 0 where !known.isFull:
                    number += 1
                    let session = try Self.session(number)
                    _ = known.add(session, key: nil)
                    all[session.id] = SessionFacts()
                    tokens[session.id] = session.connectToken
                case 1, 2:
                    guard let id = all.keys.sorted(by: { $0.text < $1.text }).randomElement(using: &random) else {
                        break
                    }
                    var facts = Self.seen(at: Double(step) * 100)
                    if Bool.random(using: &random) { facts.leftAt = Self.start + Double(step) * 100 + 1 }
                    all[id]?.merge(facts)
                    _ = known.note(facts, of: try #require(tokens[id]))
                case 3 where underWay.isEmpty:
                    underWay = known.take(Int.random(in: 1...4, using: &random))
                case 4:
                    // The write may have reached the disk although its answer was lost.
                    if Bool.random(using: &random) { _ = save(underWay) }
                    known.notSaved(underWay)
                    underWay = []
                default:
                    known.saved(underWay, as: save(underWay))
                    underWay = []
                }
            }
            known.saved(underWay, as: save(underWay))
            for _ in 0..<100 where known.owedCount > 0 || !known.strays.isEmpty {
                let batch = known.take(3)
                known.saved(batch, as: save(batch))
                for session in store.values where known.strays[session.connectToken] != nil {
                    _ = known.learn(session, askedAt: 0)
                }
            }
            #expect(store.mapValues(\.facts) == all, "seed \(seed)")
        }
    }
}
