import Core
import Flatpeak
import FoundationEssentials

/// A session as its owner reads it: without the token, which only the mint returns.
package struct SessionView: Encodable {
    let id: String
    let object = "connect_session"
    let state: String
    /// Whether the session's result is its subject's; missing where no confirmation is needed.
    let confirmed: Bool?
    /// Why the session can be confirmed no more.
    let reason: String?
    let location_id: String?
    /// Missing until the session is confirmed.
    let price_available: Bool?
    let direction: TariffDirection
    let type: TariffType
    let created_at: Date
    let expires_at: Date
    let ended_at: Date?
    let live_mode: Bool

    package init(_ session: ConnectSession, _ outcome: Outcome) {
        id = session.id.text
        state = outcome.state.rawValue
        location_id = outcome.location?.text
        confirmed = session.needsConfirmation ? session.isConfirmed : nil
        reason = session.isForeign ? Self.foreign : nil
        price_available = session.isConfirmed ? outcome.pricesAvailable : nil
        direction = session.slot.direction
        type = session.slot.type
        created_at = session.createdAt
        expires_at = session.expiresAt
        ended_at = outcome.endedAt
        live_mode = session.liveMode
    }

    /// The token came back in another browser or tab than the one that opened the launch URL.
    private static let foreign = "foreign_tab"

    private enum CodingKeys: String, CodingKey {
        case id, object, state, confirmed, reason, location_id, price_available, direction, type, created_at,
            expires_at, ended_at,
            live_mode
    }
}
