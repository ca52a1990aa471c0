import FoundationEssentials

/// The body of `POST /prices/{location_id}` (upstream.md §6.3).
struct PriceWindow: Equatable, Sendable {
    var start: Date
    var end: Date
    /// Seconds east of UTC in which the answer is written: that of `end_time`.
    var offset: Int
    var directionName: String

    /// Nil for LOCAL, where nothing can be connected.
    var direction: Direction? { Direction(rawValue: directionName) }

    /// Without a start the window begins with the current hour (a choice: the documents do not say).
    init(_ body: Fields, now: Date) throws(Refusal) {
        guard let endText = try body.text("end_time") else {
            throw .invalid("end_time_missing", "end_time is required")
        }
        guard let end = Timestamp.parse(endText) else {
            throw .invalid("end_time_invalid", "end_time must be an RFC 3339 timestamp")
        }
        (self.end, offset) = end
        start = Date(timeIntervalSince1970: Double(now.epochSeconds.floorDivided(by: 3600) * 3600))
        if let text = try body.text("start_time") {
            guard let (date, _) = Timestamp.parse(text) else {
                throw .invalid("start_time_invalid", "start_time must be an RFC 3339 timestamp")
            }
            start = date
        }
        guard start < self.end, self.end.timeIntervalSince(start) <= 90 * 86_400 else {
            throw .invalid("time_window_invalid", "end_time must be after start_time by 90 days at most")
        }
        directionName = try body.text("tariff_direction") ?? Direction.import.rawValue
        guard direction != nil || directionName == "LOCAL" else {
            throw .invalid("tariff_direction_invalid", "Tariff direction must be IMPORT, EXPORT or LOCAL")
        }
    }

    var json: JSON {
        [
            "start_time": .string(Timestamp.local(start.epochSeconds, offset: offset)),
            "end_time": .string(Timestamp.local(end.epochSeconds, offset: offset)),
            "tariff_direction": .string(directionName),
        ]
    }
}

extension TariffDraft {
    /// Price of a kWh at an instant (seconds since 1970) in major units; nil where an advanced schedule has a hole.
    func price(at instant: Int) -> Double? {
        let market = Market.of(address)
        let (day, second) = market.zone.wallClock(at: instant)
        guard let rate = schedule.rate(on: day, at: second) else { return nil }
        guard structure.usesMarketRates else { return rate.fixed }
        let base = market.price(region: region, at: instant) + (rate.surchargeFixed ?? 0)
        return (base * (1 + (rate.surchargePercentage ?? 0) / 100)).roundedToFiveDecimals
    }

    /// The intervals of a window, up to five days ahead; what lies beyond tomorrow is a forecast.
    func prices(in window: PriceWindow, now: Date) -> JSON {
        let market = Market.of(address)
        let today = market.zone.wallClock(at: now.epochSeconds).day.daysSinceEpoch
        let certain = market.zone.startOfDay(today + 2)
        let end = min(window.end.epochSeconds, market.zone.startOfDay(today + 6))
        let first = window.start.epochSeconds.floorDivided(by: market.interval) * market.interval
        return .array(
            stride(from: first, to: max(first, end), by: market.interval).compactMap { instant in
                price(at: instant).map { value in
                    [
                        "valid_from": .string(Timestamp.local(instant, offset: window.offset)),
                        "valid_to": .string(Timestamp.local(instant + market.interval, offset: window.offset)),
                        "price": ["value": .double(value), "confidence": .double(instant < certain ? 1 : 0.8)],
                    ]
                }
            })
    }

    /// The rates of one local day as the summary shows them: neighbours of one price are one row.
    func rates(ofDay day: Int, now: Date) -> JSON {
        let zone = Market.of(address).zone
        let certain = zone.startOfDay(zone.wallClock(at: now.epochSeconds).day.daysSinceEpoch + 2)
        var rows: [(from: Int, to: Int, cost: Double)] = []
        for instant in stride(from: zone.startOfDay(day), to: zone.startOfDay(day + 1), by: 900) {
            guard let cost = price(at: instant) else { continue }
            if let last = rows.last, last.cost == cost, last.to == instant {
                rows[rows.count - 1].to = instant + 900
            } else {
                rows.append((instant, instant + 900, cost))
            }
        }
        return .array(
            rows.map { row in
                [
                    "valid_from": .string(Timestamp.local(row.from, offset: zone.offset(at: row.from))),
                    "valid_to": .string(Timestamp.local(row.to, offset: zone.offset(at: row.to))),
                    "tariff": ["cost": .double(row.cost), "confidence": .double(row.from < certain ? 1 : 0.8)],
                ]
            })
    }
}
