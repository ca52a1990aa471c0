/// A country's electricity market: currency, clock and a day-ahead price that is computed, not stored.
struct Market: Equatable, Sendable {
    let countryCode: String
    let currencyCode: String
    /// Where no state decides: see ``PostalAddress/zone``.
    let zone: LocalZone
    /// Regions with a price of their own, the default first; empty where there is no open market.
    let regions: [String]
    /// Post codes that begin like this could be in any of the regions.
    let ambiguousPostCode: String?
    /// Mean price of a kWh in major units.
    let meanPrice: Double
    /// Seconds of one market interval.
    let interval: Int

    /// Where the customer has to say which region applies (upstream.md §4.4, `region_select`).
    func regionIsAmbiguous(postCode: String) -> Bool {
        guard regions.count > 1, let prefix = ambiguousPostCode else { return false }
        return postCode.hasPrefix(prefix)
    }

    /// Day-ahead price at an instant (seconds since 1970), major units per kWh, five decimals: dear in the evening,
    /// cheap at night, a little different every day.
    func price(region: String?, at instant: Int) -> Double {
        let begin = instant.floorDivided(by: interval) * interval
        let (day, second) = zone.wallClock(at: begin)
        let hoursFromSeven = abs(Double(second) / 3600 - 19)
        let evening = 1 - min(hoursFromSeven, 24 - hoursFromSeven) / 6
        var mixed = UInt64(bitPattern: Int64(day.daysSinceEpoch &* 97 &+ second / interval))
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed ^= mixed >> 31
        let noise = Double(mixed % 1000) / 1000 - 0.5
        let regional = region == regions.first ? 1 : 1.08
        return (meanPrice * regional * (1 + 0.35 * evening + 0.1 * noise)).roundedToFiveDecimals
    }

    /// Grams of carbon dioxide of a kWh: most in the evening, least in the morning (invented; upstream.md §6.3).
    func carbonIntensity(at instant: Int) -> Double {
        let hoursFromSeven = abs(Double(zone.wallClock(at: instant).second) / 3600 - 19)
        return (220 + 140 * (1 - min(hoursFromSeven, 24 - hoursFromSeven) / 6)).rounded()
    }

    /// The carbon of a row of prices.
    func carbon(at instant: Int) -> JSON {
        let intensity = carbonIntensity(at: instant)
        return [
            "intensity": .double(intensity), "relative": .double(((intensity - 80) / 280).roundedToFiveDecimals),
            "confidence": 1,
        ]
    }

    /// The seconds of a local day at which the prices of the next one are published (a choice: the documents do not say).
    static let publication = 14 * 3600

    /// The region of a state, where states are regions; otherwise the default.
    func region(of state: String) -> String? { regions.first { $0 == state.uppercased() } ?? regions.first }

    static func of(_ address: PostalAddress) -> Market { address.market ?? all[0] }

    static let all = [
        Market(
            countryCode: "GB", currencyCode: "GBP",
            zone: LocalZone(name: "Europe/London", standardOffset: 0, summerTime: .europe), regions: ["GB"],
            ambiguousPostCode: nil, meanPrice: 0.21, interval: 1800),
        Market(
            countryCode: "DE", currencyCode: "EUR",
            zone: LocalZone(name: "Europe/Berlin", standardOffset: 3600, summerTime: .europe), regions: ["DE"],
            ambiguousPostCode: nil, meanPrice: 0.28, interval: 3600),
        Market(
            countryCode: "FR", currencyCode: "EUR",
            zone: LocalZone(name: "Europe/Paris", standardOffset: 3600, summerTime: .europe), regions: ["FR", "CORS"],
            ambiguousPostCode: "20", meanPrice: 0.19, interval: 3600),
        Market(
            countryCode: "NL", currencyCode: "EUR",
            zone: LocalZone(name: "Europe/Amsterdam", standardOffset: 3600, summerTime: .europe), regions: ["NL"],
            ambiguousPostCode: nil, meanPrice: 0.25, interval: 3600),
        Market(
            countryCode: "US", currencyCode: "USD",
            zone: LocalZone(name: "America/New_York", standardOffset: -18_000, summerTime: .unitedStates), regions: [],
            ambiguousPostCode: nil, meanPrice: 0.17, interval: 3600),
        Market(
            countryCode: "AU", currencyCode: "AUD",
            zone: LocalZone(name: "Australia/Sydney", standardOffset: 36_000, summerTime: .australia),
            regions: ["NSW", "VIC"], ambiguousPostCode: "26", meanPrice: 0.31, interval: 1800),
    ]
}

extension Double {
    var roundedToFiveDecimals: Double { (self * 100_000).rounded() / 100_000 }
}
