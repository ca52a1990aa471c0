extension PostalAddress {
    /// The time zone of the place: its state's, where the country has several.
    var zone: LocalZone {
        let state = state.uppercased()
        return Self.zones.first { $0.country == countryCode && $0.states.contains(state) }?.zone
            ?? Market.of(self).zone
    }

    /// By the codes that the web app offers; Australian states also by name.
    ///
    /// The zone in which most of a state's people
    /// live stands for a state with two.
    private static let zones: [(country: String, states: Set<String>, zone: LocalZone)] = [
        (
            "AU", ["NSW", "NEW SOUTH WALES", "ACT", "AUSTRALIAN CAPITAL TERRITORY"],
            LocalZone(name: "Australia/Sydney", standardOffset: 36_000, summerTime: .australia)
        ),
        (
            "AU", ["VIC", "VICTORIA"],
            LocalZone(name: "Australia/Melbourne", standardOffset: 36_000, summerTime: .australia)
        ),
        (
            "AU", ["QLD", "QUEENSLAND"],
            LocalZone(name: "Australia/Brisbane", standardOffset: 36_000, summerTime: .none)
        ),
        (
            "AU", ["SA", "SOUTH AUSTRALIA"],
            LocalZone(name: "Australia/Adelaide", standardOffset: 34_200, summerTime: .australia)
        ),
        (
            "AU", ["WA", "WESTERN AUSTRALIA"],
            LocalZone(name: "Australia/Perth", standardOffset: 28_800, summerTime: .none)
        ),
        (
            "AU", ["TAS", "TASMANIA"],
            LocalZone(name: "Australia/Hobart", standardOffset: 36_000, summerTime: .australia)
        ),
        (
            "AU", ["NT", "NORTHERN TERRITORY"],
            LocalZone(name: "Australia/Darwin", standardOffset: 34_200, summerTime: .none)
        ),
        (
            "US",
            [
                "AL", "AR", "IA", "IL", "KS", "LA", "MN", "MO", "MS", "ND", "NE", "OK", "SD", "TN", "TX", "WI",
            ], LocalZone(name: "America/Chicago", standardOffset: -21_600, summerTime: .unitedStates)
        ),
        (
            "US", ["CO", "ID", "MT", "NM", "UT", "WY"],
            LocalZone(name: "America/Denver", standardOffset: -25_200, summerTime: .unitedStates)
        ),
        ("US", ["AZ"], LocalZone(name: "America/Phoenix", standardOffset: -25_200, summerTime: .none)),
        (
            "US", ["CA", "NV", "OR", "WA"],
            LocalZone(name: "America/Los_Angeles", standardOffset: -28_800, summerTime: .unitedStates)
        ),
        ("US", ["AK"], LocalZone(name: "America/Anchorage", standardOffset: -32_400, summerTime: .unitedStates)),
        ("US", ["HI"], LocalZone(name: "Pacific/Honolulu", standardOffset: -36_000, summerTime: .none)),
    ]
}
