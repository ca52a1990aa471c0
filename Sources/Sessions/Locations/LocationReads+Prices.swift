package import Core
package import Flatpeak
package import FoundationEssentials

// What energy costs, and when it is cheap.

extension LocationReads {
    private static let ninetyDays: TimeInterval = 90 * 86_400
    /// 90 calendar days, one of which may have 25 hours where clocks are put back (upstream.md §6.3).
    ///
    /// Two instants in UTC do not show whether it has.
    package static let longestPeriod = ninetyDays + 3600
    /// A schedule that begins when it is asked for is soon another one.
    private static let presentLife = Duration.seconds(60)

    /// Reads the prices of a location between two instants, in whole minutes: rounded down for the first, up for the
    /// second.
    ///
    /// No tariff changes within a minute, and clients that ask for "now" share the answer of a minute.
    package func prices(
        from start: Date?, to end: Date, direction: TariffDirection?, with access: LocationAccess
    ) async throws(BFFError) -> Response {
        let (start, end) = Self.minutes(from: start, to: end)
        return try await read(.prices(from: start, to: end, direction), with: access) { [self] () throws(BFFError) in
            let prices = try await flatpeak.prices(
                of: access.location, from: start, to: end, direction: direction, for: access.caller)
            return (prices.body, life(until: prices.nextUpdate))
        }
    }

    /// Rounds a period to whole minutes, at least one; one of at most 90 days (upstream.md §6.3), or of at most
    /// ``longestPeriod``, does not get longer than that.
    static func minutes(from start: Date?, to end: Date) -> (start: Date?, end: Date) {
        let last = end.minute(.up)
        guard let first = start?.minute(.down) else { return (nil, last) }
        let length = last.timeIntervalSince(first)
        if length <= 0 { return (first, first + 60) }
        let wasLonger = start.map { end.timeIntervalSince($0) > ninetyDays } ?? false
        let longest = wasLonger ? longestPeriod : ninetyDays
        return (length > longest ? first + 60 : first, last)
    }

    /// The longest window of a schedule, in days.
    package var longestScheduleDays: Int { flatpeak.longestScheduleDays }

    /// Reads when energy is cheap or dear at a location.
    package func schedule(
        _ segment: PriceSegment, _ measure: ScheduleQuery.Measure, in window: ScheduleWindow,
        direction: TariffDirection?, with access: LocationAccess
    ) async throws(BFFError) -> Response {
        let query = ScheduleQuery(
            location: access.location, start: window.start, end: window.end, segment: segment, measure: measure,
            direction: direction ?? .importing)
        return try await read(.schedule(query), with: access) { [self] () throws(BFFError) in
            let schedule = try await flatpeak.schedule(query, for: access.caller)
            return (schedule.body, life(until: schedule.nextUpdate))
        }
    }

    /// Reads when to move an amount of energy at a location.
    /// - Throws: `notFound` for a device that is not the subject's at the location.
    package func schedule(_ request: AmountRequest, with access: LocationAccess) async throws(BFFError) -> Response {
        let order = try request.order(at: access.location, longestDays: longestScheduleDays, now: now())
        try await requireDevices(Set(order.transfers.map(\.device)), with: access)
        return try await read(.amount(order), with: access) { [self] () throws(BFFError) in
            let schedule = try await flatpeak.schedule(order, for: access.caller)
            let life = life(until: schedule.nextUpdate)
            let beginsNow = order.transfers.contains { $0.start == nil }
            return (schedule.body, beginsNow ? min(life, Self.presentLife) : life)
        }
    }
}

extension Date {
    fileprivate func minute(_ rule: FloatingPointRoundingRule) -> Date {
        Date(timeIntervalSince1970: (timeIntervalSince1970.rounded(.down) / 60).rounded(rule) * 60)
    }
}
