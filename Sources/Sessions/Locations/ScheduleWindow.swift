package import Core
package import FoundationEssentials

/// The window of a schedule: rounded inward to five minutes, so that clients that ask for "from now on" share an answer.
package struct ScheduleWindow: Hashable, Sendable {
    package let start: Date
    package let end: Date

    /// Seconds to which a window is rounded, as far as something is left of it.
    private static let steps = [300, 60]

    /// - Parameters:
    ///   - minutes: What has to fit into the window; it is rounded less where it would not fit any more.
    ///   - longestDays: Of a calendar, one of which may have 25 hours where clocks are put back (upstream.md §6.6).
    /// - Throws: `invalidField` for a window that Flatpeak would refuse.
    package init(
        from start: RFC3339Timestamp, to end: RFC3339Timestamp, holding minutes: Int = 0, longestDays: Int
    ) throws(BFFError) {
        try Self.check(start, end, longestDays: longestDays)
        let needed = minutes.multipliedReportingOverflow(by: 60)
        guard !needed.overflow, needed.partialValue <= end.secondsSince1970 - start.secondsSince1970 else {
            throw .invalidField("duration", reason: .longerThanWindow)
        }
        let rounded = Self.steps.lazy.map { (Self.up(start, to: $0), Self.down(end, to: $0)) }
            .first { $1 - $0 >= max(needed.partialValue, 1) }
        let (first, last) = rounded ?? (start.secondsSince1970, max(end.secondsSince1970, start.secondsSince1970 + 1))
        self.start = Date(timeIntervalSince1970: Double(first))
        self.end = Date(timeIntervalSince1970: Double(last))
    }

    /// The last instant of a window that begins when it is asked about, rounded down to five minutes as far as something
    /// is left of it.
    /// - Throws: `invalidField` for a window that Flatpeak would refuse.
    package static func end(
        _ end: RFC3339Timestamp, notFarFrom now: Date, longestDays: Int
    ) throws(BFFError) -> Date {
        guard Date(end).timeIntervalSince(now) <= Double(longest(longestDays)) else { throw tooFar(longestDays) }
        guard now < Date(end) else { throw .invalidField("end_time", reason: .notAfterStart) }
        let rounded = Date(timeIntervalSince1970: Double(down(end, to: 300)))
        return now < rounded ? rounded : Date(end)
    }

    private static func check(
        _ start: RFC3339Timestamp, _ end: RFC3339Timestamp, longestDays: Int
    ) throws(BFFError) {
        guard start < end else { throw .invalidField("end_time", reason: .notAfterStart) }
        let length = (end.secondsSince1970 - start.secondsSince1970, end.nanoseconds - start.nanoseconds)
        guard length <= (longest(longestDays), 0) else { throw tooFar(longestDays) }
    }

    private static func longest(_ days: Int) -> Int { days * 86_400 + 3600 }

    private static func tooFar(_ days: Int) -> BFFError {
        .invalidField("end_time", reason: days == 3 ? .tooFarForSchedule : .tooFarFromStart)
    }

    private static func down(_ instant: RFC3339Timestamp, to step: Int) -> Int {
        let rest = instant.secondsSince1970 % step
        return instant.secondsSince1970 - (rest < 0 ? rest + step : rest)
    }

    private static func up(_ instant: RFC3339Timestamp, to step: Int) -> Int {
        let floor = down(instant, to: step)
        return floor == instant.secondsSince1970 && instant.nanoseconds == 0 ? floor : floor + step
    }
}
