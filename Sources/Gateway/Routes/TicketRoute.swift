import Core
import Edge
import FoundationEssentials
import HTTPTypes
import Sessions

extension Route {
    /// `POST /v1/connect/tickets`: gives the hosted page the connect token for its ticket, and a ticket for its token; takes
    /// reports of tokens that came back.
    ///
    /// No script of another origin can call it: JSON needs a preflight, which this route does not answer.
    static func tickets(_ sessions: Sessions) -> Route {
        Route(
            .post, "/v1/connect/tickets", .ticket,
            .anyone { (exchange) throws(BFFError) in
                switch try TicketRequest.read(exchange.body) {
                case .exchange(let ticket, let tab):
                    return try .json(ExchangedTicket(try await sessions.tickets.exchange(ticket, by: tab)))
                case .issue(let token):
                    return try .json(IssuedTicket(ticket: try await sessions.tickets.issue(for: token).exposed))
                case .arrive(let token, let tab):
                    return try .json(Arrival(is_held: try await sessions.confirmation.arrive(token, in: tab)))
                }
            })
    }
}

/// The answer to a ticket.
private struct ExchangedTicket: Encodable {
    let object = "connect_ticket"
    let connect_token: String
    let session: String
    let expires_at: Date
    let live_mode: Bool
    /// Whether the callback has to be asked for a code; missing where it has not.
    let needs_confirmation: Bool?

    init(_ session: ConnectSession) {
        connect_token = session.connectToken.exposed
        self.session = session.id.text
        expires_at = session.expiresAt
        live_mode = session.liveMode
        needs_confirmation = session.needsConfirmation ? true : nil
    }

    private enum CodingKeys: String, CodingKey {
        case object, connect_token, session, expires_at, live_mode, needs_confirmation
    }
}

/// The answer to a connect token that came back in a document.
private struct Arrival: Encodable {
    let object = "connect_ticket"
    /// Whether the document holds the session.
    let is_held: Bool

    private enum CodingKeys: String, CodingKey { case object, is_held }
}

/// The answer to a connect token.
private struct IssuedTicket: Encodable {
    let object = "connect_ticket"
    let ticket: String

    private enum CodingKeys: String, CodingKey { case object, ticket }
}
