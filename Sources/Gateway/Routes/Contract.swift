package import Flatpeak
package import FoundationEssentials
package import Sessions

extension Route {
    /// Every route that `openapi.yaml` describes.
    package static func contract(
        sessions: Sessions, ledger: SessionLedger, reads: LocationReads, flatpeak: FlatpeakClient,
        now: @escaping @Sendable () -> Date
    ) -> [Route] {
        [
            mint(sessions), session(sessions, now: now), sessionEvents(sessions, now: now), callback(sessions),
            locations(sessions), forgetLocation(sessions), locationStatus(reads), prices(reads), tariffs(reads),
            document,
        ] + relay + probes(isReady: { flatpeak.isReady }, storeDebt: { ledger.debt })
    }
}
