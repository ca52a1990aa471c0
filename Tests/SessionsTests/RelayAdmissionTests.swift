import Core
import Flatpeak
import Foundation
import Networking
import TestSupport
import Testing

@testable import Sessions

/// The admission of relayed calls.
extension SessionsTests {
    @Test func `rejects unknown, used and expired tokens`() async throws {
        upstream.on("claim", .json(#"{"location_id":"loc_1","price_available":true}"#))
        upstream.on("status", .json(#"{"tariff_status":{"commodity_import":{"status":"CONNECTED"}}}"#))
        await #expect(throws: BFFError.connectTokenUnknown) {
            try await sessions.relay.admit(try #require(ConnectToken("cot_unknown")))
        }
        let session = try await mint()
        _ = try await sessions.relay.admit(session.connectToken)
        try await relay(session, answered: "tariff_summary")
        _ = try await sessions.outcomes.handleCallback(session.connectToken)
        await #expect(throws: BFFError.connectTokenUsed) { try await sessions.relay.admit(session.connectToken) }
        clock.advance(by: 86400)
        await #expect(throws: BFFError.connectTokenExpired) { try await sessions.relay.admit(session.connectToken) }
    }
}
