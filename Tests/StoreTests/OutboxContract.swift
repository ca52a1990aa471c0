import Core
import Flatpeak
import Foundation
import Sessions
import Store
import TestSupport
import Testing

/// The store as an outbox: what every engine must do besides.
extension SessionStoreContract {
    private func event(
        _ name: String, of session: SessionID? = nil, for subject: Subject? = nil, at seconds: TimeInterval = 0
    ) throws -> NewEvent {
        NewEvent(
            id: try #require(EventID("evt_\(name)")), type: "flatpeak.\(name)", session: session, subject: subject,
            at: start + seconds, data: Array(#"{"name":"\#(name)"}"#.utf8))
    }

    /// Takes everything that is due and says what it is.
    private func taken(
        _ store: any Outbox, at seconds: TimeInterval, limit: Int = 99
    ) async throws -> [OutgoingEvent] {
        try await store.take(dueAt: start + seconds, leasedUntil: start + seconds + 30, limit: limit)
    }

    private func types(_ store: any Outbox) async throws -> [String] {
        try await store.events(limit: 99).reversed().map { "\($0.event.event.type) \($0.event.sequence ?? 0)" }
    }

    // MARK: - Born with the facts

    @Test(arguments: Engine.allCases)
    func `a change of state is published together with its facts, numbered, and once`(
        engine: Engine
    ) async throws {
        let store = try await store(engine)
        var session = try session(1)
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
        session.facts.merge(relayedAt(start + 10))
        _ = try await store.save([SessionWrite(session, isNew: false)], at: start + 10)
        #expect(try await store.events(limit: 9).isEmpty, "its own mint and its own app are no news")

        session.facts.merge(try located("loc_1", since: start + 20))
        let pending = session
        _ = try await store.save([SessionWrite(pending, isNew: false)], at: start + 20)
        session.facts.status = .init(value: .connected, at: start + 30)
        _ = try await store.save([SessionWrite(session, isNew: false)], at: start + 30)
        // Twice, and the earlier one afterwards.
        _ = try await store.save([SessionWrite(session, isNew: false)], at: start + 40)
        _ = try await store.save([SessionWrite(pending, isNew: false)], at: start + 50)
        #expect(try await types(store) == ["session.pending 1", "session.connected 2"])

        session.facts.status = .init(value: .error, at: start + 60)
        _ = try await store.save([SessionWrite(session, isNew: false)], at: start + 60)
        session.facts.status = .init(value: .connected, at: start + 70)
        _ = try await store.save([SessionWrite(session, isNew: false)], at: start + 70)
        #expect(
            try await types(store)
                == ["session.pending 1", "session.connected 2", "session.failed 3", "session.connected 4"])
        let last = try #require(try await store.events(limit: 1).first)
        #expect(last.state == .pending)
        #expect(last.answer == nil)
        #expect(last.event.event.subject == alice)
        #expect(last.event.event.session == session.id)
        #expect(last.event.event.at == start + 70)
        let data = try #require(try JSONSerialization.jsonObject(with: Data(last.event.event.data)) as? [String: Any])
        #expect(data["id"] as? String == session.id.text)
        #expect(data["subject"] as? String == "alice")
        #expect(data["state"] as? String == "connected")
        #expect(data["location_id"] as? String == "loc_1")
        let ids = try await store.events(limit: 9).map(\.event.event.id)
        #expect(Set(ids).count == 4)
    }

    @Test(arguments: Engine.allCases)
    func `a session that ends by time alone is published, though no client reads it`(engine: Engine) async throws {
        let store = try await store(engine)
        let unseen = try session(1)
        var pending = try session(2), left = try session(3), ended = try session(4)
        pending.facts.merge(try located("loc_1", since: start + 60))
        pending.facts.queriedAt = start + 60 + ConnectSession.pendingLimit
        left.facts.merge(relayedAt(start + 10))
        left.facts.leftAt = start + 20
        left.facts.notFinishedAt = start + 21
        left.facts.queriedAt = start + 86400 - 60
        ended.facts.merge(try located("loc_2", since: start + 60))
        ended.facts.status = .init(value: .connected, at: start + 60)
        _ = try await store.save([unseen, pending, left, ended].map { SessionWrite($0, isNew: true) }, at: start + 60)
        #expect(try await types(store) == ["session.pending 1", "session.abandoned 1", "session.connected 1"])
        #expect(try await store.publishTimedChanges(at: start + 86399, limit: 99) == 0)
        #expect(try await store.publishTimedChanges(at: start + 86400, limit: 1) == 1)
        #expect(try await store.publishTimedChanges(at: start + 86400, limit: 99) == 1)
        #expect(try await store.publishTimedChanges(at: start + 86400, limit: 99) == 0)
        #expect(Set(try await types(store).suffix(2)) == ["session.expired 1", "session.expired 2"])
        let later = start + 60 + ConnectSession.pendingLimit
        #expect(try await store.publishTimedChanges(at: later - 1, limit: 99) == 0)
        #expect(try await store.publishTimedChanges(at: later, limit: 99) == 1)
        #expect(try await types(store).last == "session.failed 2")
        #expect(try await store.publishTimedChanges(at: later + 86400, limit: 99) == 0)
    }

    @Test(arguments: Engine.allCases)
    func `while Flatpeak is still to be asked, time alone decides nothing`(engine: Engine) async throws {
        let store = try await store(engine)
        var session = try session(1)
        session.facts.merge(relayedAt(start + 10))
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start + 10)
        // The process was away when the token ended; the look that it missed finds a location.
        #expect(try await store.publishTimedChanges(at: start + 90000, limit: 99) == 0)
        session.facts.queriedAt = start + 90000
        session.facts.merge(try located("loc_1", since: start + 90000))
        session.facts.status = .init(value: .connected, at: start + 90000)
        _ = try await store.save([SessionWrite(session, isNew: false)], at: start + 90000)
        #expect(try await types(store) == ["session.connected 1"])
    }

    // MARK: - Put

    @Test(arguments: Engine.allCases)
    func `an event is put once; one of a session has a place in its sequence`(engine: Engine) async throws {
        let store = try await store(engine)
        var session = try session(1)
        session.facts.merge(try located("loc_1", since: start))
        _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
        let stranger = try self.session(9).id
        for _ in 1...2 {
            try await store.put([
                try event("a", of: session.id, for: alice, at: 1), try event("b", at: 2),
                try event("c", of: stranger, at: 3),
            ])
        }
        session.facts.status = .init(value: .connected, at: start + 4)
        _ = try await store.save([SessionWrite(session, isNew: false)], at: start + 4)
        #expect(
            try await types(store)
                == ["session.pending 1", "flatpeak.a 2", "flatpeak.b 0", "flatpeak.c 0", "session.connected 3"])
        let kept = try #require(try await store.events(limit: 4).last)
        #expect(
            kept.event
                == OutgoingEvent(
                    try event("a", of: session.id, for: alice, at: 1), sequence: 2, attempts: 0, lease: start + 1))
    }

    // MARK: - Taking and settling

    @Test(arguments: Engine.allCases)
    func `who takes events has them until the lease is over, the longest due first`(engine: Engine) async throws {
        let store = try await store(engine)
        try await store.put([try event("late", at: 20), try event("early", at: 10), try event("later", at: 30)])
        #expect(try await taken(store, at: 9).isEmpty)
        let first = try await taken(store, at: 20, limit: 1)
        #expect(first.map(\.event) == [try event("early", at: 10)])
        #expect(first.first?.lease == start + 50)
        #expect(try await taken(store, at: 30).map(\.event.type) == ["flatpeak.late", "flatpeak.later"])
        #expect(try await taken(store, at: 49).isEmpty)
        // Whoever had it died.
        let again = try await taken(store, at: 50)
        #expect(again.map(\.event.type) == ["flatpeak.early"])
        #expect(again.first?.attempts == 0)
        // The first was not dead after all: its failure is no longer asked for, a delivery is one.
        try await store.settle([Delivery(of: first[0], .failed(nextAt: start + 1), answer: "500")])
        #expect(try await taken(store, at: 51).isEmpty)
        try await store.settle([Delivery(of: first[0], .delivered(at: start + 52), answer: "204")])
        #expect(try await taken(store, at: 1000).map(\.event.type) == ["flatpeak.late", "flatpeak.later"])
        let kept = try #require(try await store.events(limit: 9).first { $0.event.event.type == "flatpeak.early" })
        #expect(kept.state == .delivered)
        #expect(kept.answer == "204")
    }

    @Test(arguments: Engine.allCases)
    func `events of a session go out one after the other, until one failed twice`(engine: Engine) async throws {
        let store = try await store(engine)
        let session = try session(1), other = try self.session(2)
        _ = try await store.save([session, other].map { SessionWrite($0, isNew: true) }, at: start)
        try await store.put([
            try event("a", of: session.id), try event("b", of: session.id), try event("c", of: session.id),
            try event("d", of: other.id), try event("e"),
        ])
        let first = try await taken(store, at: 0)
        #expect(first.map(\.event.type) == ["flatpeak.a", "flatpeak.d", "flatpeak.e"])
        try await store.settle([
            Delivery(of: first[0], .failed(nextAt: start + 5), answer: "500"),
            Delivery(of: first[1], .delivered(at: start), answer: "200"),
            Delivery(of: first[2], .delivered(at: start), answer: "200"),
        ])
        #expect(try await taken(store, at: 4).isEmpty)
        let second = try await taken(store, at: 5)
        #expect(second.map(\.event.type) == ["flatpeak.a"])
        #expect(second.first?.attempts == 1)
        try await store.settle([Delivery(of: second[0], .failed(nextAt: start + 300), answer: "500")])
        #expect(try await taken(store, at: 6).map(\.event.type) == ["flatpeak.b"])
        #expect(try await taken(store, at: 7).isEmpty, "c waits for b")
    }

    @Test(arguments: Engine.allCases)
    func `what was given up is counted, shown and can be replayed`(engine: Engine) async throws {
        let store = try await store(engine)
        try await store.put([try event("old", at: 1), try event("dead", at: 10), try event("new", at: 20)])
        let all = try await taken(store, at: 20)
        try await store.settle([
            Delivery(of: all[0], .delivered(at: start + 21), answer: "200"),
            Delivery(of: all[1], .dead, answer: "timed_out"),
        ])
        #expect(try await store.eventCounts() == EventCounts(pending: 1, dead: 1))
        #expect(try await taken(store, at: 49).isEmpty)
        let kept = try await store.events(limit: 2)
        #expect(kept.map(\.state) == [.pending, .dead])
        #expect(kept.map(\.answer) == [nil, "timed_out"])
        #expect(kept[1].event.attempts == 1)
        #expect(try await store.replay(since: start + 10, at: start + 40) == 2)
        #expect(try await store.eventCounts() == EventCounts(pending: 2, dead: 0))
        let again = try await taken(store, at: 40)
        #expect(again.map(\.event) == [try event("dead", at: 10), try event("new", at: 20)])
        #expect(again.map(\.attempts) == [0, 0])
    }

    @Test(arguments: Engine.allCases)
    func `a subject has its share of what is taken, with what is under way, and leaves the rest to others (I18)`(
        engine: Engine
    ) async throws {
        let store = try await store(engine), share = OutgoingEvent.share
        // A subject may be called anything.
        let odd = try #require(Subject(#"{"a,b",\c}"#))
        for number in 0..<100 { try await store.put([try event("a\(number)", for: odd, at: 0)]) }
        for number in 0..<5 { try await store.put([try event("b\(number)", for: bob, at: 1)]) }
        for number in 0..<10 { try await store.put([try event("n\(number)", at: 2)]) }
        let take = { (limit: Int, inFlight: [Subject]) in
            try await store.take(
                dueAt: start + 9, leasedUntil: start + 39, limit: limit, besides: inFlight
            ).map(\.event.subject)
        }
        #expect(try await take(4, []) == Array(repeating: odd, count: 4))
        let rest = try await take(20, Array(repeating: odd, count: 4))
        #expect(rest.count { $0 == odd } == share - 4, "what is under way counts")
        #expect(try await take(99, Array(repeating: odd, count: share)).allSatisfy { $0 != odd })
        #expect(try await take(99, Array(repeating: odd, count: share)).isEmpty)
        #expect(try await take(99, []).count { $0 == odd } == share)
    }

    // MARK: - Removal

    @Test(arguments: Engine.allCases)
    func `forgetting a subject removes the events of the subject`(engine: Engine) async throws {
        let store = try await store(engine)
        for (number, subject) in [(UInt8(1), alice), (2, bob)] {
            var session = try session(number, of: subject)
            session.facts.merge(try located("loc_\(number)", since: start))
            _ = try await store.save([SessionWrite(session, isNew: true)], at: start)
        }
        try await store.put([try event("a", for: alice), try event("nobody")])
        _ = try await store.forget(alice)
        let left = try await store.events(limit: 9).map { $0.event.event.subject?.text ?? "-" }
        #expect(left == ["-", "bob"])
        #expect(try await store.publishTimedChanges(at: start + 1e6, limit: 99) <= 1)
    }

    @Test(arguments: Engine.allCases)
    func `old events go with old sessions; those to be delivered have a week`(engine: Engine) async throws {
        let store = try await store(engine)
        try await store.put([try event("done", at: 0), try event("waits", at: 1), try event("new", at: 100)])
        let first = try await taken(store, at: 0)
        try await store.settle([Delivery(of: first[0], .delivered(at: start), answer: "200")])
        _ = try await store.removeSessions(before: start + 100, at: start + 200)
        #expect(try await types(store) == ["flatpeak.waits 0", "flatpeak.new 0"])
        _ = try await store.removeSessions(before: start + 100, at: start + 2 + OutgoingEvent.leastLife)
        #expect(try await types(store) == ["flatpeak.new 0"])
    }
}
