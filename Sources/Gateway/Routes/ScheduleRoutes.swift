import Core
import Flatpeak
import HTTPTypes
import Sessions

extension Route {
    /// The routes of when energy is cheap or dear at one of the subject's locations.
    static func schedules(_ reads: LocationReads) -> [Route] {
        [
            scheduleByDuration(reads), scheduleByLimit(reads), scheduleByAmount(reads),
        ]
    }

    /// `GET /v1/locations/{id}/schedules/duration`: the cheapest or dearest so many minutes.
    private static func scheduleByDuration(_ reads: LocationReads) -> Route {
        ofLocation(.get, "/schedules/duration", .read, reads) { (exchange, access) throws(BFFError) in
            let minutes = try exchange.minutes()
            return try await exchange.schedule(.duration(minutes: minutes), holding: minutes, reads, access)
        }
    }

    /// `GET /v1/locations/{id}/schedules/limit`: every period below or above a price.
    private static func scheduleByLimit(_ reads: LocationReads) -> Route {
        ofLocation(.get, "/schedules/limit", .read, reads) { (exchange, access) throws(BFFError) in
            let relative = try exchange.number("relative"), absolute = try exchange.number("absolute")
            try PriceLimit.check(relative: relative, absolute: absolute)
            let measure = relative.map { ScheduleQuery.Measure.relative($0) } ?? .absolute(absolute ?? 0)
            return try await exchange.schedule(measure, reads, access)
        }
    }

    /// `POST /v1/locations/{id}/schedules/amount`: when to move an amount of energy by a time.
    private static func scheduleByAmount(_ reads: LocationReads) -> Route {
        ofLocation(.post, "/schedules/amount", .calculation, reads) { (exchange, access) throws(BFFError) in
            Reply(try await reads.schedule(try AmountRequest.read(exchange.body), with: access))
        }
    }
}

extension Exchange {
    fileprivate func schedule(
        _ measure: ScheduleQuery.Measure, holding minutes: Int = 0, _ reads: LocationReads, _ access: LocationAccess
    ) async throws(BFFError) -> Reply {
        guard let segment = try queryItem("segment", as: PriceSegment.self) else {
            throw .invalidField("segment", reason: .missing)
        }
        let window = try ScheduleWindow(
            from: try requiredInstant("start_time"), to: try requiredInstant("end_time"), holding: minutes,
            longestDays: reads.longestScheduleDays)
        return Reply(
            try await reads.schedule(
                segment, measure, in: window, direction: try queryItem("direction", as: TariffDirection.self),
                with: access))
    }

    /// `duration`, at least one minute.
    fileprivate func minutes() throws(BFFError) -> Int {
        guard let text = try queryItem("duration") else { throw .invalidField("duration", reason: .missing) }
        guard let minutes = Int(text), minutes > 0, String(minutes) == text else {
            throw .invalidField("duration", reason: .malformed)
        }
        return minutes
    }
}
