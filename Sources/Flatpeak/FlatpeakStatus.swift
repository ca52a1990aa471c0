package import Core
import Metrics

/// The status of the login.
package struct LoginStatus: Sendable {
    /// Since the login that gave the bearer in use; nil when there is none.
    package let age: Duration?
    /// Until that bearer ends.
    package let left: Duration?
    /// The number of the key that logged in last, from 1 on; 0 before the first login.
    package let key: Int
    /// A short name of that key (`Digest.fingerprint`).
    package let fingerprint: String?
    /// Why the last login failed, if it did.
    package let trouble: BFFError?
}

/// The status of Flatpeak, as far as our own calls show it.
package struct FlatpeakStatus: Sendable {
    package let login: LoginStatus
    /// Breakers that are open, or half-open.
    package let openBreakers: Set<Operation.Breaker>
    package let retriesLeft: Int
    /// The API version that calls ask for.
    package let version: FlatpeakVersion
    /// Whether Flatpeak refuses that version for this account.
    package let isVersionRefused: Bool

    /// Records the gauges.
    package func record() {
        Gauge(label: "connect_bff_logged_in").record(login.left.map { $0 > .zero ? 1 : 0 } ?? 0)
        Gauge(label: "connect_bff_login_failing").record(login.trouble == nil ? 0 : 1)
        Gauge(label: "connect_bff_bearer_age_seconds").record((login.age ?? .zero).seconds)
        Gauge(label: "connect_bff_bearer_remaining_seconds").record((login.left ?? .zero).seconds)
        Gauge(label: "connect_bff_key_in_use").record(login.key)
        for breaker in Operation.Breaker.allCases {
            Gauge(label: "connect_bff_breaker_open", dimensions: [("breaker", breaker.rawValue)])
                .record(openBreakers.contains(breaker) ? 1 : 0)
        }
        Gauge(label: "connect_bff_retries_left").record(retriesLeft)
        Gauge(label: "connect_bff_api_version_refused").record(isVersionRefused ? 1 : 0)
    }
}

extension Duration {
    fileprivate var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
