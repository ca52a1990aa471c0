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

    /// Names and values that need no escaping, since each passed its type.
    func items(in version: FlatpeakVersion) -> [(String, String)] {
        var items: [(String, String)] = []
        if case .interval(_, _, let aggregation?, _) = scope { items.append(("aggregation", aggregation.rawValue)) }
        if let direction {
            items.append((version == .zero ? "direction" : "tariff_direction", direction.rawValue))
        }
        return items + version.costOptions
    }

    var body: (any Encodable)? {
        guard case .interval(let start, let end, _, _) = scope else { return nil }
        return PeriodBody(start_time: start.utc, end_time: end.utc)
    }
}

extension FlatpeakVersion {
    /// What asks for costs, and for prices: the older version leaves them out otherwise (upstream.md §6.3, §6.7).
    var costOptions: [(String, String)] {
        switch self {
        case .zero: [("include_tariff", "true")]
        case .anode: []
        }
    }

    /// The longest window of a schedule, in days (upstream.md §6.6).
    package var longestScheduleDays: Int {
        switch self {
        case .zero: 90
        case .anode: 3
        }
    }
}

/// `POST /costs/interval/{id}` (upstream.md §6.7).
private struct PeriodBody: Encodable {
    let start_time: String
    let end_time: String
}
