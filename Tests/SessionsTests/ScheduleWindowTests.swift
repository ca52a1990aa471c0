import Core
import Foundation
import Testing

@testable import Sessions

@Suite struct ScheduleWindowTests {
    private func window(
        _ start: String, _ end: String, holding minutes: Int = 0, longestDays: Int = 3
    ) throws -> (String, String) {
        let window = try ScheduleWindow(
            from: try #require(RFC3339Timestamp(start)), to: try #require(RFC3339Timestamp(end)), holding: minutes,
            longestDays: longestDays)
        return (window.start.formatted(.iso8601), window.end.formatted(.iso8601))
    }

    @Test(
        "a window is rounded inward to five minutes",
        arguments: [
            ("2026-03-01T19:00:00Z", "2026-03-02T05:00:00Z", "2026-03-01T19:00:00Z", "2026-03-02T05:00:00Z"),
            ("2026-03-01T19:00:01Z", "2026-03-02T05:04:59Z", "2026-03-01T19:05:00Z", "2026-03-02T05:00:00Z"),
            ("2026-03-01T19:00:00.1Z", "2026-03-02T05:00:00.9Z", "2026-03-01T19:05:00Z", "2026-03-02T05:00:00Z"),
            ("2026-03-01T20:02:00+01:00", "2026-03-02T05:00:00Z", "2026-03-01T19:05:00Z", "2026-03-02T05:00:00Z"),
            ("1969-12-31T23:51:00Z", "1970-01-01T00:07:00Z", "1969-12-31T23:55:00Z", "1970-01-01T00:05:00Z"),
        ])
    func inward(start: String, end: String, first: String, last: String) throws {
        #expect(try window(start, end) == (first, last))
    }

    @Test(
        "a window in which nothing would be left, or less than is asked for, is rounded less",
        arguments: [
            ("19:01:00", "19:04:00", 0, "19:01:00", "19:04:00"), ("19:01:20", "19:04:40", 0, "19:02:00", "19:04:00"),
            ("19:00:10", "19:00:50", 0, "19:00:10", "19:00:50"),
            ("19:00:10.1", "19:00:10.9", 0, "19:00:10", "19:00:11"),
            ("19:01:00", "21:01:00", 120, "19:01:00", "21:01:00"),
            ("19:01:00", "21:01:00", 115, "19:05:00", "21:00:00"),
            ("19:00:30", "19:10:30", 10, "19:00:30", "19:10:30"),
            ("19:00:30.5", "19:10:30.5", 10, "19:00:30", "19:10:30"),
        ])
    func less(start: String, end: String, minutes: Int, first: String, last: String) throws {
        let day = "2026-03-01T"
        #expect(
            try window("\(day)\(start)Z", "\(day)\(end)Z", holding: minutes) == ("\(day)\(first)Z", "\(day)\(last)Z"))
    }

    @Test(
        "three days of a calendar are three days, also where the clocks change",
        arguments: [
            ("2026-03-01T00:00:00Z", "2026-03-04T00:00:00Z", true),
            // 25 hours on the last Sunday of October, 23 on that of March.
            ("2026-10-24T00:00:00+02:00", "2026-10-27T00:00:00+01:00", true),
            ("2026-03-28T00:00:00+01:00", "2026-03-31T00:00:00+02:00", true),
            ("2026-03-01T00:00:00Z", "2026-03-04T01:00:00Z", true),
            ("2026-03-01T00:00:00Z", "2026-03-04T01:00:00.001Z", false),
            ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", false),
        ])
    func threeDays(start: String, end: String, passes: Bool) throws {
        guard passes else {
            #expect(throws: BFFError.invalidField("end_time", reason: .tooFarForSchedule)) { try window(start, end) }
            return
        }
        _ = try window(start, end)
        #expect(throws: BFFError.self) { try window(start, end, longestDays: 1) }
    }

    @Test func `the older version takes 90 days`() throws {
        #expect(try window("2026-01-01T00:00:00Z", "2026-04-01T01:00:00Z", longestDays: 90).1 == "2026-04-01T01:00:00Z")
        #expect(throws: BFFError.invalidField("end_time", reason: .tooFarFromStart)) {
            try window("2026-01-01T00:00:00Z", "2026-04-01T01:00:01Z", longestDays: 90)
        }
    }

    @Test(arguments: [
        ("2026-03-01T19:00:00Z", "2026-03-01T19:00:00Z"), ("2026-03-01T19:00:00Z", "2026-03-01T18:59:59Z"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T02:45:00+02:00"),
    ])
    func `an end that is not after the start is refused`(start: String, end: String) {
        #expect(throws: BFFError.invalidField("end_time", reason: .notAfterStart)) { try window(start, end) }
    }

    @Test(arguments: [121, 1_000_000, Int.max])
    func `a duration longer than its window is refused`(minutes: Int) {
        #expect(throws: BFFError.invalidField("duration", reason: .longerThanWindow)) {
            try window("2026-03-01T19:00:00Z", "2026-03-01T21:00:00Z", holding: minutes)
        }
    }

    /// Every zone's day of change is one of these lengths.
    @Test("a day of 23 or 25 hours is asked for whole, in every zone", arguments: TimeZone.knownTimeZoneIdentifiers)
    func daysOfChange(zone: String) throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: zone))
        let start = try Date("2026-01-01T00:00:00Z", strategy: .iso8601)
        var transition = calendar.timeZone.nextDaylightSavingTimeTransition(after: start)
        while let day = transition, day < start + 366 * 86_400 {
            let midnight = calendar.startOfDay(for: day)
            let next = try #require(calendar.date(byAdding: .day, value: 1, to: midnight))
            let (first, last) = try window(midnight.formatted(.iso8601), next.formatted(.iso8601), longestDays: 3)
            #expect(first == midnight.formatted(.iso8601))
            #expect(last == next.formatted(.iso8601))
            transition = calendar.timeZone.nextDaylightSavingTimeTransition(after: day)
        }
    }
}
