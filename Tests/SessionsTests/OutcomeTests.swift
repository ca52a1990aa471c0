import Core
import Flatpeak
import Foundation
import Networking
import Testing

@testable import Sessions

/// The table of states, row by row, and the property that order does not matter.
@Suite struct OutcomeTests {
    static let start = Date(timeIntervalSince1970: 1_700_000_000)

    static func session(location: String? = nil, action: TariffAction? = nil) throws -> ConnectSession {
        ConnectSession(
            id: SessionID(prefix: "cs", random: Array(0..<12)), subject: try #require(Subject("alice")),
            connectToken: try #require(ConnectToken("cot_1")),
            slot: TariffSlot(direction: .importing, type: .commodity),
            mintedLocation: try location.map { try #require(LocationID($0)) }, mintedAction: action, returnURL: nil,
            liveMode: false, createdAt: start, expiresAt: start.addingTimeInterval(86400))
    }

    enum Fact: Hashable, CaseIterable {
        case stay, leave, comeBack, disconnect, pendingPage
        case notFinished, gone, located, locatedWithPrices
        case connected, notConnected, error, strange
    }

    /// Facts get their instant from their place in a history, one minute apart.
    static func facts(_ fact: Fact, minute: Int) throws -> SessionFacts {
        let instant = start.addingTimeInterval(Double(minute) * 60)
        var facts = SessionFacts()
        let location = try #require(LocationID("loc_1"))
        switch fact {
        case .stay, .comeBack: (facts.relayed, facts.stayedAt) = (true, instant)
        case .leave: facts.leftAt = instant
        case .disconnect: (facts.relayed, facts.disconnectAsked, facts.leftAt) = (true, true, instant)
        case .pendingPage: (facts.relayed, facts.pendingShown, facts.stayedAt) = (true, true, instant)
        case .notFinished: facts.notFinishedAt = instant
        case .gone: facts.goneAt = instant
        case .located: facts.located = .init(location: location, pricesAvailable: false, since: instant)
        case .locatedWithPrices: facts.located = .init(location: location, pricesAvailable: true, since: instant)
        case .connected: facts.status = .init(value: .connected, at: instant)
        case .notConnected: facts.status = .init(value: .notConnected, at: instant)
        case .error: facts.status = .init(value: .error, at: instant)
        case .strange: facts.status = .init(value: .other, at: instant)
        }
        return facts
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let history: [Fact]
        let state: SessionState
        var location: String?
        var action: TariffAction?
        var afterHours = 1.0
        var isFinal = false
        var testDescription: String { "\(history) -> \(state)" }
    }

    @Test(arguments: [
        Row(history: [], state: .created),
        Row(history: [.stay], state: .active),
        Row(history: [.stay, .notFinished], state: .active),
        Row(history: [.stay, .leave], state: .active),
        Row(history: [.stay, .leave, .notFinished], state: .abandoned),
        Row(history: [.stay, .notFinished, .leave], state: .active),
        Row(history: [.leave, .notFinished], state: .abandoned),
        Row(history: [.stay, .leave, .notFinished, .comeBack], state: .active),
        Row(history: [.stay, .leave, .located, .connected], state: .connected, isFinal: true),
        Row(history: [.stay, .located, .connected], state: .connected),
        Row(history: [.stay, .leave, .locatedWithPrices], state: .connected, isFinal: true),
        Row(history: [.stay, .leave, .located], state: .pending),
        Row(history: [.stay, .leave, .located, .notConnected], state: .pending),
        Row(history: [.stay, .leave, .located, .strange], state: .pending),
        Row(history: [.stay, .leave, .located, .error], state: .failed, isFinal: true),
        Row(history: [.stay, .leave, .located, .notConnected], state: .failed, afterHours: 49, isFinal: true),
        Row(history: [.stay, .leave, .located, .notConnected], state: .pending, afterHours: 47),
        Row(
            history: [.stay, .disconnect, .locatedWithPrices, .notConnected], state: .disconnected, location: "loc_1",
            isFinal: true),
        Row(
            history: [.stay, .leave, .located, .notConnected], state: .disconnected, location: "loc_1",
            action: .disconnect, isFinal: true),
        Row(
            history: [.stay, .leave, .locatedWithPrices, .connected], state: .connected, location: "loc_1",
            action: .edit, isFinal: true),
        // The prices of a location that was there before say nothing about a slot that is empty.
        Row(history: [.stay, .leave, .locatedWithPrices, .notConnected], state: .abandoned, location: "loc_1"),
        Row(history: [.stay, .locatedWithPrices, .notConnected], state: .active, location: "loc_1"),
        Row(history: [.pendingPage, .leave, .located, .notConnected], state: .pending, location: "loc_1"),
        Row(history: [.stay], state: .expired, afterHours: 25, isFinal: true),
        Row(history: [.stay, .leave, .notFinished], state: .expired, afterHours: 25, isFinal: true),
        Row(history: [.stay, .gone], state: .expired, isFinal: true),
        Row(history: [.stay, .located, .connected], state: .connected, afterHours: 25, isFinal: true),
    ])
    func `the state of a history`(row: Row) throws {
        var session = try Self.session(location: row.location, action: row.action)
        for (minute, fact) in row.history.enumerated() {
            session.facts.merge(try Self.facts(fact, minute: minute))
        }
        let outcome = session.outcome(at: Self.start.addingTimeInterval(row.afterHours * 3600))
        #expect(outcome.state == row.state)
        #expect(outcome.isFinal == row.isFinal)
        if row.state == .disconnected { #expect(!outcome.pricesAvailable) }
    }

    @Test(
        "a session that ended disconnected has no prices, whatever a claim said before",
        arguments: [
            [Fact.stay, .locatedWithPrices, .connected, .disconnect, .notConnected],
            [.stay, .locatedWithPrices, .connected, .notConnected, .disconnect, .gone],
            [.stay, .disconnect, .notConnected, .locatedWithPrices],
        ])
    func disconnected(history: [Fact]) throws {
        for minted in [(nil, nil), ("loc_1", nil), ("loc_1", TariffAction.disconnect)] as [(String?, TariffAction?)] {
            var session = try Self.session(location: minted.0, action: minted.1)
            for (minute, fact) in history.enumerated() {
                session.facts.merge(try Self.facts(fact, minute: minute))
            }
            let outcome = session.outcome(at: Self.start + 3600)
            #expect(outcome.state == .disconnected)
            #expect(outcome.location != nil)
            #expect(!outcome.pricesAvailable)
            let view = try JSONSerialization.jsonObject(with: Data(try JSONBody.encode(SessionView(session, outcome))))
            #expect((view as? [String: Any])?["price_available"] as? Bool == false)
        }
    }

    @Test("facts that come twice, late or in any order give the same state (R21)")
    func R21() throws {
        let seed = UInt64.random(in: .min ... .max)
        print("shuffled histories from seed \(seed)")
        var random = SeededRandom(state: seed)
        for _ in 0..<10_000 {
            let length = Int.random(in: 1...8, using: &random)
            let history = try (0..<length).map { minute in
                try Self.facts(try #require(Fact.allCases.randomElement(using: &random)), minute: minute / 2)
            }
            var inOrder = try Self.session(location: Bool.random(using: &random) ? "loc_1" : nil)
            var shuffled = inOrder
            for facts in history { inOrder.facts.merge(facts) }
            for facts in (history + history).shuffled(using: &random) { shuffled.facts.merge(facts) }
            #expect(shuffled.facts == inOrder.facts, "seed \(seed)")
            for hours in [0.5, 30, 60] {
                let now = Self.start.addingTimeInterval(hours * 3600)
                #expect(shuffled.outcome(at: now) == inOrder.outcome(at: now), "seed \(seed)")
            }
        }
    }

    @Test func `a session ends when the customer leaves or the token expires`() throws {
        var session = try Self.session()
        session.facts.merge(try Self.facts(.stay, minute: 1))
        session.facts.merge(try Self.facts(.leave, minute: 2))
        #expect(session.outcome(at: Self.start.addingTimeInterval(600)).endedAt == Self.start.addingTimeInterval(120))
        session.facts.merge(try Self.facts(.comeBack, minute: 3))
        #expect(session.outcome(at: Self.start.addingTimeInterval(600)).endedAt == nil)
        #expect(session.outcome(at: Self.start.addingTimeInterval(90_000)).endedAt == session.expiresAt)
    }
}

struct SeededRandom: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let mixed = (state ^ (state >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        return mixed ^ (mixed >> 33)
    }
}
