package import Core

/// A token that Flatpeak created.
package struct MintedToken: Sendable {
    package let token: ConnectToken
    /// Seconds from now.
    package let expiresIn: Double
    package let liveMode: Bool
}

/// What Flatpeak says became of a connect token (upstream.md §3).
package enum Claim: Hashable, Sendable {
    /// The customer has not come to the end.
    case notFinished
    /// The session gave a location; `pricesAvailable` says whether its tariff was read already.
    case located(LocationID, pricesAvailable: Bool)
    /// The session has this location from the start, and Flatpeak has no data of it: only how the location's tariffs stand
    /// says more.
    case undecided(LocationID)
    /// The token is past its life, or Flatpeak does not know it.
    case gone
}
