import Core
import Flatpeak
import FoundationEssentials

/// A session as its owner reads it: without the token, which only the mint returns.
package struct SessionView: Encodable {
    let id: String
    let object = "connect_session"
    let state: String
    let location_id: String?
    let price_available: Bool
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
        price_available = outcome.pricesAvailable
        direction = session.slot.direction
        type = session.slot.type
        created_at = session.createdAt
        expires_at = session.expiresAt
        ended_at = outcome.endedAt
        live_mode = session.liveMode
    }

    private enum CodingKeys: String, CodingKey {
        case id, object, state, location_id, price_available, direction, type, created_at, expires_at, ended_at,
            live_mode
    }
}
