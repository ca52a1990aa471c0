package import Flatpeak
package import FoundationEssentials
package import Relay
package import Sessions

extension Route {
    /// Every route that `openapi.yaml` describes.
    package static func contract(
        sessions: Sessions, flatpeak: FlatpeakClient, relay: Relay, now: @escaping @Sendable () -> Date
    ) -> [Route] {
        [
            mint(sessions), session(sessions, now: now), callback(sessions), locations(sessions),
            locationStatus(sessions, flatpeak), prices(sessions, flatpeak), tariffs(sessions, flatpeak), document,
        ] + self.relay(relay) + probes
    }
}
