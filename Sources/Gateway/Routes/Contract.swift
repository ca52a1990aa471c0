package import ConnectPage
package import Flatpeak
package import FoundationEssentials
package import Sessions
package import Webhooks

extension Route {
    /// Every route that `openapi.yaml` describes.
    /// - Parameters:
    ///   - writers: Who may send meter records, and create and delete devices.
    ///   - page: The hosted Connect page; `nil` where there is none.
    package static func contract(
        sessions: Sessions, cache: SessionCache, reads: LocationReads, flatpeak: FlatpeakClient,
        webhooks: Webhooks, writers: RoutePolicy.Callers, page: ConnectPage?, logos: ProviderLogos,
        now: @escaping @Sendable () -> Date,
        isReady: @escaping @Sendable () -> Bool = { true }
    ) -> [Route] {
        let listeners = Listeners()
        let own: [Route] = [
            mint(sessions), session(sessions, now: now), sessionEvents(sessions, listeners, now: now),
            callback(sessions), confirm(sessions, now: now), locations(sessions), location(reads),
            forgetLocation(sessions), locationEvents(sessions.feed, listeners), locationStatus(reads), prices(reads),
            tariffs(reads), meters(sessions, .interval, by: writers), meters(sessions, .cumulative, by: writers),
            batch(sessions), devices(sessions), createDevice(sessions, by: writers),
            deleteDevice(sessions, by: writers), delivery(webhooks), document,
        ]
        let hosted = page.map { [tickets(sessions), documentCallback(sessions), logo(logos)] + connectPage($0) } ?? []
        return own + schedules(reads) + costs(reads) + hosted + relay
            + probes(flatpeak: flatpeak, cache: cache, isReady: isReady)
    }

    /// `GET /livez` and `GET /readyz`.
    /// - Parameter isReady: Whether the rest of the process may be sent requests.
    package static func probes(
        flatpeak: FlatpeakClient, cache: SessionCache, isReady: @escaping @Sendable () -> Bool
    ) -> [Route] {
        probes(isReady: { flatpeak.isReady && isReady() }, storeStatus: { cache.status })
    }
}
