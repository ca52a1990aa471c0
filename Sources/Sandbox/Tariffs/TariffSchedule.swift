import FoundationEssentials

/// When a tariff costs what: the `schedule` of upstream.md §6.1.
struct TariffSchedule: Equatable, Sendable {
    struct Rate: Decodable, Equatable, Sendable {
        /// Major currency units per kWh; ignored on market rates.
        var fixed: Double?
        /// Upper end of a tier in kWh; nil for no tiers.
        var toKwh: Double?
        var surchargeFixed: Double?
        /// Percent: 5 is one twentieth on top.
        var surchargePercentage: Double?
    }

    struct Period: Decodable, Equatable, Sendable {
        /// `HH:mm:ss`; `valid_to` of `00:00:00` is midnight, and a period may wrap it.
        let validFrom: String
        let validTo: String
        let rate: [Rate]
        /// Both times in seconds since midnight; nil where they are none.
        let seconds: (from: Int, to: Int)?

        private enum CodingKeys: String, CodingKey { case validFrom, validTo, rate }

        init(validFrom: String, validTo: String, rate: [Rate]) {
            (self.validFrom, self.validTo, self.rate) = (validFrom, validTo, rate)
            if let from = TimeOfDay.parse(validFrom), let to = TimeOfDay.parse(validTo) {
                seconds = (from, to)
            } else {
                seconds = nil
            }
        }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            self.init(
                validFrom: try values.decode(String.self, forKey: .validFrom),
                validTo: try values.decode(String.self, forKey: .validTo),
                rate: try values.decode([Rate].self, forKey: .rate))
        }

        static func == (one: Period, other: Period) -> Bool {
            (one.validFrom, one.validTo) == (other.validFrom, other.validTo) && one.rate == other.rate
        }

        func covers(_ second: Int) -> Bool {
            guard let (from, to) = seconds else { return false }
            if from == to { return true }
            return from < to ? second >= from && second < to : second >= from || second < to
        }
    }

    struct Days: Decodable, Equatable, Sendable {
        var days: [JSON]
        var hours: [Period]
    }

    struct Season: Decodable, Equatable, Sendable {
        var months: [JSON]
        var dates: [Int]?
        var daysAndHours: [Days]
    }

    var seasons: [Season]

    init(seasons: [Season]) { self.seasons = seasons }

    /// The same periods every day of the year.
    init(daily periods: [Period]) {
        seasons = [Season(months: ["All"], dates: nil, daysAndHours: [Days(days: ["All"], hours: periods)])]
    }

    /// One rate at all times.
    init(always rate: Rate) {
        self.init(daily: [Period(validFrom: "00:00:00", validTo: "00:00:00", rate: [rate])])
    }

    /// The tiers that apply at a second of a day; none where the schedule has a hole.
    func rates(on day: CivilDay, at second: Int) -> [Rate] {
        for season in seasons where season.applies(to: day) {
            for days in season.daysAndHours where days.apply(to: day) {
                if let period = days.hours.first(where: { $0.covers(second) }) { return period.rate }
            }
        }
        return []
    }

    /// The seconds of a day at which a period begins or ends.
    var changes: Set<Int> {
        let periods = seasons.flatMap(\.daysAndHours).flatMap(\.hours)
        return Set(periods.compactMap(\.seconds).flatMap { [$0.from, $0.to] })
    }

    var isTiered: Bool {
        seasons.contains { $0.daysAndHours.contains { $0.hours.contains { $0.rate.contains { $0.toKwh != nil } } } }
    }

    /// What a formula of BUSBAR starts from.
    enum FormulaBase: Sendable {
        case fixed, market
    }

    /// - Parameter base: Of rates as formulas; nil for rates as numbers.
    func json(formulaOn base: FormulaBase?) -> JSON { .array(seasons.map { $0.json(base) }) }
}

extension TariffSchedule.Season {
    func applies(to day: CivilDay) -> Bool {
        months.contains { $0 == "All" || $0 == .int(day.month) } && (dates?.contains(day.dayOfMonth) ?? true)
    }

    fileprivate func json(_ base: TariffSchedule.FormulaBase?) -> JSON {
        let season: JSON = ["months": .array(months), "days_and_hours": .array(daysAndHours.map { $0.json(base) })]
        return dates.map { season.merging(["dates": .array($0.map(JSON.int))]) } ?? season
    }
}

extension TariffSchedule.Days {
    /// Numbered days count from 1, Monday; the documents do not say (a choice).
    func apply(to day: CivilDay) -> Bool {
        days.contains { name in
            switch name {
            case "All": true
            case "Weekdays": day.weekday <= 5
            case "Weekend": day.weekday > 5
            default: name == .int(day.weekday)
            }
        }
    }

    fileprivate func json(_ base: TariffSchedule.FormulaBase?) -> JSON {
        ["days": .array(days), "hours": .array(hours.map { $0.json(base) })]
    }
}

extension TariffSchedule.Period {
    fileprivate func json(_ base: TariffSchedule.FormulaBase?) -> JSON {
        [
            "valid_from": .string(validFrom), "valid_to": .string(validTo),
            "rate": .array(rate.map { rate in base.map(rate.formula) ?? rate.json }),
        ]
    }
}

extension TariffSchedule.Rate {
    var json: JSON {
        [
            "fixed": fixed.map(JSON.double) ?? .null, "to_kwh": toKwh.map(JSON.double) ?? .null,
            "surcharge_fixed": surchargeFixed.map(JSON.double) ?? .null,
            "surcharge_percentage": surchargePercentage.map(JSON.double) ?? .null,
        ]
    }

    /// The rate as BUSBAR writes it; the grammar is a choice, the documents show none.
    fileprivate func formula(on base: TariffSchedule.FormulaBase) -> JSON {
        let sum =
            switch base {
            case .fixed: "\(fixed ?? 0)"
            case .market: "index * unitScale + \(surchargeFixed ?? 0)"
            }
        return [
            "value": .string("(\(sum)) * (1 + tax)"), "to_kwh": toKwh.map(JSON.double) ?? .null,
            "variables": [
                "index": base == .market ? "DAY_AHEAD" : .null, "unitScale": 1,
                "tax": .double((surchargePercentage ?? 0) / 100),
            ],
        ]
    }
}

extension TariffSchedule {
    /// Reads a schedule as `rate_advanced_capture` submits it; nil where it breaks the rules of a tariff.
    init?(parsing schedule: JSON?) {
        guard let schedule, let seasons = try? Self.decoder.decode([Season].self, from: Data(schedule.bytes)) else {
            return nil
        }
        let days = seasons.flatMap(\.daysAndHours)
        let periods = days.flatMap(\.hours)
        let isWhole =
            !periods.isEmpty && seasons.allSatisfy { !$0.months.isEmpty && !$0.daysAndHours.isEmpty }
            && days.allSatisfy { !$0.days.isEmpty && !$0.hours.isEmpty }
            && periods.allSatisfy {
                $0.seconds != nil && !$0.rate.isEmpty
            }
        guard isWhole else { return nil }
        self.seasons = seasons
    }

    private static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }
}
