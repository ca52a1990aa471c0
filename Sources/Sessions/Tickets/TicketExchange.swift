package import Core
import FoundationEssentials
import Logging

/// Exchanges tickets for connect tokens, once each, and issues new ones to holders of a token.
///
/// The store decides: while it is away no ticket is exchanged.
package struct TicketExchange: Sendable {
    private let cache: SessionCache
    private let now: @Sendable () -> Date
    private let logger: Logger

    init(cache: SessionCache, now: @escaping @Sendable () -> Date, logger: Logger) {
        self.cache = cache
        self.now = now
        self.logger = logger
    }

    /// Makes the document `tab` the holder of the ticket's session.
    /// - Returns: The session, whose token the document gets; the same again for the same document.
    /// - Throws: `ticketUnknown`, `ticketUsed`, `ticketExpired`, or `storeUnavailable`, also for a session that is not
    ///   persisted yet.
    package func exchange(_ ticket: Ticket, by tab: SessionHolder) async throws(BFFError) -> ConnectSession {
        // The second time, whoever was faster is the holder.
        for _ in 1...2 {
            guard let held = try await cache.held(ticket.session) else { throw .ticketUnknown }
            let verdict = ticket.verdict(in: held, for: tab)
            guard verdict != .unknown else { throw .ticketUnknown }
            try checkLife(of: held.session)
            switch verdict {
            case .again: return held.session
            case .exchange:
                if try await cache.setHolder(tab, of: held) {
                    logger.info("ticket exchanged", metadata: ["bff.session": "\(ticket.session)"])
                    return held.session
                }
            case .used, .unknown: throw .ticketUsed
            }
        }
        throw .ticketUsed
    }

    /// Makes a ticket with which another document takes the session over from its current holder.
    ///
    /// There is none for a session that needs a confirmation: the code is for the document that opened the launch URL, and
    /// a session that could be handed over could be handed to another person.
    /// - Throws: `ticketUnknown`, `ticketUsed`, `ticketExpired` or `storeUnavailable`.
    package func issue(for token: ConnectToken) async throws(BFFError) -> Ticket {
        guard let session = try await cache.session(token: token), let held = try await cache.held(session.id) else {
            throw .ticketUnknown
        }
        try checkLife(of: held.session)
        if held.session.needsConfirmation { throw .ticketUsed }
        return Ticket(for: held.session, after: held.holder)
    }

    private func checkLife(of session: ConnectSession) throws(BFFError) {
        if session.relayRejection(at: now()) == .connectTokenExpired { throw .ticketExpired }
    }
}
