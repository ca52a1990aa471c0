/// Whether a tariff prices what the location takes, what it gives or what it makes for itself.
enum Direction: String, Sendable {
    case `import` = "IMPORT"
    case export = "EXPORT"
    /// Energy that is made and used at the place (upstream.md §6.7).
    case local = "LOCAL"
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
        ("local", local),
    ]

    /// In beta: see ``World/isLocalEnabled``.
    static let local = Slot(direction: .local, type: .commodity)

    /// The slot that always answers `NOT_SUPPORTED`.
    static let unsupported = "non_commodity_export"
}

/// Data isolation: an account, in live or in test mode.
struct Scope: Hashable, Sendable {
    var account: String
    var live: Bool
}
