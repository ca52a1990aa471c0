import Core
import Flatpeak
import Foundation
import Testing

@testable import Sessions

/// The rule by which every store changes a session.
@Suite struct SessionChangeTests {
    private let start = OutcomeTests.start

    private func session(_ facts: [OutcomeTests.Fact] = []) throws -> ConnectSession {
        var session = try OutcomeTests.session()
        for (minute, fact) in facts.enumerated() {
            session.facts.merge(try OutcomeTests.facts(fact, minute: minute + 1))
        }
        return session
    }

    private func merge(
        _ session: ConnectSession, isNew: Bool = false, into stored: SessionChange.Stored?
    ) throws -> SessionChange? {
        try SessionChange.merging(SessionWrite(session, isNew: isNew), into: stored, at: start + 3600)
    }

    @Test func `inserts a new session without an event`() throws {
        let change = try #require(try merge(try session(), isNew: true, into: nil))
        #expect(change.write == .insert)
        #expect(change.event == nil)
        #expect(change.location == nil)
        #expect(change.changesAt == start + 86400)
    }

    @Test func `does not create a removed session again`() throws {
        #expect(try merge(try session([.stay]), into: nil) == nil)
    }

    @Test func `a write without new facts changes nothing`() throws {
        let first = try #require(try merge(try session([.stay, .located]), isNew: true, into: nil))
        let second = try #require(try merge(try session([.stay]), into: first.stored))
        #expect(second.write == .none)
        #expect(second.event == nil)
        #expect(second.location == nil)
        #expect(!second.endsLease)
        #expect(second.stored == first.stored)
    }

    @Test func `binds the location with the first write that has it, and with no other`() throws {
        let first = try #require(try merge(try session([.stay]), isNew: true, into: nil))
        let second = try #require(try merge(try session([.stay, .located]), into: first.stored))
        #expect(second.location?.text == "loc_1")
        let third = try #require(try merge(try session([.stay, .locatedWithPrices]), into: second.stored))
        #expect(third.location == nil)
    }

    @Test func `publishes a new state once, with the next number of the session`() throws {
        let first = try #require(try merge(try session([.stay]), isNew: true, into: nil))
        let second = try #require(try merge(try session([.stay, .locatedWithPrices]), into: first.stored))
        #expect(second.event?.type == "session.connected")
        #expect(second.cursor.sequence == 1)
        let again = try #require(try merge(try session([.stay, .locatedWithPrices]), into: second.stored))
        #expect(again.event == nil)
        #expect(again.write == .none)
    }

    @Test func `the result of a poll ends its lease`() throws {
        let stored = try #require(try merge(try session([.stay]), isNew: true, into: nil)).stored
        var polled = try session([.stay])
        polled.facts.queriedAt = start + 600
        let change = try #require(try merge(polled, into: stored))
        #expect(change.endsLease)
        #expect(change.write == .update)
    }

    @Test func `a timed change is written even without an event, so that it is not due again`() throws {
        let change = try SessionChange.timed(try session([.stay]), OutboxCursor(), at: start + 60)
        #expect(change.write == .update)
        #expect(change.event == nil)
        let end = try SessionChange.timed(try session(), change.cursor, at: start + 86400)
        #expect(end.event != nil)
        #expect(end.changesAt == nil)
    }

    @Test func `the order of two writes makes no difference`() throws {
        let writes = [try session([.stay, .located]), try session([.leave])]
        let results = try [writes, writes.reversed()].map { writes in
            let first = try #require(try merge(writes[0], isNew: true, into: nil))
            return try #require(try merge(writes[1], into: first.stored)).session.facts
        }
        #expect(results[0] == results[1])
    }

    @Test func `stored facts keep the names of their JSON keys`() throws {
        var facts = SessionFacts()
        (facts.stayedAt, facts.leftAt, facts.notFinishedAt) = (start, start, start)
        (facts.goneAt, facts.queriedAt, facts.completedAt) = (start, start, start)
        facts.located = .init(location: try #require(LocationID("loc_1")), pricesAvailable: true, since: start)
        facts.status = .init(value: .connected, at: start)
        let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(facts)) as? [String: Any]
        #expect(
            object?.keys.sorted() == [
                "askedAt", "completedAt", "disconnectAsked", "goneAt", "leftAt", "located", "notFinishedAt",
                "pendingShown", "relayed", "status", "stayedAt",
            ])
    }
}
