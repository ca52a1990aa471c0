import Core
import Flatpeak
import Foundation
import Networking
import TestSupport
import Testing
import Wire

@testable import Sessions

/// The rule by which codes are given out and redeemed, and what a session is worth until then.
@Suite struct ConfirmationTests {
    private let start = OutcomeTests.start
    private static let alice = Subject("alice")

    static func session(
        location: String? = nil, action: TariffAction? = nil,
        slot: TariffSlot = .init(direction: .importing, type: .commodity),
        needsConfirmation: Bool = true, _ facts: SessionFacts = SessionFacts()
    ) throws -> ConnectSession {
        var session = ConnectSession(
            id: SessionID(prefix: "cs", random: Array(0..<12)), subject: try #require(alice),
            connectToken: try #require(ConnectToken("cot_1")), slot: slot,
            mintedLocation: try location.map { try #require(LocationID($0)) }, mintedAction: action, returnURL: nil,
            liveMode: false, needsConfirmation: needsConfirmation, createdAt: OutcomeTests.start,
            expiresAt: OutcomeTests.start + 86400)
        session.facts = facts
        return session
    }

    private static func holder(_ number: UInt8) throws -> SessionHolder {
        try #require(SessionHolder(tabKey: [UInt8](repeating: number, count: 16).base64URL))
    }

    private static func code(_ number: UInt8) -> ConfirmationCode {
        ConfirmationCode { count in [UInt8](repeating: number, count: count) }
    }

    /// What is known of a session before a step.
    private enum Before: CaseIterable {
        case open, confirmed, foreign, confirmedThenForeign, lapsed, notNeeded, notEnded
    }

    private func stored(_ before: Before, codes: [UInt8] = [1]) throws -> (ConfirmableSession, now: Date) {
        var facts = SessionFacts(), confirmation = Confirmation()
        for number in codes { confirmation.issue(Self.code(number), at: start) }
        if before != .notEnded {
            facts.leftAt = start
            facts.located = .init(location: try #require(LocationID("loc_1")), pricesAvailable: true, since: start)
        }
        if before == .confirmed || before == .confirmedThenForeign {
            facts.confirmedAt = start + 1
            confirmation.redeem(Self.code(1))
        }
        if before == .foreign || before == .confirmedThenForeign { facts.foreignAt = start + 2 }
        let session = try Self.session(needsConfirmation: before != .notNeeded, facts)
        let stored = ConfirmableSession(
            session, holder: try Self.holder(7), cursor: OutboxCursor(), confirmation: confirmation)
        return (stored, before == .lapsed ? session.expiresAt : start + 60)
    }

    @Test func `gives a code to the holder of an open session alone`() throws {
        for before in Before.allCases {
            let (stored, now) = try stored(before)
            let taken = try ConfirmationChange(.issue(Self.code(2), to: try Self.holder(7)), of: stored, at: now)
            let verdict: ConfirmationChange.Verdict =
                switch before {
                case .open: .issued
                case .notEnded: .notEnded
                default: .notNeeded
                }
            #expect(taken.verdict == verdict, "\(before)")
            #expect((taken.confirmation == nil) == (before != .open), "\(before)")
            #expect(taken.change == nil)
        }
        let (stored, now) = try stored(.open)
        let other = try ConfirmationChange(.issue(Self.code(2), to: try Self.holder(8)), of: stored, at: now)
        #expect(other.verdict == .notHeld)
        #expect(other.confirmation == nil)
        let unopened = ConfirmableSession(
            stored.session, holder: nil, cursor: stored.cursor, confirmation: stored.confirmation)
        let early = try ConfirmationChange(.issue(Self.code(2), to: try Self.holder(7)), of: unopened, at: now)
        #expect(early.verdict == .notHeld)
    }

    @Test func `gives no code before the session has ended with a result`() throws {
        let location = try #require(LocationID("loc_1"))
        // What the holder's document can say by itself is that the customer left.
        let histories: [(String, String?, ConfirmationChange.Verdict, (inout SessionFacts) -> Void)] = [
            ("nothing", nil, .notEnded, { _ in }),
            ("left", nil, .notEnded, { $0.leftAt = start + 30 }),
            (
                "answered and left", nil, .notEnded,
                {
                    $0.answeredAt = start + 20; $0.leftAt = start + 30
                }
            ),
            (
                "located, and still there", nil, .notEnded,
                { $0.located = .init(location: location, pricesAvailable: true, since: start) }
            ),
            (
                "located, left, and came back", nil, .notEnded,
                {
                    $0.located = .init(location: location, pricesAvailable: true, since: start)
                    $0.leftAt = start + 30
                    $0.stayedAt = start + 31
                }
            ),
            (
                "located and left", nil, .issued,
                {
                    $0.located = .init(location: location, pricesAvailable: true, since: start); $0.leftAt = start + 30
                }
            ),
            ("edit: left", "loc_1", .notEnded, { $0.leftAt = start + 30 }),
            (
                "edit: answered and left", "loc_1", .issued,
                {
                    $0.answeredAt = start + 20; $0.leftAt = start + 30
                }
            ),
        ]
        for (name, minted, verdict, change) in histories {
            var facts = SessionFacts()
            change(&facts)
            let stored = ConfirmableSession(
                try Self.session(location: minted, facts), holder: try Self.holder(7), cursor: OutboxCursor(),
                confirmation: Confirmation())
            let taken = try ConfirmationChange(
                .issue(Self.code(1), to: try Self.holder(7)), of: stored, at: start + 60)
            #expect(taken.verdict == verdict, "\(name)")
            #expect((taken.confirmation != nil) == (verdict == .issued), "\(name)")
        }
    }

    @Test func `a code is good for the end that it was given out at`() throws {
        let seen: [(String, ConfirmationChange.Verdict, (inout SessionFacts) -> Void)] = [
            ("before", .redeemed, { $0.stayedAt = start - 1 }),
            ("settled before", .redeemed, { $0.settledAt = start }),
            ("called back again", .redeemed, { $0.leftAt = start + 30 }),
            ("came back", .expired, { $0.stayedAt = start + 1 }),
            (
                "came back and left again", .expired,
                {
                    $0.stayedAt = start + 1; $0.leftAt = start + 30
                }
            ),
            ("settled anew", .expired, { $0.settledAt = start + 1 }),
        ]
        for (name, verdict, change) in seen {
            let (before, now) = try stored(.open)
            var session = before.session
            change(&session.facts)
            let later = ConfirmableSession(
                session, holder: before.holder, cursor: before.cursor, confirmation: before.confirmation)
            let taken = try ConfirmationChange(
                .redeem(Self.code(1), by: try #require(Self.alice)), of: later, at: now)
            #expect(taken.verdict == verdict, "\(name)")
        }
    }

    @Test func `nothing more is relayed in a session that was confirmed`() throws {
        let (confirmed, now) = try stored(.confirmed)
        var facts = confirmed.session.facts
        facts.located?.pricesAvailable = false
        #expect(try Self.session(facts).outcome(at: now).state == .pending)
        #expect(try Self.session(facts).relayRejection(at: now) == .connectTokenUsed)
        facts.confirmedAt = nil
        #expect(try Self.session(facts).relayRejection(at: now) == nil)
    }

    @Test func `redeems the code of an open session for its subject alone`() throws {
        let verdicts: [(Before, UInt8, ConfirmationChange.Verdict)] = [
            (.open, 1, .redeemed), (.open, 9, .unknown), (.confirmed, 1, .redeemedBefore), (.confirmed, 9, .used),
            (.foreign, 1, .foreign), (.foreign, 9, .foreign), (.confirmedThenForeign, 1, .foreign),
            (.lapsed, 1, .expired),
            (.lapsed, 9, .unknown), (.notNeeded, 1, .unknown), (.notNeeded, 9, .unknown),
        ]
        for (before, number, verdict) in verdicts {
            let (stored, given) = try stored(before)
            // A code that is known and alive, as far as the clock of its session goes.
            var confirmation = stored.confirmation
            if before == .lapsed { confirmation.issue(Self.code(1), at: given) }
            let known = ConfirmableSession(
                stored.session, holder: stored.holder, cursor: stored.cursor, confirmation: confirmation)
            let own = try ConfirmationChange(
                .redeem(Self.code(number), by: try #require(Self.alice)), of: known, at: given)
            #expect(own.verdict == verdict, "\(before), \(number)")
            #expect((own.change != nil) == (verdict == .redeemed), "\(before), \(number)")
            let other = try ConfirmationChange(
                .redeem(Self.code(number), by: try #require(Subject("bob"))), of: known, at: given)
            #expect(other.verdict == .notOwned, "\(before), \(number)")
            #expect(other.change == nil)
            #expect(other.confirmation == nil)
        }
    }

    @Test func `a code can be redeemed for ten minutes`() throws {
        for (seconds, verdict) in [(599.0, ConfirmationChange.Verdict.redeemed), (600, .expired)] {
            let (stored, _) = try stored(.open)
            let taken = try ConfirmationChange(
                .redeem(Self.code(1), by: try #require(Self.alice)), of: stored, at: start + seconds)
            #expect(taken.verdict == verdict)
        }
    }

    @Test func `the last five codes are alive, and none after a redemption`() throws {
        var (stored, now) = try stored(.open, codes: [1, 2, 3, 4, 5, 6])
        for number in UInt8(1)...6 {
            let taken = try ConfirmationChange(
                .redeem(Self.code(number), by: try #require(Self.alice)), of: stored, at: now)
            #expect(taken.verdict == (number == 1 ? .unknown : .redeemed), "\(number)")
        }
        let taken = try ConfirmationChange(.redeem(Self.code(3), by: try #require(Self.alice)), of: stored, at: now)
        stored = ConfirmableSession(
            taken.session, holder: stored.holder, cursor: stored.cursor,
            confirmation: try #require(taken.confirmation))
        for number in UInt8(1)...6 {
            let again = try ConfirmationChange(
                .redeem(Self.code(number), by: try #require(Self.alice)), of: stored, at: now)
            #expect(again.verdict == (number == 3 ? .redeemedBefore : .used), "\(number)")
        }
    }

    @Test func `a code is stored as its digest, and prints nothing`() throws {
        var confirmation = Confirmation()
        let code = Self.code(5)
        confirmation.issue(code, at: start)
        let json = String(decoding: try JSONEncoder().encode(confirmation), as: UTF8.self)
        #expect(!json.contains(code.exposed))
        #expect(!json.contains("5,5,5"))
        #expect(try JSONDecoder().decode(Confirmation.self, from: Data(json.utf8)) == confirmation)
        #expect("\(code) \(String(reflecting: code))" == "*** ***")
        var dumped = ""
        dump(code, to: &dumped)
        #expect(!dumped.contains("5"))
        #expect(ConfirmationCode(code.exposed)?.exposed == code.exposed)
        for text in ["", "AAAA", code.exposed + "A", code.exposed.dropLast() + "=", code.exposed + " "] {
            #expect(ConfirmationCode(String(text)) == nil, "\(text)")
        }
    }

    // MARK: - What a session is worth

    private func facts(_ change: (inout SessionFacts) -> Void) throws -> SessionFacts {
        var facts = SessionFacts()
        facts.relayed = true
        facts.leftAt = start + 60
        facts.queriedAt = start + 61
        facts.located = .init(location: try #require(LocationID("loc_1")), pricesAvailable: true, since: start + 61)
        facts.status = .init(value: .connected, at: start + 61)
        change(&facts)
        return facts
    }

    @Test func `until it is confirmed a session has a state, and neither location nor prices`() throws {
        let session = try Self.session(try facts { _ in })
        let outcome = session.outcome(at: start + 120)
        #expect(outcome == Outcome(state: .connected, endedAt: start + 60, location: nil, pricesAvailable: false))
        let view = try view(session, at: start + 120)
        #expect(view["confirmed"] as? Bool == false)
        for name in ["location_id", "price_available", "reason"] { #expect(view[name] == nil, "\(name)") }
        #expect(session.ownLocation == nil)
        // It lapses with its token.
        #expect(session.outcome(at: session.expiresAt).state == .expired)

        let confirmed = try Self.session(try facts { $0.confirmedAt = start + 90 })
        #expect(confirmed.outcome(at: start + 120).location?.text == "loc_1")
        let shown = try self.view(confirmed, at: start + 120)
        #expect(shown["confirmed"] as? Bool == true)
        #expect(shown["location_id"] as? String == "loc_1")
        #expect(shown["price_available"] as? Bool == true)
        #expect(confirmed.outcome(at: confirmed.expiresAt).state == .connected)

        let old = try self.view(try Self.session(needsConfirmation: false, try facts { _ in }), at: start + 120)
        #expect(old["confirmed"] == nil)
        #expect(old["location_id"] as? String == "loc_1")
    }

    @Test func `a foreign session has failed, whatever else is known, and says why`() throws {
        for isConfirmed in [false, true] {
            let session = try Self.session(
                try facts { facts in
                    facts.foreignAt = start + 100
                    facts.confirmedAt = isConfirmed ? start + 90 : nil
                })
            let outcome = session.outcome(at: start + 120)
            #expect(outcome.state == .failed)
            #expect(outcome.isFinal)
            #expect(outcome.location == nil)
            #expect(session.nextPoll == nil)
            #expect(session.relayRejection(at: start + 120) == .connectTokenUsed)
            let view = try view(session, at: start + 120)
            #expect(view["reason"] as? String == "foreign_tab")
            #expect(view["confirmed"] as? Bool == false)
            #expect(view["location_id"] == nil)
        }
        let old = try Self.session(needsConfirmation: false, try facts { $0.foreignAt = start + 100 })
        #expect(old.outcome(at: start + 120).state == .connected)
    }

    private func view(_ session: ConnectSession, at now: Date) throws -> [String: Any] {
        let json = try JSONBody.encode(SessionView(session, session.outcome(at: now)))
        return try #require(try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])
    }

    @Test func `the event of a connected session waits for the confirmation`() throws {
        let session = try Self.session(try facts { _ in })
        let first = try #require(
            try SessionChange.merging(SessionWrite(session, isNew: true), into: nil, at: start + 120))
        #expect(first.event == nil)
        #expect(first.location == nil)
        var confirmed = session
        confirmed.facts.confirmedAt = start + 130
        let second = try #require(
            try SessionChange.merging(SessionWrite(confirmed, isNew: false), into: first.stored, at: start + 130))
        #expect(second.event?.type == "session.connected")
        #expect(second.cursor.sequence == 1)
        #expect(second.location?.text == "loc_1")
        var foreign = confirmed
        foreign.facts.foreignAt = start + 140
        let third = try #require(
            try SessionChange.merging(SessionWrite(foreign, isNew: false), into: second.stored, at: start + 140))
        #expect(third.event?.type == "session.failed")
        #expect(third.unboundLocation?.text == "loc_1")
        #expect(third.location == nil)
        let text = String(decoding: third.event?.data ?? [], as: UTF8.self)
        #expect(!text.contains("loc_1"))
        let lapsed = try SessionChange.timed(session, first.cursor, at: session.expiresAt)
        #expect(lapsed.event?.type == "session.expired")
        #expect(lapsed.location == nil)
    }

    // MARK: - Existing locations

    @Test func `only an answer that was followed by an end changes an existing location`() throws {
        let later = start + 30
        let histories: [(String, Bool, (inout SessionFacts) -> Void)] = [
            ("nothing", false, { _ in }),
            ("looked", false, { $0.settledAt = later }),
            ("looked and left", false, { $0.leftAt = later }),
            ("looked, and Flatpeak completed", false, { $0.completedAt = later }),
            ("answered", false, { $0.answeredAt = later }),
            (
                "looked, then answered", false,
                {
                    $0.settledAt = later; $0.answeredAt = later + 1
                }
            ),
            (
                "answered and settled", true,
                {
                    $0.answeredAt = later; $0.settledAt = later
                }
            ),
            (
                "answered and left", true,
                {
                    $0.answeredAt = later; $0.leftAt = later + 1
                }
            ),
            (
                "answered, and Flatpeak completed", true,
                {
                    $0.answeredAt = later; $0.completedAt = later + 1
                }
            ),
        ]
        for (name, isChange, change) in histories {
            var facts = SessionFacts()
            change(&facts)
            let edit = try Self.session(location: "loc_1", action: .edit, facts)
            #expect((edit.unconfirmedChange != nil) == isChange, "\(name)")
            #expect(try Self.session(facts).unconfirmedChange == nil, "a location of its own: \(name)")
            facts.confirmedAt = start + 99
            let confirmed = try Self.session(location: "loc_1", action: .edit, facts)
            #expect(confirmed.unconfirmedChange == nil, "\(name)")
            #expect(confirmed.confirmedChange?.text == "loc_1", "its own hold ends: \(name)")
            #expect(confirmed.replacedAt == nil, "others' holds do not: \(name)")
        }
    }

    @Test func `a disconnected slot holds nothing, and ends a hold once it is confirmed`() throws {
        var facts = SessionFacts()
        facts.disconnectAsked = true
        facts.leftAt = start + 30
        facts.status = .init(value: .notConnected, at: start + 31)
        let open = try Self.session(location: "loc_1", action: .disconnect, facts)
        #expect(open.unconfirmedChange == nil)
        #expect(open.confirmedChange == nil)
        facts.confirmedAt = start + 40
        let confirmed = try Self.session(location: "loc_1", action: .disconnect, facts)
        #expect(confirmed.confirmedChange?.text == "loc_1")
        // However late it is confirmed, and written.
        #expect(confirmed.replacedAt == start + 31 - ConnectSession.clockSkew)
    }

    @Test func `a disconnect counts once Connect has let the customer go for it`() async throws {
        let callback = "https://bff.example/v1/connect/callback"
        let answers: [(String?, String?, Bool)] = [
            ("session_redirect", "\(callback)?fp_cot=cot_1", true), ("session_complete", nil, true),
            ("complete_tariff", nil, true), (nil, nil, false), ("tariff_summary", nil, false),
            ("session_redirect", "https://provider.example/?fp_cot=cot_1", false),
        ]
        let bytes = Array(#"{"connect_token":"cot_1","route":"tariff_summary","action":"DISCONNECT"}"#.utf8)
        for (route, url, isDisconnected) in answers {
            let step = RelayedStep(envelope: try Envelope(bytes.span), answeredRoute: route, redirectURL: url)
            var facts = step.facts(
                callbackURL: callback, pages: FlatpeakVersion.standard.pages, sentAt: start, at: start)
            facts.status = .init(value: .notConnected, at: start + 1)
            facts.confirmedAt = start + 2
            let session = try Self.session(location: "loc_1", facts)
            #expect((session.replacedAt != nil) == isDisconnected, "\(route ?? "-")")
        }
    }

    @Test func `a session without a location holds the one that it led to, which may be somebody's already`() throws {
        var facts = try facts { _ in }
        let open = try Self.session(facts)
        #expect(open.unconfirmedChange?.text == "loc_1")
        #expect(open.confirmedChange == nil)
        facts.confirmedAt = start + 90
        let confirmed = try Self.session(facts)
        #expect(confirmed.unconfirmedChange == nil)
        #expect(confirmed.confirmedChange?.text == "loc_1")
        facts.foreignAt = start + 100
        #expect(try Self.session(facts).unconfirmedChange?.text == "loc_1")
        let needsNone = try Self.session(needsConfirmation: false, facts)
        #expect(needsNone.unconfirmedChange == nil)
        #expect(needsNone.confirmedChange == nil)
    }

    @Test func `a tariff that was left to a provider may change until the summary shows, or its time is over`() throws {
        var facts = SessionFacts()
        (facts.answeredAt, facts.settledAt, facts.providerAt) = (start, start + 10, start + 10)
        let over = start + 86400 + ConnectSession.pendingLimit
        let changedAt = { (facts: SessionFacts) in
            try Self.session(location: "loc_1", action: .edit, facts).changedAt
        }
        #expect(try changedAt(facts) == over)
        (facts.leftAt, facts.summaryAt) = (start + 20, start + 5)
        #expect(try changedAt(facts) == over, "a summary of before")
        (facts.settledAt, facts.summaryAt) = (start + 30, start + 30)
        #expect(try changedAt(facts) == start + 30)
        facts.providerAt = start + 40
        #expect(try changedAt(facts) == over, "another login")
    }

    @Test func `a disconnect at a slot that was left to a provider proves nothing`() throws {
        var facts = SessionFacts()
        (facts.disconnectAsked, facts.leftAt, facts.settledAt) = (true, start, start)
        facts.status = .init(value: .notConnected, at: start + 1)
        facts.confirmedAt = start + 2
        facts.providerAt = start - 1
        #expect(try Self.session(location: "loc_1", facts).replacedAt == nil)
        facts.summaryAt = start
        #expect(try Self.session(location: "loc_1", facts).replacedAt == start + 1 - ConnectSession.clockSkew)
        // A minted disconnect that was never let through, as Connect showed a page.
        var minted = SessionFacts()
        (minted.leftAt, minted.confirmedAt, minted.status) = (start, start + 2, facts.status)
        #expect(try Self.session(location: "loc_1", action: .disconnect, minted).replacedAt == nil)
        minted.settledAt = start
        let provenAt = start + 1 - ConnectSession.clockSkew
        #expect(try Self.session(location: "loc_1", action: .disconnect, minted).replacedAt == provenAt)
        minted.stayedAt = start - 1
        #expect(try Self.session(location: "loc_1", action: .disconnect, minted).replacedAt == nil)
    }

    @Test func `a foreign session holds an existing location, whatever is known of it`() throws {
        for isConfirmed in [false, true] {
            var facts = SessionFacts()
            facts.foreignAt = start + 50
            facts.confirmedAt = isConfirmed ? start + 40 : nil
            let foreign = try Self.session(location: "loc_1", action: .edit, facts)
            #expect(foreign.unconfirmedChange?.text == "loc_1")
            #expect(foreign.changedAt == start + 50)
            #expect(foreign.confirmedChange == nil)
            #expect(try Self.session(facts).unconfirmedChange == nil, "a location of its own")
        }
    }

    @Test func `each further change holds the location again`() throws {
        var session = try Self.session(location: "loc_1", action: .edit)
        session.facts.answeredAt = start + 1
        session.facts.settledAt = start + 10
        var change = try #require(
            try SessionChange.merging(SessionWrite(session, isNew: true), into: nil, at: start + 10))
        #expect(change.heldLocation?.text == "loc_1")
        let later: [(String, Bool, (inout SessionFacts) -> Void)] = [
            ("nothing", false, { _ in }), ("seen", false, { $0.stayedAt = start + 15 }),
            ("settled", true, { $0.settledAt = start + 20 }), ("left", true, { $0.leftAt = start + 30 }),
            ("completed", true, { $0.completedAt = start + 40 }), ("foreign", true, { $0.foreignAt = start + 50 }),
        ]
        for (name, isHeld, add) in later {
            add(&session.facts)
            change = try #require(
                try SessionChange.merging(SessionWrite(session, isNew: false), into: change.stored, at: start + 99))
            #expect((change.heldLocation != nil) == isHeld, "\(name)")
            #expect(change.releasedLocation == nil, "\(name)")
        }
        #expect(session.changedAt == start + 50)
    }

    @Test func `a session for an existing location binds nothing, and takes nothing away`() throws {
        for needsConfirmation in [false, true] {
            var facts = try facts { _ in }
            facts.confirmedAt = start + 90
            var session = try Self.session(location: "loc_1", needsConfirmation: needsConfirmation, facts)
            let first = try #require(
                try SessionChange.merging(SessionWrite(session, isNew: true), into: nil, at: start + 120))
            #expect(first.location == nil)
            session.facts.foreignAt = start + 130
            let second = try #require(
                try SessionChange.merging(SessionWrite(session, isNew: false), into: first.stored, at: start + 130))
            #expect(second.location == nil)
            #expect(second.unboundLocation == nil)
        }
    }

    @Test func `a step at a provider changes a tariff, and data that the summary answers replaces it`() throws {
        let callback = "https://bff.example/v1/connect/callback"
        /// The page and the button of the request, the page and the address of the answer.
        let steps: [(String?, String?, String, String?, isSettled: Bool, isReplaced: Bool)] = [
            ("provider_select", nil, "session_redirect", "https://provider.example/?fp_cot=cot_1", true, false),
            ("provider_select", "CLOSE", "session_redirect", "\(callback)?fp_cot=cot_1", true, false),
            ("provider_select", nil, "tariff_structure_select", nil, false, false),
            ("provider_select", "BACK", "tariff_summary", nil, true, false),
            ("tariff_summary", "EDIT", "provider_select", nil, false, false),
            ("rate_fixed_capture", nil, "tariff_summary", nil, true, true),
            ("rate_fixed_capture", nil, "tariff_connection_pending", nil, true, false),
            ("tariff_summary", "WRONG_TARIFF", "tariff_summary", nil, true, false),
            ("tariff_summary", nil, "tariff_summary", nil, true, false),
            ("tariff_connection_pending", nil, "tariff_summary", nil, true, false),
            ("session_start", nil, "tariff_summary", nil, true, false),
            (nil, nil, "tariff_summary", nil, true, false),
        ]
        for (route, action, answered, url, isSettled, isReplaced) in steps {
            let members = [("connect_token", "cot_1"), ("route", route), ("action", action)].compactMap { name, value in
                value.map { #""\#(name)":"\#($0)""# }
            }
            let bytes = Array("{\(members.joined(separator: ","))}".utf8)
            let step = RelayedStep(envelope: try Envelope(bytes.span), answeredRoute: answered, redirectURL: url)
            let facts = step.facts(
                callbackURL: callback, pages: FlatpeakVersion.standard.pages, sentAt: start, at: start)
            #expect((facts.settledAt != nil) == isSettled, "\(route ?? "-"), \(answered)")
            #expect((facts.replacedAt != nil) == isReplaced, "\(route ?? "-"), \(action ?? "-"), \(answered)")
        }
    }

    private static func step(
        _ route: String, _ action: String? = nil, answered: String?, isLost: Bool = false
    ) throws -> RelayedStep {
        let members = [("connect_token", "cot_1"), ("route", route), ("action", action)].compactMap { name, value in
            value.map { #""\#(name)":"\#($0)""# }
        }
        let bytes = Array("{\(members.joined(separator: ","))}".utf8)
        return RelayedStep(
            envelope: try Envelope(bytes.span), answeredRoute: answered, redirectURL: nil, isLost: isLost)
    }

    @Test func `an answer that is read slowly makes no replacement later, and no hold earlier`() throws {
        let pages = FlatpeakVersion.standard.pages
        let step = try Self.step("rate_fixed_capture", answered: "tariff_summary")
        let slow = step.facts(callbackURL: "https://a", pages: pages, sentAt: start, at: start + 300)
        #expect(slow.replacedAt == start)
        #expect(slow.summaryAt == start)
        #expect(slow.settledAt == start + 300)
        #expect(slow.answeredAt == start + 300)
        // Another customer went to a login meanwhile: a summary of before shows nothing of it.
        var facts = slow
        facts.providerAt = start + 100
        #expect(facts.awaitsProvider)
        // By the clocks of two nodes.
        let session = try Self.session(location: "loc_1", action: .edit, slow)
        #expect(session.replacedAt == start - 5)
        #expect(session.changedAt == start + 300)
    }

    @Test func `EDIT alone changes nothing, unless it leads on at once or its answer is lost`() throws {
        let answers: [(answered: String?, isLost: Bool, isChange: Bool)] = [
            ("provider_select", false, false), (nil, false, false), ("session_redirect", false, true),
            ("tariff_connection_pending", false, true), (nil, true, true),
        ]
        for (answered, isLost, isChange) in answers {
            let step = try Self.step("tariff_summary", "EDIT", answered: answered, isLost: isLost)
            var facts = step.facts(
                callbackURL: "https://a", pages: FlatpeakVersion.standard.pages, sentAt: start, at: start)
            facts.leftAt = start + 1
            #expect(facts.hasChangedTariff == isChange, "\(answered ?? "-"), \(isLost)")
        }
    }

    @Test func `a lost answer leaves a tariff to a provider, and a lost question changes nothing`() throws {
        let steps: [(route: String, action: String?, isChange: Bool)] = [
            ("rate_fixed_capture", nil, true), ("tariff_summary", "WRONG_TARIFF", true), ("session_start", nil, false),
            ("provider_select", "BACK", false), ("provider_select", "CLOSE", false),
            ("tariff_summary", "DISCONNECT", false),
        ]
        for (route, action, isChange) in steps {
            let step = try Self.step(route, action, answered: nil, isLost: true)
            let facts = step.facts(
                callbackURL: "https://a", pages: FlatpeakVersion.standard.pages, sentAt: start, at: start + 1)
            let session = try Self.session(location: "loc_1", action: .edit, facts)
            #expect((session.unconfirmedChange != nil) == isChange, "\(route)")
            #expect(facts.awaitsProvider == isChange, "\(route)")
            if !isChange { #expect(facts == SessionFacts(), "\(route)") }
        }
    }
}
