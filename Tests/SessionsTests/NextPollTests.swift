import Core
import Flatpeak
import Foundation
import Testing

@testable import Sessions

/// The schedule of polls without a request.
@Suite struct NextPollTests {
    static let start = OutcomeTests.start

    /// The instants of all polls, in seconds after the mint, when each poll gets `answer`.
    private func polls(
        _ session: ConnectSession, _ answer: (Double) throws -> SessionFacts
    ) rethrows -> [Double] {
        var session = session
        var polls: [Double] = []
        while let next = session.nextPoll, polls.count < 1000 {
            let seconds = next.timeIntervalSince(Self.start)
            polls.append(seconds)
            var facts = try answer(seconds)
            facts.queriedAt = next
            session.facts.merge(facts)
        }
        return polls
    }

    private func notFinished(_ seconds: Double) -> SessionFacts {
        var facts = SessionFacts()
        facts.notFinishedAt = Self.start + seconds
        return facts
    }

    private func located(_ seconds: Double, _ status: TariffStatus?) throws -> SessionFacts {
        var facts = SessionFacts()
        facts.located = .init(
            location: try #require(LocationID("loc_1")), pricesAvailable: false, since: Self.start + seconds)
        facts.status = status.map { .init(value: $0, at: Self.start + seconds) }
        return facts
    }

    @Test func `a session in which nothing happened is not polled`() throws {
        #expect(try OutcomeTests.session().nextPoll == nil)
    }

    @Test func `a vanished customer's session is polled at a falling rate, and a last time before the token expires`()
        throws
    {
        var session = try OutcomeTests.session()
        session.facts.merge(try OutcomeTests.facts(.stay, minute: 0))
        let polls = polls(session, notFinished)
        #expect(polls.prefix(6) == [60, 120, 240, 480, 960, 1920])
        #expect(polls.last == Double(86400 - 120))
        #expect(polls.count < 35)
        for (one, next) in zip(polls, polls.dropFirst()) { #expect(next - one <= 3600) }
    }

    @Test func `a session that was left without the callback is polled soon, until its outcome is final`() throws {
        var session = try OutcomeTests.session()
        session.facts.merge(try OutcomeTests.facts(.stay, minute: 0))
        session.facts.merge(try OutcomeTests.facts(.leave, minute: 5))
        #expect(try polls(session) { try located($0, .connected) } == [310])
        #expect(try polls(session) { try located($0, .error) } == [310])
    }

    @Test func `a pending connection is polled for 48 hours, beyond the token's life`() throws {
        var session = try OutcomeTests.session()
        session.facts.merge(try OutcomeTests.facts(.pendingPage, minute: 0))
        session.facts.merge(try OutcomeTests.facts(.leave, minute: 1))
        let polls = try polls(session) { try located($0, .notConnected) }
        #expect(polls.last == Double(70 + 48 * 3600))
        #expect(polls.count < 65)
        #expect(polls.first == 70)
        session.facts.merge(try located(70, .notConnected))
        session.facts.queriedAt = Self.start + 70 + 48 * 3600
        #expect(session.outcome(at: Self.start + 71 + 48 * 3600).state == .failed)
    }

    @Test func `a failed session is polled while the customer has not left`() throws {
        var session = try OutcomeTests.session()
        session.facts.merge(try OutcomeTests.facts(.stay, minute: 0))
        session.facts.merge(try located(30, .error))
        session.facts.queriedAt = Self.start + 30
        #expect(session.nextPoll == Self.start + 90)
        session.facts.merge(try OutcomeTests.facts(.leave, minute: 0))
        session.facts.leftAt = Self.start + 20
        #expect(session.nextPoll == nil)
    }

    @Test func `the session of a short-lived token is polled before it expires`() throws {
        var session = ConnectSession(
            id: try OutcomeTests.session().id, subject: try #require(Subject("alice")),
            connectToken: try #require(ConnectToken("cot_1")),
            slot: TariffSlot(direction: .importing, type: .commodity), mintedLocation: nil, mintedAction: nil,
            returnURL: nil, liveMode: false, createdAt: Self.start, expiresAt: Self.start + 60)
        session.facts.merge(try OutcomeTests.facts(.stay, minute: 0))
        #expect(polls(session, notFinished) == [54])
    }

    @Test func `a listener causes short waits at first`() throws {
        var session = try OutcomeTests.session()
        session.facts.merge(try OutcomeTests.facts(.leave, minute: 0))
        #expect(session.liveWait(at: Self.start) == .seconds(2))
        #expect(session.liveWait(at: Self.start + 80) == .seconds(10))
        #expect(session.liveWait(at: Self.start + 86400) == .seconds(30))
    }
}
