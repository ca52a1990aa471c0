import Core

/// Which way the energy of a tariff flows (upstream.md §2).
///
/// `LOCAL` is a beta that is off for most accounts: what is generated and used at the location.
package enum TariffDirection: String, Codable, Sendable, CaseIterable {
    case importing = "IMPORT"
    case exporting = "EXPORT"
    case local = "LOCAL"
}

/// What a tariff charges for (upstream.md §2).
package enum TariffType: String, Codable, Sendable, CaseIterable {
    case commodity = "COMMODITY"
    case nonCommodity = "NON_COMMODITY"
}

/// How one of a location's tariffs stands (upstream.md §6.2).
package enum TariffStatus: String, Codable, Sendable {
    case connected = "CONNECTED"
    case notConnected = "NOT_CONNECTED"
    case error = "ERROR"
    case notSupported = "NOT_SUPPORTED"
    /// A value that was not known when this was written; it decides nothing.
    case other = "OTHER"

    /// Reads a status; the documents themselves show one with a trailing blank.
    package init(_ text: String) {
        self = TariffStatus(rawValue: String(text.withoutBlankEnds)) ?? .other
    }
}

/// One of the places a location has for a tariff: at most one tariff each (upstream.md §6.2).
package struct TariffSlot: Hashable, Sendable {
    package var direction: TariffDirection
    package var type: TariffType

    package init(direction: TariffDirection, type: TariffType) {
        self.direction = direction
        self.type = type
    }
}

/// Whether Flatpeak works with real customers or test data; the API key decides (upstream.md §0).
package enum FlatpeakMode: String, Sendable, CaseIterable {
    case live, test
}
