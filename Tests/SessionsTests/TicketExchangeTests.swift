import Core
import Foundation
import TestSupport
import Testing

@testable import Sessions

/// The exchange of tickets for connect tokens.
extension SessionsTests {
    private func mintForPage(_ subject: Subject? = nil) async throws -> (session: ConnectSession, ticket: Ticket) {
        let launch = try await sessions.minter.mint(
            Array(#"{"app":"page"}"#.utf8), as: nil, for: subject ?? alice)
        let text = try #require(launch.launchURL.splitBytes(at: "=").last)
        return (launch.session, try #require(Ticket(String(text))))
    }

    private func exchange(_ ticket: Ticket, by tab: UInt8, at node: ServiceFixture? = nil) async throws
        -> ConnectSession
    {
        try await (node?.sessions ?? sessions).tickets.exchange(ticket, by: try TicketTests.holder(tab))
    }

    @Test func `a ticket is one document's, which may ask again at any node`() async throws {
        let (session, ticket) = try await mintForPage()
        let other = Self.node(upstream, store, clock)
        #expect(try await exchange(ticket, by: 1).connectToken == session.connectToken)
        for node in [nil, other] {
            #expect(try await exchange(ticket, by: 1, at: node).connectToken == session.connectToken)
            await #expect(throws: BFFError.ticketUsed) { try await exchange(ticket, by: 2, at: node) }
        }
        // What happens in the session leaves it with its document.
        try await relay(session, answered: "provider_select")
        await sessions.finish()
        #expect(try await exchange(ticket, by: 1).id == session.id)
        await #expect(throws: BFFError.ticketUsed) { try await exchange(ticket, by: 2) }
    }

    @Test func `of several documents at once one gets the token`() async throws {
        let (session, ticket) = try await mintForPage()
        let nodes = [sessions, Self.node(upstream, store, clock).sessions]
        let tabs = try (UInt8(1)...20).map { try TicketTests.holder($0) }
        let refusals = await withTaskGroup(of: BFFError?.self) { group in
            for (index, tab) in tabs.enumerated() {
                group.addTask {
                    do throws(BFFError) {
                        let exchanged = try await nodes[index % 2].tickets.exchange(ticket, by: tab)
                        return exchanged.id == session.id ? nil : .internalFailure
                    } catch {
                        return error
                    }
                }
            }
            return await group.reduce(into: [BFFError]()) { if let error = $1 { $0.append(error) } }
        }
        #expect(refusals == Array(repeating: .ticketUsed, count: 19))
    }

    @Test func `a ticket of no session, and a forged one, are unknown and change nothing`() async throws {
        let (session, ticket) = try await mintForPage()
        let forged = Ticket("\(session.id).\([UInt8](repeating: 7, count: 16).base64URL)")
        let stranger = Ticket(for: try TicketTests.session(), after: nil)
        let late = Ticket(for: session, after: try TicketTests.holder(1))
        for ticket in [try #require(forged), stranger, late] {
            await #expect(throws: BFFError.ticketUnknown) { try await exchange(ticket, by: 1) }
        }
        #expect(try await exchange(ticket, by: 2).id == session.id)
    }

    @Test func `a ticket is good as long as its token`() async throws {
        let (session, ticket) = try await mintForPage(), (_, unused) = try await mintForPage(bob)
        clock.advance(by: 86399)
        _ = try await exchange(ticket, by: 1)
        clock.advance(by: 1)
        await #expect(throws: BFFError.ticketExpired) { try await exchange(ticket, by: 1) }
        await #expect(throws: BFFError.ticketExpired) { try await exchange(ticket, by: 2) }
        await #expect(throws: BFFError.ticketExpired) { try await exchange(unused, by: 1) }
        await #expect(throws: BFFError.ticketExpired) { try await sessions.tickets.issue(for: session.connectToken) }
        let forged = try #require(Ticket("\(session.id).\([UInt8](repeating: 7, count: 16).base64URL)"))
        await #expect(throws: BFFError.ticketUnknown) { try await exchange(forged, by: 3) }
    }

    @Test func `a session that was forgotten has no ticket`() async throws {
        let (session, ticket) = try await mintForPage(), (_, used) = try await mintForPage()
        _ = try await exchange(used, by: 1)
        _ = try await store.forget(alice)
        await #expect(throws: BFFError.ticketUnknown) { try await exchange(ticket, by: 1) }
        await #expect(throws: BFFError.ticketUnknown) { try await exchange(used, by: 1) }
        await #expect(throws: BFFError.ticketUnknown) { try await sessions.tickets.issue(for: session.connectToken) }
    }

    // MARK: - Outages of the store

    @Test func `without the store no ticket is exchanged and none is issued (R23)`() async throws {
        let (session, ticket) = try await mintForPage()
        _ = try await exchange(ticket, by: 1)
        store.isAway = true
        for tab in UInt8(1)...2 {
            await #expect(throws: BFFError.storeUnavailable) { try await exchange(ticket, by: tab) }
        }
        await #expect(throws: BFFError.storeUnavailable) { try await sessions.tickets.issue(for: session.connectToken) }
        store.isAway = false
        #expect(try await exchange(ticket, by: 1).id == session.id)
    }

    @Test func `a session that is not persisted yet is waited for`() async throws {
        store.isAway = true
        let (session, ticket) = try await mintForPage()
        await #expect(throws: BFFError.storeUnavailable) { try await exchange(ticket, by: 1) }
        #expect(cache.status.pendingWrites == 1)
        store.isAway = false
        // It is written for the exchange.
        #expect(try await exchange(ticket, by: 1).id == session.id)
        #expect(cache.status.pendingWrites == 0)
        await #expect(throws: BFFError.ticketUsed) { try await exchange(ticket, by: 2) }
    }

    @Test func `a session that the store refuses is never exchanged, and others are (I12)`() async throws {
        let odd = SessionID(prefix: "cs", random: countingBytes()(12))
        store.refused = [odd]
        let (session, ticket) = try await mintForPage(), (_, good) = try await mintForPage(bob)
        #expect(session.id == odd)
        await #expect(throws: BFFError.storeUnavailable) { try await exchange(ticket, by: 1) }
        #expect(try await exchange(good, by: 1).subject == bob)
    }

    // MARK: - Handing over

    @Test func `who has the token hands the session over to another document, once`() async throws {
        let (session, ticket) = try await mintForPage()
        _ = try await exchange(ticket, by: 1)
        let next = try await sessions.tickets.issue(for: session.connectToken)
        #expect(next.exposed != ticket.exposed)
        #expect(
            try await sessions.tickets.issue(for: session.connectToken).exposed == next.exposed, "it changes nothing")
        #expect(try await exchange(ticket, by: 1).id == session.id)
        #expect(try await exchange(next, by: 2).connectToken == session.connectToken)
        #expect(try await exchange(next, by: 2).connectToken == session.connectToken)
        // The first document goes on with its token, and gets it no more.
        await #expect(throws: BFFError.ticketUsed) { try await exchange(ticket, by: 1) }
        await #expect(throws: BFFError.ticketUnknown) { try await exchange(next, by: 3) }
        let back = try await sessions.tickets.issue(for: session.connectToken)
        #expect(try await exchange(back, by: 1).id == session.id)
    }

    @Test func `a ticket before the first exchange is that of the launch URL`() async throws {
        let (session, ticket) = try await mintForPage()
        #expect(try await sessions.tickets.issue(for: session.connectToken).exposed == ticket.exposed)
        let unknown = try #require(ConnectToken("cot_unknown"))
        await #expect(throws: BFFError.ticketUnknown) { try await sessions.tickets.issue(for: unknown) }
    }
}
