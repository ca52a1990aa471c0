package import Core
import FoundationEssentials

/// The body of a ticket request: a ticket to exchange, a connect token for which a ticket is asked, or one that came back
/// in a document.
package enum TicketRequest: Sendable {
    case exchange(Ticket, by: SessionHolder)
    case issue(ConnectToken)
    case arrive(ConnectToken, in: SessionHolder)

    /// Decodes a body of strict JSON.
    /// - Throws: `ticketUnknown` for a ticket or token that cannot be one, `invalidField` or `unknownField` for a body
    ///   that is neither of the two.
    package static func read(_ body: [UInt8]) throws(BFFError) -> TicketRequest {
        let fields = try Strict<Fields>.read(body)
        if let token = fields.connect_token {
            guard fields.ticket == nil else { throw .invalidField("connect_token", reason: .excluded) }
            let tab = try fields.tab.map(holder)
            guard let token = ConnectToken(token) else { throw .ticketUnknown }
            return tab.map { .arrive(token, in: $0) } ?? .issue(token)
        }
        guard let text = fields.ticket else { throw .invalidField("ticket", reason: .missing) }
        guard let tab = fields.tab else { throw .invalidField("tab", reason: .missing) }
        let holder = try holder(tab)
        guard let ticket = Ticket(text) else { throw .ticketUnknown }
        return .exchange(ticket, by: holder)
    }

    private static func holder(_ tab: String) throws(BFFError) -> SessionHolder {
        guard let holder = SessionHolder(tabKey: tab) else { throw .invalidField("tab", reason: .malformed) }
        return holder
    }

    private struct Fields: StrictlyDecodable {
        let ticket: String?
        let tab: String?
        let connect_token: String?

        enum CodingKeys: String, CodingKey, CaseIterable { case ticket, tab, connect_token }
    }
}
