/// Whether a tariff prices what the location takes or what it gives.
enum Direction: String, Sendable {
    case `import` = "IMPORT"
    case export = "EXPORT"
}

/// Energy itself, or the network charges beside it.
enum TariffType: String, Sendable {
    case commodity = "COMMODITY"
    case nonCommodity = "NON_COMMODITY"
}

/// The place of one tariff at a location; a location has at most one tariff per slot (upstream.md §6.2).
struct Slot: Hashable, Sendable {
    var direction: Direction
    var type: TariffType

    /// The slots that can be connected, by the names of `tariff_status`.
    static let supported = [
        ("commodity_import", Slot(direction: .import, type: .commodity)),
        ("commodity_export", Slot(direction: .export, type: .commodity)),
        ("non_commodity_import", Slot(direction: .import, type: .nonCommodity)),
    ]

    /// The slots that answer `NOT_SUPPORTED`.
    static let unsupported = ["non_commodity_export", "local"]
}

/// Data isolation: an account, in live or in test mode.
struct Scope: Hashable, Sendable {
    var account: String
    var live: Bool
}
