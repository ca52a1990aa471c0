@testable import Sandbox

/// What a kWh costs and when, worked out step by step and without the sandbox's calendar: the clocks' changes are a
/// list, days are counted, and every step of five minutes is looked at.
struct EnergyOracle {
    /// Seconds of a step; every boundary in a case is one of these.
    static let step = 300

    /// A zone and when its clocks change, as published.
    struct Zone {
        let country: String
        let state: String
        let winter: Int
        /// Instants, and the seconds east of UTC from then on.
        let changes: [(at: Int, offset: Int)]

        func offset(at instant: Int) -> Int { changes.last { $0.at <= instant }?.offset ?? winter }

        /// Days since 1970 and seconds since midnight, on the wall.
        func wall(_ instant: Int) -> (day: Int, second: Int) {
            let local = instant + offset(at: instant)
            return (local / 86_400, local % 86_400)
        }
    }

    /// A part of the day, by the minutes at which it begins and ends.
    struct Period {
        let from: Int
        let to: Int
        let tiers: [Tier]
    }

    struct Tier {
        /// Ten-thousandths of a unit of money; on a market the fixed surcharge.
        let money: Int
        let percentage: Int
        /// The kWh at which it ends.
        let end: Int?
    }

    /// A tariff: periods of workdays and of weekends, in two halves of the year.
    struct Tariff {
        let isMarket: Bool
        /// Months 1 to 6 and 7 to 12, each with its workdays and weekends.
        let periods: [[[Period]]]

        func tiers(month: Int, weekday: Int, minute: Int) -> [Tier] {
            let day = periods[month <= 6 ? 0 : 1][weekday <= 5 ? 0 : 1]
            return day.first { $0.from <= minute && minute < $0.to }?.tiers ?? []
        }
    }

    let zone: Zone
    let market: Market
    let tariff: Tariff
    /// Network charges, ten-thousandths of a unit of money; 0 for none.
    let charge: Int
    let corrections: [(from: Int, to: Int, money: Int)]
    let now: Int

    /// The price of a kWh in hundred-thousandths at a step, after the kWh that were used that day.
    func price(_ instant: Int, used: Double = 0) -> Int? {
        let (day, second) = zone.wall(instant)
        guard day - zone.wall(now).day < 6 else { return nil }
        if let corrected = corrections.last(where: { $0.from <= instant && instant < $0.to }) {
            return corrected.money * 10
        }
        let tiers = tariff.tiers(month: Self.month(ofDay: day), weekday: (day + 3) % 7 + 1, minute: second / 60)
        guard let tier = tiers.first(where: { $0.end.map { used < Double($0) } ?? true }) ?? tiers.last else {
            return nil
        }
        guard tariff.isMarket else { return tier.money * 10 + charge * 10 }
        // The market's own price is given; where it has none of its own, it is the same for its whole interval.
        let region = market.region(of: zone.state)
        let base = market.price(region: region, at: instant) + Double(tier.money) / 10_000
        return Int((base * (1 + Double(tier.percentage) / 100) * 100_000).rounded()) + charge * 10
    }

    /// 1 for what is published, 0.8 for a forecast.
    func confidence(_ instant: Int) -> Double {
        let (today, second) = zone.wall(now)
        let known = tariff.isMarket && second < 14 * 3600 ? today : today + 1
        return zone.wall(instant).day <= known ? 1 : 0.8
    }

    /// The months of 2026's days.
    private static let months = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].enumerated().flatMap { index, length in
        Array(repeating: index + 1, count: length)
    }

    static func month(ofDay day: Int) -> Int {
        let index = day - 20_454  // 2026-01-01
        return months.indices.contains(index) ? months[index] : 12
    }

    /// What energy costs that flows evenly over a span, in hundred-thousandths, and how much of it falls in each step;
    /// `used` holds the kWh of each local day so far.
    func cost(from start: Int, to end: Int, kilowattHours: Double, used: inout [Int: Double]) -> [(
        at: Int, kwh: Double, cost: Double
    )] {
        stride(from: start, to: end, by: Self.step).map { instant in
            let day = zone.wall(instant).day
            var left = kilowattHours * Double(Self.step) / Double(end - start)
            let kwh = left
            var cost = 0.0
            while left > 1e-12 {
                let before = used[day, default: 0]
                let next = tariffEnds(instant).first { Double($0) > before }.map { Double($0) - before } ?? left
                let taken = min(left, next)
                cost += Double(price(instant, used: before) ?? 0) * taken
                used[day] = before + taken
                left -= taken
            }
            return (instant, kwh, cost)
        }
    }

    private func tariffEnds(_ instant: Int) -> [Int] {
        let (day, second) = zone.wall(instant)
        return tariff.tiers(month: Self.month(ofDay: day), weekday: (day + 3) % 7 + 1, minute: second / 60)
            .compactMap(\.end)
    }
}

// MARK: - Random cases

/// SplitMix64, so that a seed names a case.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

extension EnergyOracle {
    /// The changes of 2026, from the rules' own announcements.
    static let zones: [Zone] = {
        let europe = (spring: at("2026-03-29T01:00:00Z"), autumn: at("2026-10-25T01:00:00Z"))
        func european(_ country: String, _ winter: Int) -> Zone {
            Zone(
                country: country, state: "", winter: winter,
                changes: [(europe.spring, winter + 3600), (europe.autumn, winter)])
        }
        func zone(_ country: String, _ state: String, _ winter: Int, _ changes: (String, Int)...) -> Zone {
            Zone(country: country, state: state, winter: winter, changes: changes.map { (at($0.0), $0.1) })
        }
        return [
            european("GB", 0), european("DE", 3600), european("FR", 3600), european("NL", 3600),
            zone(
                "US", "NY", -18_000, ("2026-03-08T07:00:00Z", -14_400), ("2026-11-01T06:00:00Z", -18_000)),
            zone(
                "US", "CA", -28_800, ("2026-03-08T10:00:00Z", -25_200), ("2026-11-01T09:00:00Z", -28_800)),
            zone("US", "AZ", -25_200),
            zone(
                "AU", "NSW", 36_000, ("2025-10-04T16:00:00Z", 39_600), ("2026-04-04T16:00:00Z", 36_000),
                ("2026-10-03T16:00:00Z", 39_600)),
            zone(
                "AU", "SA", 34_200, ("2025-10-04T16:30:00Z", 37_800), ("2026-04-04T16:30:00Z", 34_200),
                ("2026-10-03T16:30:00Z", 37_800)),
            zone("AU", "QLD", 36_000),
        ]
    }()

    static func at(_ text: String) -> Int { instant(text).epochSeconds }

    /// - Parameter start: About when the case takes place.
    static func random(_ zone: Zone, start: Int, using generator: inout SeededGenerator) throws -> EnergyOracle {
        let market = Market.all.first { $0.countryCode == zone.country } ?? Market.all[0]
        let isMarket = !market.regions.isEmpty && Int.random(in: 0..<3, using: &generator) == 0
        let tiered = Int.random(in: 0..<3, using: &generator) == 0
        func tiers(_ generator: inout SeededGenerator) -> [Tier] {
            let ends: [Int?] = tiered ? [Int.random(in: 2...6, using: &generator), 15, nil] : [nil]
            return ends.map { end in
                Tier(
                    money: Int.random(in: isMarket ? 0...300 : 500...4500, using: &generator),
                    percentage: isMarket ? Int.random(in: 0...25, using: &generator) : 0, end: end)
            }
        }
        func day(_ generator: inout SeededGenerator) -> [Period] {
            var cuts = Set([0, 1440])
            for _ in 0..<Int.random(in: 0...4, using: &generator) {
                cuts.insert(Int.random(in: 1..<288, using: &generator) * 5)
            }
            let sorted = cuts.sorted()
            return zip(sorted, sorted.dropFirst()).map { Period(from: $0, to: $1, tiers: tiers(&generator)) }
        }
        func half(_ generator: inout SeededGenerator) -> [[Period]] { [day(&generator), day(&generator)] }
        let corrections = (0..<Int.random(in: 0...2, using: &generator)).map { _ in
            let from = start + Int.random(in: -100...800, using: &generator) * step
            return (
                from: from, to: from + Int.random(in: 1...100, using: &generator) * step,
                money: Int.random(in: -500...6000, using: &generator)
            )
        }
        return EnergyOracle(
            zone: zone, market: market,
            tariff: Tariff(isMarket: isMarket, periods: [half(&generator), half(&generator)]),
            charge: Int.random(in: 0...3, using: &generator) == 0 ? Int.random(in: 1...900, using: &generator) : 0,
            corrections: corrections,
            now: start - Int.random(in: 0...(4 * 288), using: &generator) * step)
    }
}
