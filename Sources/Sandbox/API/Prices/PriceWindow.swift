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

    /// Without a start the window begins with the current hour, and its 90 days are those of the location's calendar,
    /// of which one can have 23 or 25 hours (choices: the documents do not say).
    init(_ body: Fields, zone: LocalZone, now: Date) throws(Refusal) {
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
        let shift = zone.offset(at: self.end.epochSeconds) - zone.offset(at: start.epochSeconds)
        guard start < self.end, self.end.timeIntervalSince(start) + Double(shift) <= 90 * 86_400 else {
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
        let (day, second) = address.zone.wallClock(at: instant)
        guard let rate = schedule.rate(on: day, at: second) else { return nil }
        guard structure.usesMarketRates else { return rate.fixed }
        let base = market.price(region: region, at: instant) + (rate.surchargeFixed ?? 0)
        return (base * (1 + (rate.surchargePercentage ?? 0) / 100)).roundedToFiveDecimals
    }

    /// The instant up to which the prices are known: all of tomorrow, which a market publishes in the afternoon.
    private func endOfKnownPrices(at now: Date) -> Int {
        let (today, second) = address.zone.wallClock(at: now.epochSeconds)
        let knowsTomorrow = !structure.usesMarketRates || second >= Market.publication
        return address.zone.startOfDay(today.daysSinceEpoch + (knowsTomorrow ? 2 : 1))
    }

    /// The intervals of a window, up to five days ahead; what is not known yet is a forecast.
    func prices(in window: PriceWindow, now: Date) -> JSON {
        let market = Market.of(address)
        let today = address.zone.wallClock(at: now.epochSeconds).day.daysSinceEpoch
        let certain = endOfKnownPrices(at: now)
        let end = min(window.end.epochSeconds, address.zone.startOfDay(today + 6))
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

    /// The rates of one local day as the summary shows them, none for a day whose prices are not known yet: neighbours
    /// of one price are one row.
    func rates(ofDay day: Int, now: Date) -> JSON {
        let zone = address.zone
        guard zone.startOfDay(day) < endOfKnownPrices(at: now) else { return [] }
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
                    "tariff": ["cost": .double(row.cost), "confidence": 1],
                ]
            })
    }
}
