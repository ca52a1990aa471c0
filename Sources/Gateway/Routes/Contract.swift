package import Flatpeak
package import FoundationEssentials
package import Sessions
package import Webhooks

extension Route {
    /// Every route that `openapi.yaml` describes.
    package static func contract(
        sessions: Sessions, ledger: SessionLedger, reads: LocationReads, flatpeak: FlatpeakClient,
        webhooks: Webhooks, now: @escaping @Sendable () -> Date, isEnding: @escaping @Sendable () -> Bool = { false }
    ) -> [Route] {
        [
            mint(sessions), session(sessions, now: now), sessionEvents(sessions, now: now), callback(sessions),
            locations(sessions), forgetLocation(sessions), locationStatus(reads), prices(reads), tariffs(reads),
            delivery(webhooks), document,
        ] + relay + probes(flatpeak: flatpeak, ledger: ledger, isEnding: isEnding)
    }

    /// `GET /livez` and `GET /readyz`.
    /// - Parameter isEnding: Whether the process was told to stop.
    package static func probes(
        flatpeak: FlatpeakClient, ledger: SessionLedger, isEnding: @escaping @Sendable () -> Bool
    ) -> [Route] {
        probes(isReady: { flatpeak.isReady && !isEnding() }, storeDebt: { ledger.debt })
    }
}
