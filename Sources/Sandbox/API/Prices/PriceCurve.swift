import FoundationEssentials

/// A price that was published wrong and is put right: it takes the place of the tariff's.
struct PriceCorrection: Equatable, Sendable {
    var direction: Direction
    /// Seconds since 1970.
    var from: Int
    var to: Int
    /// Major units per kWh.
    var value: Double
}

/// What a kWh costs at a location in one direction: the energy, the network charges beside it, and corrections.
struct PriceCurve: Sendable {
    /// A span of one price.
    struct Row: Equatable, Sendable {
        /// Seconds since 1970.
        var from: Int
        var to: Int
        /// Major units per kWh, before any tier is used up.
        var value: Double
        /// 1 for what is known, less for a forecast.
        var confidence: Double

        var seconds: Int { to - from }
    }

    let zone: LocalZone
    let market: Market
    /// The energy's first; empty where energy costs nothing.
    let tariffs: [TariffDraft]
    /// The newest last.
    let corrections: [PriceCorrection]
    /// What follows is a forecast.
    let certainUntil: Int
    /// What follows has no price.
    let forecastUntil: Int
    /// When another day's prices become known.
    let nextUpdate: Int
    /// The seconds of a day at which a tariff or the day itself changes.
    private let changes: Set<Int>

    init(address: PostalAddress, tariffs: [TariffDraft], corrections: [PriceCorrection], now: Date) {
        zone = address.zone
        market = Market.of(address)
        self.tariffs = tariffs
        self.corrections = corrections
        changes = tariffs.reduce(into: [0]) { $0.formUnion($1.schedule.changes) }
        let (today, second) = zone.wallClock(at: now.epochSeconds)
        let waits = tariffs.contains { $0.structure.usesMarketRates } && second < Market.publication
        certainUntil = zone.startOfDay(today.daysSinceEpoch + (waits ? 1 : 2))
        forecastUntil = tariffs.isEmpty ? .max : zone.startOfDay(today.daysSinceEpoch + 6)
        nextUpdate =
            waits
            ? zone.instant(today.daysSinceEpoch, second: Market.publication)
            : zone.startOfDay(today.daysSinceEpoch + 1)
    }

    /// The price of a kWh at an instant; nil where none is known.
    ///
    /// - Parameter used: The kWh of that day before it, which decide the tier.
    func price(at instant: Int, after used: Double = 0) -> Double? {
        guard instant < forecastUntil else { return nil }
        if let corrected = corrections.last(where: { $0.from <= instant && instant < $0.to }) { return corrected.value }
        guard let energy = tariffs.first else { return 0 }
        guard let value = energy.price(at: instant, after: used) else { return nil }
        let charges = tariffs.dropFirst().reduce(0) { $0 + ($1.price(at: instant, after: used) ?? 0) }
        return (value + charges).roundedToFiveDecimals
    }

    /// The kWh of a day after which a dearer or cheaper tier begins, in order.
    func tierEnds(at instant: Int) -> [Double] {
        if corrections.contains(where: { $0.from <= instant && instant < $0.to }) { return [] }
        let (day, second) = zone.wallClock(at: instant)
        return tariffs.flatMap { $0.schedule.rates(on: day, at: second).compactMap(\.toKwh) }.sorted()
    }

    func confidence(at instant: Int) -> Double { tariffs.isEmpty || instant < certainUntil ? 1 : 0.8 }

    /// The rows of a span, cut wherever the price may change, without the parts that have none.
    func rows(from start: Int, to end: Int) -> [Row] {
        let cuts = cuts(from: start, to: min(end, forecastUntil))
        return zip(cuts, cuts.dropFirst()).compactMap { from, to in
            price(at: from).map { Row(from: from, to: to, value: $0, confidence: confidence(at: from)) }
        }
    }

    /// Both ends of a span, and the instants between them at which the price, the tier or the day may change.
    func cuts(from start: Int, to end: Int) -> [Int] {
        guard start < end else { return [] }
        var cuts: Set = [start, end]
        // Clocks change on the market's grid, too.
        let grid = (start.floorDivided(by: market.interval) + 1) * market.interval
        cuts.formUnion(stride(from: grid, to: end, by: market.interval))
        cuts.formUnion(corrections.flatMap { [$0.from, $0.to] }.filter { $0 > start && $0 < end })
        let days = zone.wallClock(at: start).day.daysSinceEpoch...zone.wallClock(at: end).day.daysSinceEpoch
        for day in days {
            for second in changes {
                cuts.formUnion(zone.instants(day, second: second).filter { $0 > start && $0 < end })
            }
        }
        return cuts.sorted()
    }
}

extension TariffDraft {
    /// Price of a kWh at an instant (seconds since 1970) in major units; nil where an advanced schedule has a hole.
    ///
    /// - Parameter used: The kWh of the local day before it: tiers count by the day (a choice: the documents do not say).
    func price(at instant: Int, after used: Double = 0) -> Double? {
        let (day, second) = address.zone.wallClock(at: instant)
        let tiers = schedule.rates(on: day, at: second)
        guard let rate = tiers.first(where: { $0.toKwh.map { used < $0 } ?? true }) ?? tiers.last else { return nil }
        guard structure.usesMarketRates else { return rate.fixed }
        let base = Market.of(address).price(region: region, at: instant) + (rate.surchargeFixed ?? 0)
        return (base * (1 + (rate.surchargePercentage ?? 0) / 100)).roundedToFiveDecimals
    }

    /// The rates of one local day as the summary shows them, none for a day whose prices are not known yet: neighbours
    /// of one price are one row.
    ///
    /// - Parameter price: The members that hold a row's price.
    func rates(ofDay day: Int, now: Date, _ price: (PriceCurve.Row) -> [String: JSON]) -> JSON {
        let zone = address.zone
        let curve = PriceCurve(address: address, tariffs: [self], corrections: [], now: now)
        guard zone.startOfDay(day) < curve.certainUntil else { return [] }
        var rows: [PriceCurve.Row] = []
        for row in curve.rows(from: zone.startOfDay(day), to: zone.startOfDay(day + 1)) {
            if let last = rows.last, last.value == row.value, last.to == row.from {
                rows[rows.count - 1].to = row.to
            } else {
                rows.append(row)
            }
        }
        return .array(
            rows.map { row in
                JSON.object(price(row)).merging([
                    "valid_from": .string(Timestamp.local(row.from, offset: zone.offset(at: row.from))),
                    "valid_to": .string(Timestamp.local(row.to, offset: zone.offset(at: row.to))),
                ])
            })
    }

    /// The rates of yesterday, today and tomorrow.
    func days(around now: Date, _ price: (PriceCurve.Row) -> [String: JSON]) -> JSON {
        let today = address.zone.wallClock(at: now.epochSeconds).day.daysSinceEpoch
        return [
            "yesterday": rates(ofDay: today - 1, now: now, price), "today": rates(ofDay: today, now: now, price),
            "tomorrow": rates(ofDay: today + 1, now: now, price),
        ]
    }
}
