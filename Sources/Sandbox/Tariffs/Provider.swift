/// An energy provider; all names are invented.
struct Provider: Equatable, Sendable {
    /// How its tariffs are read (upstream.md §4.3).
    enum Integration: Equatable, Sendable {
        /// The customer logs in at the provider, which reports this tariff.
        case direct(LibraryTariff)
        /// The customer chooses from its known tariffs.
        case library([LibraryTariff])
        /// The customer types the rates.
        case manual
    }

    let id: String
    let name: String
    let countryCode: String
    let serves: [PostalAddressType]
    let integration: Integration

    func isAvailable(at address: PostalAddress, type: PostalAddressType?) -> Bool {
        countryCode == address.countryCode && (type.map(serves.contains) ?? true)
    }
}

/// A tariff template, `trt_…`.
struct LibraryTariff: Equatable, Sendable {
    let id: String
    let name: String
    let description: String
    let structure: TariffStructure
    let schedule: TariffSchedule
}

/// `structure_type` of a tariff (upstream.md §4.4, `tariff_summary`).
enum TariffStructure: String, Sendable {
    case fixed = "FIXED"
    case timeOfDay = "TIME_OF_DAY"
    case market = "MARKET"
    case dynamic = "DYNAMIC"
    case advanced = "STATIC"

    /// Prices come from the market, and only surcharges from the schedule.
    var usesMarketRates: Bool { self == .market || self == .dynamic }
}

extension Provider {
    static func find(_ id: String) -> Provider? { all.first { $0.id == id } }

    static let all = [
        Provider(
            id: "prv_5a4db0c5000000000000b601", name: "Brackenfield Energy", countryCode: "GB",
            serves: [.residential, .commercial],
            integration: .direct(.night("01", "Bracken Night Saver", 0.2671, 0.0899))),
        Provider(
            id: "prv_5a4db0c5000000000000b602", name: "Loch & Lantern Power", countryCode: "GB",
            serves: [.residential],
            integration: .library([
                .fixed("02", "Lantern Fixed 12", 0.2449), .night("03", "Lantern Economy", 0.2788, 0.1342),
            ])),
        Provider(
            id: "prv_5a4db0c5000000000000b603", name: "Third Lamp Business", countryCode: "GB", serves: [.commercial],
            integration: .manual),
        Provider(
            id: "prv_5a4db0c5000000000000de01", name: "Kieselbach Strom", countryCode: "DE",
            serves: [.residential, .commercial], integration: .direct(.dynamic("04", "Kiesel Dynamisch", 0.0215, 19))),
        Provider(
            id: "prv_5a4db0c5000000000000de02", name: "Quellmoor Energie", countryCode: "DE",
            serves: [.residential, .commercial], integration: .library([.fixed("05", "Quellmoor Grün", 0.3129)])),
        Provider(
            id: "prv_5a4db0c5000000000000f501", name: "Clairmoulin Électricité", countryCode: "FR",
            serves: [.residential, .commercial], integration: .library([.night("06", "Heures Calmes", 0.2068, 0.1565)])),
        Provider(
            id: "prv_5a4db0c5000000000000f502", name: "Rivière-Haute Énergie", countryCode: "FR",
            serves: [.residential], integration: .manual),
        Provider(
            id: "prv_5a4db0c5000000000000a101", name: "Tulpendijk Stroom", countryCode: "NL",
            serves: [.residential, .commercial], integration: .direct(.dynamic("07", "Tulp Uurprijs", 0.0182, 21))),
        Provider(
            id: "prv_5a4db0c5000000000000a501", name: "Cedar Hollow Electric", countryCode: "US",
            serves: [.residential, .commercial],
            integration: .library([
                .fixed("08", "Residential Basic", 0.1624), .night("09", "EV Overnight", 0.1987, 0.0811),
            ])),
        Provider(
            id: "prv_5a4db0c5000000000000a001", name: "Wattlebrook Energy", countryCode: "AU",
            serves: [.residential, .commercial], integration: .library([.fixed("0a", "Wattle Anytime", 0.3298)])),
    ]
}

extension LibraryTariff {
    private static func id(_ suffix: String) -> String { "trt_5a4db0c500000000000000" + suffix }

    static func fixed(_ suffix: String, _ name: String, _ cost: Double) -> LibraryTariff {
        LibraryTariff(
            id: id(suffix), name: name, description: "", structure: .fixed,
            schedule: TariffSchedule(always: .init(fixed: cost)))
    }

    /// Cheap from 23:30 to 05:30.
    static func night(_ suffix: String, _ name: String, _ day: Double, _ night: Double) -> LibraryTariff {
        LibraryTariff(
            id: id(suffix), name: name, description: "Cheaper from 23:30 to 05:30", structure: .timeOfDay,
            schedule: TariffSchedule(daily: [
                .init(validFrom: "05:30:00", validTo: "23:30:00", rate: [.init(fixed: day)]),
                .init(validFrom: "23:30:00", validTo: "05:30:00", rate: [.init(fixed: night)]),
            ]))
    }

    static func dynamic(_ suffix: String, _ name: String, _ fixed: Double, _ percentage: Double) -> LibraryTariff {
        LibraryTariff(
            id: id(suffix), name: name, description: "Follows the day-ahead market", structure: .dynamic,
            schedule: TariffSchedule(always: .init(surchargeFixed: fixed, surchargePercentage: percentage)))
    }
}
