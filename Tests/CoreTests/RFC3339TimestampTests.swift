import Core
import Testing

@Suite struct RFC3339TimestampTests {
    @Test(
        "What RFC 3339 allows",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-02-28T23:59:59Z", 1_772_323_199),
            ("2024-02-29T00:00:00z", 1_709_164_800),
            ("2000-02-29t12:00:00Z", 951_825_600), ("2026-07-01T00:00:00+01:00", 1_782_860_400),
            ("2026-07-01T00:00:00-03:30", 1_782_876_600), ("2026-01-01T00:00:00-23:59", 1_767_311_940),
            ("2026-01-01T00:00:00+23:59", 1_767_139_260), ("2026-01-01T00:00:00-00:00", 1_767_225_600),
            ("0000-01-01T00:00:00Z", -62_167_219_200), ("0000-02-29T00:00:00Z", -62_162_121_600),
            ("9999-12-31T23:59:59Z", 253_402_300_799), ("1969-12-31T23:59:59Z", -1),
            // Leap seconds, at one instant all over the world.
            ("2016-12-31T23:59:60Z", 1_483_228_800), ("1990-12-31T15:59:60-08:00", 662_688_000),
            ("2015-07-01T01:59:60+02:00", 1_435_708_800),
        ])
    func read(_ text: String, _ seconds: Int) {
        let timestamp = RFC3339Timestamp(text)
        #expect(timestamp?.secondsSince1970 == seconds)
        #expect(timestamp?.nanoseconds == 0)
    }

    @Test(
        "Fractions of any length",
        arguments: [
            ("0", 0), ("25", 250_000_000), ("000000001", 1), ("9999999999999", 999_999_999),
            (String(repeating: "1", count: 4000), 111_111_111),
        ])
    func fraction(_ digits: String, _ nanoseconds: Int) {
        let timestamp = RFC3339Timestamp("2026-01-01T00:00:00.\(digits)+00:00")
        #expect(timestamp?.nanoseconds == nanoseconds)
        #expect(timestamp?.secondsSince1970 == 1_767_225_600)
    }

    @Test(
        "What it does not allow",
        arguments: [
            "", "2026-07-01", "2026-07-01T00:00:00", "2026-07-01T00:00Z", "26-07-01T00:00:00Z", "2026-7-1T00:00:00Z",
            "2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z",
            "2026-02-29T00:00:00Z", "2026-02-30T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
            "2026-06-31T00:00:00Z", "2026-09-31T00:00:00Z", "2026-11-31T00:00:00Z", "2026-07-01T24:00:00Z",
            "2026-07-01T25:00:00Z", "2026-07-01T00:60:00Z", "2026-07-01T00:00:61Z",
            // No leap second falls here.
            "2026-07-01T00:00:60Z", "2026-12-30T23:59:60Z", "2016-12-31T23:59:60+01:00", "2016-12-31T23:58:60Z",
            "2026-03-31T23:59:60Z",
            "2026-07-01T00:00:00.Z", "2026-07-01T00:00:00,5Z", "2026-07-01T00:00:00.5", "2026-07-01T00:00:00+1:00",
            "2026-07-01T00:00:00+01", "2026-07-01T00:00:00+0100", "2026-07-01T00:00:00+24:00",
            "2026-07-01T00:00:00+01:60", "2026-07-01T00:00:00 01:00", "2026-07-01T00:00:00Zulu",
            "2026-07-01T00:00:00Z ", " 2026-07-01T00:00:00Z", "2026-07-01 00:00:00Z", "2026-07-01T00:00:00Z\u{0}",
            "+2026-07-01T00:00:00Z", "-026-07-01T00:00:00Z", "２０２６-07-01T00:00:00Z", "2026-07-01T00:00:00−01:00",
            "2026-07-01T00:00:00Z\u{301}", "20260701T000000Z",
            // In UTC they are of a year without four digits.
            "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z",
            "2026-W27-3T00:00:00Z", "2026-182T00:00:00Z", "now",
        ])
    func refused(_ text: String) { #expect(RFC3339Timestamp(text) == nil) }

    @Test func `the days of 400 years are where the calendar has them`() {
        // From 1 January 1600 on.
        for day in stride(from: -135_140, to: -135_140 + 146_097, by: 11) {
            let seconds = day * 86_400
            let civil = CivilTime(secondsSince1970: seconds)
            #expect(RFC3339Timestamp(civil.timestamp + "Z")?.secondsSince1970 == seconds)
        }
    }

    @Test(arguments: [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("0000-01-01T00:00:00-23:59", "0000-01-01T23:59:00Z"), ("0999-12-31T23:30:00-01:00", "1000-01-01T00:30:00Z"),
        ("9999-12-31T23:59:59.5Z", "9999-12-31T23:59:59.500000000Z"),
        ("2026-01-01T01:30:00.5+01:30", "2026-01-01T00:00:00.500000000Z"),
        ("2026-10-25T02:59:59.000000001+02:00", "2026-10-25T00:59:59.000000001Z"),
    ])
    func `the same instant in UTC`(text: String, expected: String) throws {
        let instant = try #require(RFC3339Timestamp(text))
        #expect(instant.utc == expected)
        #expect(RFC3339Timestamp(instant.utc) == instant)
    }

    @Test func `instants are ordered to the nanosecond, whatever their offsets`() throws {
        let early = try #require(RFC3339Timestamp("2026-10-25T02:30:00+02:00"))
        let late = try #require(RFC3339Timestamp("2026-10-25T02:30:00+01:00"))
        let later = try #require(RFC3339Timestamp("2026-10-25T02:30:00.000000001+01:00"))
        #expect(early < late)
        #expect(late < later)
        #expect(!(later < late))
    }
}
