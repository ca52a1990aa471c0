package import Flatpeak
package import FoundationEssentials
package import Sessions
package import Webhooks

extension Route {
    /// Every route that `openapi.yaml` describes.
    package static func contract(
        sessions: Sessions, ledger: SessionLedger, reads: LocationReads, flatpeak: FlatpeakClient,
        webhooks: Webhooks, now: @escaping @Sendable () -> Date
    ) -> [Route] {
        [
            mint(sessions), session(sessions, now: now), sessionEvents(sessions, now: now), callback(sessions),
            locations(sessions), forgetLocation(sessions), locationStatus(reads), prices(reads), tariffs(reads),
            delivery(webhooks), document,
        ] + relay + probes(isReady: { flatpeak.isReady }, storeDebt: { ledger.debt })
    }
}
