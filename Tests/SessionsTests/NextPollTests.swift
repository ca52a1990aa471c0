import Core
import Flatpeak
import Foundation
import Testing

@testable import Sessions

/// When Flatpeak is asked about a session that nobody asks about.
@Suite struct NextPollTests {
    static let start = OutcomeTests.start

    /// The moments of all looks, in seconds after the mint, when each look learns what `answer` says.
    private func looks(
        _ session: ConnectSession, _ answer: (Double) throws -> SessionFacts
    ) rethrows -> [Double] {
        var session = session
        var looks: [Double] = []
        while let next = session.nextPoll, looks.count < 1000 {
            let seconds = next.timeIntervalSince(Self.start)
            looks.append(seconds)
            var facts = try answer(seconds)
            facts.askedAt = next
            session.facts.merge(facts)
        }
        return looks
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

    @Test func `a session in which nothing happened is not asked about`() throws {
        #expect(try OutcomeTests.session().nextPoll == nil)
    }

    @Test func `a customer who vanished is looked for at a falling rate, and a last time before the token ends`() throws
    {
        var session = try OutcomeTests.session()
        session.facts.merge(try OutcomeTests.facts(.stay, minute: 0))
        let looks = looks(session, notFinished)
        #expect(looks.prefix(6) == [60, 120, 240, 480, 960, 1920])
        #expect(looks.last == Double(86400 - 120))
        #expect(looks.count < 35)
        for (one, next) in zip(looks, looks.dropFirst()) { #expect(next - one <= 3600) }
    }

    @Test func `one who left without the callback is asked about soon; what is found is the end`() throws {
        var session = try OutcomeTests.session()
        session.facts.merge(try OutcomeTests.facts(.stay, minute: 0))
        session.facts.merge(try OutcomeTests.facts(.leave, minute: 5))
        #expect(try looks(session) { try located($0, .connected) } == [310])
        #expect(try looks(session) { try located($0, .error) } == [310])
    }

    @Test func `a pending connection is followed for 48 hours, beyond the token's life`() throws {
        var session = try OutcomeTests.session()
        session.facts.merge(try OutcomeTests.facts(.pendingPage, minute: 0))
        session.facts.merge(try OutcomeTests.facts(.leave, minute: 1))
        let looks = try looks(session) { try located($0, .notConnected) }
        #expect(looks.last == Double(70 + 48 * 3600))
        #expect(looks.count < 65)
        #expect(looks.first == 70)
        session.facts.merge(try located(70, .notConnected))
        session.facts.askedAt = Self.start + 70 + 48 * 3600
        #expect(session.outcome(at: Self.start + 71 + 48 * 3600).state == .failed)
    }

    @Test func `one who failed and is still there may try again`() throws {
        var session = try OutcomeTests.session()
        session.facts.merge(try OutcomeTests.facts(.stay, minute: 0))
        session.facts.merge(try located(30, .error))
        session.facts.askedAt = Self.start + 30
        #expect(session.nextPoll == Self.start + 90)
        session.facts.merge(try OutcomeTests.facts(.leave, minute: 0))
        session.facts.leftAt = Self.start + 20
        #expect(session.nextPoll == nil)
    }

    @Test func `a token of a minute is asked about in time`() throws {
        var session = ConnectSession(
            id: try OutcomeTests.session().id, subject: try #require(Subject("alice")),
            connectToken: try #require(ConnectToken("cot_1")),
            slot: TariffSlot(direction: .importing, type: .commodity), mintedLocation: nil, mintedAction: nil,
            returnURL: nil, liveMode: false, createdAt: Self.start, expiresAt: Self.start + 60)
        session.facts.merge(try OutcomeTests.facts(.stay, minute: 0))
        #expect(looks(session, notFinished) == [54])
    }

    @Test func `while somebody listens the wait is short at first`() throws {
        var session = try OutcomeTests.session()
        session.facts.merge(try OutcomeTests.facts(.leave, minute: 0))
        #expect(session.liveWait(at: Self.start) == .seconds(2))
        #expect(session.liveWait(at: Self.start + 80) == .seconds(10))
        #expect(session.liveWait(at: Self.start + 86400) == .seconds(30))
    }
}
