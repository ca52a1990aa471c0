public import Foundation

extension ConnectClient {
    /// A session, as Flatpeak knows it.
    public struct Session: Codable, Hashable, Sendable {
        /// The session's id.
        public let id: String
        /// How the session stands.
        public let state: SessionState
        /// Whether the owner has redeemed the session's code.
        ///
        /// Absent where no confirmation is needed.
        public let confirmed: Bool?
        /// Why a session that needs a confirmation has failed, such as `foreign_tab`.
        public let reason: String?
        /// The customer's location.
        ///
        /// Absent until the session led to one and is confirmed where it has to be.
        public let locationID: String?
        /// Whether Flatpeak has prices for the location.
        public let priceAvailable: Bool?
        /// Which way the energy of the tariff flows.
        public let direction: Direction
        /// What the tariff charges for.
        public let type: TariffType
        /// When the session was minted.
        public let createdAt: Date
        /// When the session's token expires.
        public let expiresAt: Date
        /// When the customer left, or the token's life was over.
        ///
        /// Absent again if they come back.
        public let endedAt: Date?
        /// Whether Flatpeak works with real customers or with test data.
        public let liveMode: Bool

        private enum CodingKeys: String, CodingKey {
            case id, state, confirmed, reason
            case locationID = "location_id"
            case priceAvailable = "price_available"
            case direction, type
            case createdAt = "created_at"
            case expiresAt = "expires_at"
            case endedAt = "ended_at"
            case liveMode = "live_mode"
        }
    }
}
