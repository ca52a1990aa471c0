public import Foundation

extension ConnectClient {
    /// A session that was just minted.
    ///
    /// It can be decoded and not encoded, and its description has neither token nor launch URL: both open the session.
    public struct MintedSession: Decodable, Hashable, Sendable {
        /// The session's id.
        ///
        /// It is no secret.
        public let id: String
        /// `created`.
        public let state: SessionState
        /// The credential of the session, for an app that calls Connect itself.
        ///
        /// Absent for the hosted page.
        public let connectToken: String?
        /// Opens Connect, once.
        ///
        /// Open it at once, and keep it out of logs.
        public let launchURL: URL
        /// When the session's token expires.
        public let expiresAt: Date
        /// Whether Flatpeak works with real customers or with test data.
        public let liveMode: Bool

        private enum CodingKeys: String, CodingKey {
            case id, state
            case connectToken = "connect_token"
            case launchURL = "launch_url"
            case expiresAt = "expires_at"
            case liveMode = "live_mode"
        }
    }
}

extension ConnectClient.MintedSession: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The id and the state.
    public var description: String { "MintedSession(\(id), \(state.rawValue))" }
    /// The id and the state.
    public var debugDescription: String { description }
    /// The id and the state.
    public var customMirror: Mirror { Mirror(self, children: ["id": id, "state": state.rawValue]) }
}
