import FoundationEssentials
import Testing

@testable import Sandbox

@Suite struct CalendarTests {
    @Test(
        "Offsets change at the rules' instants",
        arguments: [
            ("GB", "2026-03-29T00:59:59Z", 0), ("GB", "2026-03-29T01:00:00Z", 3600),
            ("GB", "2026-10-25T00:59:59Z", 3600),
            ("GB", "2026-10-25T01:00:00Z", 0), ("DE", "2026-03-29T01:00:00Z", 7200),
            ("DE", "2026-01-01T00:00:00Z", 3600),
            ("US", "2026-03-08T06:59:59Z", -18_000), ("US", "2026-03-08T07:00:00Z", -14_400),
            ("US", "2026-11-01T05:59:59Z", -14_400), ("US", "2026-11-01T06:00:00Z", -18_000),
            ("AU", "2026-04-04T15:59:59Z", 39_600), ("AU", "2026-04-04T16:00:00Z", 36_000),
            ("AU", "2026-10-03T15:59:59Z", 36_000), ("AU", "2026-10-03T16:00:00Z", 39_600),
        ])
    func offsets(_ country: String, _ time: String, _ offset: Int) throws {
        let market = try #require(Market.all.first { $0.countryCode == country })
        #expect(market.zone.offset(at: instant(time).epochSeconds) == offset)
    }

    @Test(
        "The Australian state decides the zone, by its code or its name; without one it is Sydney's",
        arguments: [
            ("NSW", "Australia/Sydney", 39_600, 36_000), ("ACT", "Australia/Sydney", 39_600, 36_000),
            ("VIC", "Australia/Melbourne", 39_600, 36_000), ("Victoria", "Australia/Melbourne", 39_600, 36_000),
            ("QLD", "Australia/Brisbane", 36_000, 36_000), ("qld", "Australia/Brisbane", 36_000, 36_000),
            ("SA", "Australia/Adelaide", 37_800, 34_200), ("WA", "Australia/Perth", 28_800, 28_800),
            ("TAS", "Australia/Hobart", 39_600, 36_000), ("NT", "Australia/Darwin", 34_200, 34_200),
            ("", "Australia/Sydney", 39_600, 36_000), ("CA", "Australia/Sydney", 39_600, 36_000),
        ])
    func australia(_ state: String, _ name: String, _ january: Int, _ july: Int) {
        var address = PostalAddress()
        (address.countryCode, address.state) = ("AU", state)
        #expect(address.zone.name == name)
        #expect(address.zone.offset(at: instant("2026-01-15T00:00:00Z").epochSeconds) == january)
        #expect(address.zone.offset(at: instant("2026-07-15T00:00:00Z").epochSeconds) == july)
    }

    @Test(
        "A state of the USA decides the zone, too",
        arguments: [
            ("NY", "America/New_York", -14_400), ("TX", "America/Chicago", -18_000), ("UT", "America/Denver", -21_600),
            ("AZ", "America/Phoenix", -25_200), ("CA", "America/Los_Angeles", -25_200),
            ("AK", "America/Anchorage", -28_800), ("HI", "Pacific/Honolulu", -36_000),
        ])
    func unitedStates(_ state: String, _ name: String, _ july: Int) {
        var address = PostalAddress()
        (address.countryCode, address.state) = ("US", state)
        #expect(address.zone.name == name)
        #expect(address.zone.offset(at: instant("2026-07-15T00:00:00Z").epochSeconds) == july)
    }

    @Test(
        "A local day has 23, 24 or 25 hours",
        arguments: [
            ("2026-03-29T12:00:00Z", 23), ("2026-07-01T12:00:00Z", 24), ("2026-10-25T12:00:00Z", 25),
        ])
    func dayLength(_ time: String, _ hours: Int) {
        let zone = Market.all[0].zone
        let day = zone.wallClock(at: instant(time).epochSeconds).day.daysSinceEpoch
        #expect(zone.startOfDay(day + 1) - zone.startOfDay(day) == hours * 3600)
    }

    @Test(
        "Timestamps are read with fraction and offset",
        arguments: [
            ("2026-02-28T23:59:59Z", 1_772_323_199.0, 0), ("2024-02-29T00:00:00.250Z", 1_709_164_800.25, 0),
            ("2026-07-01T00:00:00+01:00", 1_782_860_400.0, 3600),
            ("2026-07-01T00:00:00-03:30", 1_782_876_600.0, -12_600),
            ("0001-01-01T00:00:00Z", -62_135_596_800.0, 0),
        ])
    func parsing(_ text: String, _ seconds: Double, _ offset: Int) throws {
        let (date, parsed) = try #require(Timestamp.parse(text))
        #expect(date.timeIntervalSince1970 == seconds)
        #expect(parsed == offset)
    }

    @Test(
        "What is no timestamp",
        arguments: [
            "", "2026-07-01", "2026-07-01T00:00:00", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
            "2026-07-01T24:00:00Z",
            "2026-07-01T00:00:00.Z", "2026-07-01T00:00:00+1:00", "2026-07-01 00:00:00Z", "2026-07-01T00:00:00Zulu",
        ])
    func rejected(_ text: String) { #expect(Timestamp.parse(text) == nil) }

    @Test("Timestamps are written as each place wants them")
    func writing() {
        let time = instant("2026-07-01T23:30:00.042Z")
        #expect(Timestamp.utc(time) == "2026-07-01T23:30:00Z")
        #expect(Timestamp.http(time) == "Wed, 01 Jul 2026 23:30:00 GMT")
        #expect(Timestamp.withoutZone(time) == "2026-07-01T23:30:00.042")
        #expect(Timestamp.local(time.epochSeconds, offset: -12_600) == "2026-07-01T20:00:00-03:30")
    }
}
