package import Core

/// What energy cost at a location (upstream.md §6.7).
package struct CostQuery: Hashable, Sendable {
    package var location: LocationID
    package var scope: Scope
    package var direction: TariffDirection?

    /// Which of the location's energy.
    package enum Scope: Hashable, Sendable {
        /// Between two instants, of one device or of all.
        case interval(from: RFC3339Timestamp, to: RFC3339Timestamp, Aggregation?, of: DeviceID?)
        /// A session's, by its reference as Flatpeak has it: of characters that a path takes unescaped.
        case session(reference: String)
    }

    /// What the records of a row have in common: the location's own day or month.
    package enum Aggregation: String, Sendable, CaseIterable {
        case day = "DAY"
        case month = "MONTH"
    }

    package init(location: LocationID, scope: Scope, direction: TariffDirection? = nil) {
        self.location = location
        self.scope = scope
        self.direction = direction
    }

    /// The device whose costs these are, if it is one's.
    package var device: DeviceID? {
        if case .interval(_, _, _, let device) = scope { device } else { nil }
    }
}
