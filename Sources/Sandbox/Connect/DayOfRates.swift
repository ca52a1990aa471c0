/// The rows of `rate_tod_capture`: together they cover 24 hours, and one may wrap midnight (upstream.md §4.4).
enum DayOfRates {
    static let blank = [TariffSchedule.Period(validFrom: "00:00:00", validTo: "00:00:00", rate: [.init(fixed: 0)])]

    static func check(cost: Double) throws(Refusal) {
        guard cost != 0 else { throw .invalid("cost_value_zero", "Cost must not be zero") }
        guard cost > 0 else { throw .invalid("cost_value_negative", "Cost must not be negative") }
    }

    /// Checks the submitted rows.
    ///
    /// A row from a time to the same time is the whole day when it comes first, and nothing at all after that. Overlaps and a day that does not reach from midnight to midnight are
    /// `incomplete_time_period`, a hole between two rows is `gap_in_time_period`.
    static func periods(_ hours: JSON?) throws(Refusal) -> [TariffSchedule.Period] {
        guard let rows = hours?.array else { throw .dataInvalid("hours must be an array") }
        var periods: [TariffSchedule.Period] = []
        var segments: [(from: Int, to: Int)] = []
        for row in rows {
            let fields = try Fields(row, named: "an hour")
            let cost = try fields.number("cost")
            guard let from = TimeOfDay.parse(try fields.text("valid_from") ?? "") else {
                throw .invalid("valid_from_invalid", "valid_from must be HH:mm:ss")
            }
            guard let to = TimeOfDay.parse(try fields.text("valid_to") ?? "") else {
                throw .invalid("valid_to_invalid", "valid_to must be HH:mm:ss")
            }
            if from == to, !periods.isEmpty { continue }
            try check(cost: cost)
            periods.append(
                .init(validFrom: TimeOfDay.text(from), validTo: TimeOfDay.text(to), rate: [.init(fixed: cost)]))
            segments += split(from: from, to: to)
        }
        segments.sort { $0.from < $1.from }
        for (earlier, later) in zip(segments, segments.dropFirst()) where earlier.to > later.from {
            throw .invalid("incomplete_time_period", "Time periods overlap")
        }
        for (earlier, later) in zip(segments, segments.dropFirst()) where earlier.to < later.from {
            throw .invalid("gap_in_time_period", "There is a gap between time periods")
        }
        guard segments.first?.from == 0, segments.last?.to == 86_400 else {
            throw .invalid("incomplete_time_period", "Time periods must cover 24 hours")
        }
        return periods
    }

    /// The rows as the page shows them again: a row that wraps midnight comes back as two.
    static func rows(_ periods: [TariffSchedule.Period]) -> JSON {
        .array(
            periods.flatMap { period -> [JSON] in
                guard let (from, to) = period.seconds else { return [] }
                return split(from: from, to: to).map { segment in
                    [
                        "cost": .double(period.rate.first?.fixed ?? 0),
                        "valid_from": .string(TimeOfDay.text(segment.from)),
                        "valid_to": .string(TimeOfDay.text(segment.to)),
                    ]
                }
            })
    }

    private static func split(from: Int, to: Int) -> [(from: Int, to: Int)] {
        if from < to { return [(from, to)] }
        let evening = (from: from, to: 86_400)
        return to == 0 ? [evening] : [evening, (from: 0, to: to)]
    }
}
