import FoundationEssentials

/// What a schedule by duration or by limit is asked for (upstream.md §6.6).
struct ScheduleRequest: Equatable, Sendable {
    enum Segment: String, Sendable {
        case low = "LOW"
        case high = "HIGH"
    }

    let window: TimeWindow
    let direction: Direction
    let segment: Segment

    /// ZERO's window begins now where it has no start (a choice: the documents do not say).
    init(_ fields: Fields, _ dialect: Dialect, zone: LocalZone, now: Date) throws(Refusal) {
        window = try TimeWindow(
            fields, startingAt: dialect.isZero ? now : nil, days: dialect.scheduleDays, zone: zone)
        direction = try Direction(fields, dialect.scheduleDirections)
        guard let name = try fields.text("segment") else { throw .invalid("segment_missing", "segment is required") }
        guard let segment = Segment(rawValue: name) else {
            throw .invalid("segment_invalid", "segment must be LOW or HIGH")
        }
        self.segment = segment
    }

    /// The minutes of `duration`.
    func duration(_ fields: Fields) throws(Refusal) -> Int {
        guard let minutes = try fields.quantity("duration") else {
            throw .invalid("duration_missing", "duration is required")
        }
        guard let whole = Int(exactly: minutes), whole > 0,
            whole * 60 <= window.end.epochSeconds - window.start.epochSeconds
        else { throw .invalid("duration_invalid", "duration must be whole minutes, and no more than the window has") }
        return whole
    }

    /// `absolute`, which wins, or `relative`.
    enum Limit: Equatable {
        case absolute(Double)
        /// 1 is the highest price of the window, 0.01 the lowest.
        case relative(Double)

        init?(_ fields: Fields) throws(Refusal) {
            if let value = try fields.quantity("absolute") {
                self = .absolute(value)
            } else if let share = try fields.quantity("relative") {
                guard (0.01...1).contains(share) else {
                    throw .invalid("relative_invalid", "relative must be between 0.01 and 1")
                }
                self = .relative(share)
            } else {
                return nil
            }
        }

        /// The price that it names among those of a window; between the ends it goes evenly (a choice).
        func price(among rows: [PriceCurve.Row]) -> Double {
            switch self {
            case .absolute(let value): return value
            case .relative(let share):
                let lowest = rows.map(\.value).min() ?? 0
                let highest = rows.map(\.value).max() ?? 0
                return lowest + (share - 0.01) / 0.99 * (highest - lowest)
            }
        }
    }
}

extension Array<PriceCurve.Row> {
    /// The cheapest seconds, or the dearest, as many as asked for, in order of time; among equals the earliest.
    func best(_ segment: ScheduleRequest.Segment, seconds: Int) -> [PriceCurve.Row] {
        var left = seconds
        let sorted = sorted { first, second in
            if first.value == second.value { return first.from < second.from }
            return segment == .low ? first.value < second.value : first.value > second.value
        }
        var taken: [PriceCurve.Row] = []
        for var row in sorted where left > 0 {
            row.to = Swift.min(row.to, row.from + left)
            left -= row.seconds
            taken.append(row)
        }
        return taken.sorted { $0.from < $1.from }
    }

    /// Those that cost no more than a limit, or no less.
    func within(_ limit: Double, _ segment: ScheduleRequest.Segment) -> [PriceCurve.Row] {
        // Prices have five decimals; the limit may miss one of them by the last bit of a Double.
        filter { segment == .low ? $0.value <= limit + 1e-9 : $0.value >= limit - 1e-9 }
    }

    /// Neighbours as one row, with the average price; a row is as sure as its least sure price (a choice).
    var joined: [PriceCurve.Row] {
        var rows: [PriceCurve.Row] = []
        for row in self {
            guard let last = rows.last, last.to == row.from else {
                rows.append(row)
                continue
            }
            let sum = last.value * Double(last.seconds) + row.value * Double(row.seconds)
            rows[rows.count - 1] = PriceCurve.Row(
                from: last.from, to: row.to, value: sum / Double(row.to - last.from),
                confidence: Swift.min(last.confidence, row.confidence))
        }
        return rows
    }
}
