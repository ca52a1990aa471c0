import Core
import Flatpeak
import Foundation
import Testing

@testable import Sessions

/// Tickets as values, without a store.
@Suite struct TicketTests {
    static let id = "cs_8b18d54dcc886741157f346e"
    static let token = "cot_6587fa4362341be5b524de3b"
    /// Computed with Python's `hmac`: of a session that no document holds, and of one that the first tab key's holds.
    static let first = "\(id).pM-wJojbyyfeHr6gSkbhEQ", second = "\(id).5lELKej0HKWQkVrR_4cYrQ"
    static let tabKey = "AAECAwQFBgcICQoLDA0ODw"

    static func session(_ id: String = id, token: String = token) throws -> ConnectSession {
        let start = Date(timeIntervalSince1970: 1_700_000_000)
        return ConnectSession(
            id: try #require(SessionID(id)), subject: try #require(Subject("alice")),
            connectToken: try #require(ConnectToken(token)),
            slot: TariffSlot(direction: .importing, type: .commodity), mintedLocation: nil, mintedAction: nil,
            returnURL: nil, liveMode: false, createdAt: start, expiresAt: start + 86400)
    }

    static func holder(_ number: UInt8) throws -> SessionHolder {
        try #require(SessionHolder(tabKey: [UInt8](repeating: number, count: 16).base64URL))
    }

    @Test func `is half an HMAC under the connect token, of the session and its holder`() throws {
        let session = try Self.session(), holder = SessionHolder(tabKey: Self.tabKey)
        #expect(Ticket(for: session, after: nil).exposed == Self.first)
        #expect(Ticket(for: session, after: holder).exposed == Self.second)
        for text in [Self.first, Self.second] { #expect(Ticket(text)?.exposed == text) }
    }

    @Test func `never prints its tag`() throws {
        let ticket = try #require(Ticket(Self.first))
        var dumped = ""
        dump(ticket, to: &dumped)
        for text in ["\(ticket)", "\(ticket as Any)", String(reflecting: ticket), dumped] {
            #expect(!text.contains("pM-wJojbyyfeHr6gSkbhEQ"), "\(text)")
            #expect(text.contains("\(Self.id).***") || text == dumped, "\(text)")
        }
    }

    private static let tag = "pM-wJojbyyfeHr6gSkbhEQ"

    @Test(
        "a text in another shape is no ticket",
        arguments: [
            "", ".", "cs_1", tag, "cs_1.", ".\(tag)", "\(id).\(tag.dropLast())", "\(id).\(tag)A", "\(id).\(tag)==",
            "\(id)..\(tag)", "\(id).\(tag).", "\(id).\(tag).\(tag)", " \(id).\(tag)", "\(id).\(tag)\n",
            "\(id).\(tag)\0", "\(id).\(tag.dropLast())R", "\(id).\(tag.replacing("-", with: "+"))",
            "\(id).\(tag.replacing("-", with: "%2D"))", "\(id)\u{FF0E}\(tag)", "\(id).\u{301}\(tag)",
            "\(id).\(tag.dropLast())\u{FF31}", "cs_é.\(tag)", "c s.\(tag)",
            "\(String(repeating: "a", count: 65)).\(tag)", String(repeating: "A", count: 100_000),
        ])
    func malformed(text: String) {
        #expect(Ticket(text) == nil)
    }

    @Test(
        "a tab key is 128 bits in base64url",
        arguments: [
            ("AAECAwQFBgcICQoLDA0ODw", true), ("", false), ("AAECAwQFBgcICQoLDA0OD", false),
            ("AAECAwQFBgcICQoLDA0ODx", false), ("AAECAwQFBgcICQoLDA0ODwA", false), ("AAECAwQFBgcICQoLDA0ODw==", false),
            ("AAECAwQFBgcICQoLDA0O+w", false), ("AAECAwQFBgcICQoLDA0OD\u{301}w", false),
        ])
    func tabKeys(text: String, isOne: Bool) {
        #expect((SessionHolder(tabKey: text) != nil) == isOne)
    }

    /// An exchange: the holder by then, the ticket, the document that has it, and the result.
    struct Exchange: Sendable, CustomTestStringConvertible {
        let name: String
        let holder: UInt8?
        let ticket: @Sendable (ConnectSession) throws -> Ticket?
        let tab: UInt8
        let verdict: Ticket.Verdict
        var testDescription: String { name }
    }

    static func after(_ holder: UInt8?) -> @Sendable (ConnectSession) throws -> Ticket? {
        { session in Ticket(for: session, after: try holder.map { try Self.holder($0) }) }
    }

    static func altered(_ alter: @escaping @Sendable (String) -> String) -> @Sendable (ConnectSession) -> Ticket? {
        { session in Ticket(alter(Ticket(for: session, after: nil).exposed)) }
    }

    static let exchanges: [Exchange] = [
        Exchange(name: "the first", holder: nil, ticket: after(nil), tab: 1, verdict: .exchange),
        Exchange(name: "the same document again", holder: 1, ticket: after(nil), tab: 1, verdict: .again),
        Exchange(name: "another document", holder: 1, ticket: after(nil), tab: 2, verdict: .used),
        Exchange(name: "handed over", holder: 1, ticket: after(1), tab: 2, verdict: .exchange),
        Exchange(name: "handed over to itself", holder: 1, ticket: after(1), tab: 1, verdict: .again),
        Exchange(name: "handed over, again", holder: 2, ticket: after(1), tab: 2, verdict: .again),
        Exchange(name: "handed over, a third document", holder: 2, ticket: after(1), tab: 3, verdict: .unknown),
        Exchange(name: "handed over, the first link", holder: 2, ticket: after(nil), tab: 3, verdict: .used),
        Exchange(name: "the document from which it was taken", holder: 2, ticket: after(nil), tab: 1, verdict: .used),
        Exchange(name: "a holder that there never was", holder: nil, ticket: after(9), tab: 1, verdict: .unknown),
        Exchange(
            name: "another session of the same token", holder: nil,
            ticket: { Ticket(for: try session("cs_2", token: $0.connectToken.exposed), after: nil) }, tab: 1,
            verdict: .unknown),
        Exchange(
            name: "another token", holder: nil,
            ticket: { Ticket(for: try session($0.id.text, token: "cot_other"), after: nil) }, tab: 1,
            verdict: .unknown),
        Exchange(
            name: "the tag in another case", holder: nil, ticket: altered { $0.replacing("pM", with: "Pm") }, tab: 1,
            verdict: .unknown),
        Exchange(
            name: "the id in another case", holder: nil, ticket: altered { $0.replacing("cs_", with: "CS_") }, tab: 1,
            verdict: .unknown),
        Exchange(
            name: "one bit of the tag", holder: nil, ticket: altered { $0.replacing("EQ", with: "Eg") }, tab: 1,
            verdict: .unknown),
        Exchange(
            name: "an empty tag", holder: nil,
            ticket: { Ticket("\($0.id).\([UInt8](repeating: 0, count: 16).base64URL)") }, tab: 1, verdict: .unknown),
    ]

    @Test(arguments: exchanges)
    func `an exchange depends on the holder by then alone`(exchange: Exchange) throws {
        let session = try Self.session()
        let ticket = try #require(try exchange.ticket(session), "it reads as a ticket")
        let held = HeldSession(session, holder: try exchange.holder.map { try Self.holder($0) })
        #expect(ticket.verdict(in: held, for: try Self.holder(exchange.tab)) == exchange.verdict)
    }

    @Test func `a session that needs a confirmation stays with the document that opened it`() throws {
        let session = try ConfirmationTests.session(), first = try Self.holder(1), other = try Self.holder(2)
        let launch = Ticket(for: session, after: nil), handedOver = Ticket(for: session, after: first)
        #expect(launch.verdict(in: HeldSession(session, holder: nil), for: first) == .exchange)
        // Whoever has the token and the tab key can make the ticket of a hand-over.
        let held = HeldSession(session, holder: first)
        for ticket in [launch, handedOver] {
            #expect(ticket.verdict(in: held, for: first) == .again)
            #expect(ticket.verdict(in: held, for: other) == .used)
        }
        let needsNone = try ConfirmationTests.session(needsConfirmation: false)
        #expect(
            Ticket(for: needsNone, after: first).verdict(in: HeldSession(needsNone, holder: first), for: other)
                == .exchange)
    }

    // MARK: - Requests

    @Test func `a request is a ticket with a tab key, or a connect token`() throws {
        guard
            case .exchange(let ticket, let tab) = try TicketRequest.read(
                Array(#"{"ticket":"\#(Self.first)","tab":"\#(Self.tabKey)"}"#.utf8)),
            case .issue(let token) = try TicketRequest.read(Array(#"{"connect_token":"\#(Self.token)"}"#.utf8))
        else {
            Issue.record("neither of the two")
            return
        }
        #expect(ticket.exposed == Self.first)
        #expect(tab == SessionHolder(tabKey: Self.tabKey))
        #expect(token.exposed == Self.token)
    }

    @Test(
        arguments: [
            ("{}", BFFError.invalidField("ticket", reason: .missing)),
            (#"{"tab":"\#(tabKey)"}"#, .invalidField("ticket", reason: .missing)),
            (#"{"ticket":"\#(first)"}"#, .invalidField("tab", reason: .missing)),
            (#"{"ticket":"\#(first)","tab":"x"}"#, .invalidField("tab", reason: .malformed)),
            (#"{"ticket":"\#(first)","tab":null}"#, .invalidField("tab", reason: .wrongType)),
            (#"{"ticket":1,"tab":"\#(tabKey)"}"#, .invalidField("ticket", reason: .wrongType)),
            (#"{"ticket":"x","tab":"\#(tabKey)"}"#, .ticketUnknown),
            (#"{"connect_token":"a b"}"#, .ticketUnknown), (#"{"connect_token":""}"#, .ticketUnknown),
            (#"{"connect_token":"a","ticket":"x"}"#, .invalidField("connect_token", reason: .excluded)),
            (#"{"connect_token":"a","tab":"x"}"#, .invalidField("tab", reason: .malformed)),
            (#"{"token":"a"}"#, .unknownField("token")), ("[]", .malformedJSON), ("", .malformedJSON),
            (#"{"ticket":"\#(first)""#, .malformedJSON),
        ] as [(String, BFFError)])
    func `any other body is refused`(body: String, error: BFFError) {
        #expect(throws: error) { try TicketRequest.read(Array(body.utf8)) }
    }
}
