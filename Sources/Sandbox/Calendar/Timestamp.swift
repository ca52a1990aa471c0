import FoundationEssentials

/// RFC 3339 as the wire uses it: UTC in REST, local offset in Connect pages, no zone in Connect errors.
enum Timestamp {
    /// UTC to the second, as in `2026-11-23T12:00:00Z`.
    static func utc(_ date: Date) -> String { wall(date.epochSeconds) + "Z" }

    /// As in a `Date` header (RFC 9110 section 5.6.7).
    static func http(_ date: Date) -> String {
        let seconds = date.epochSeconds
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        // 1970-01-01 was a Thursday.
        let weekday = days[((seconds.floorDivided(by: 86_400) % 7) + 7) % 7]
        let wall = wall(seconds)
        let parts = wall.prefix(10).split(separator: "-")
        let month = months[(Int(parts[1]) ?? 1) - 1]
        return "\(weekday), \(parts[2]) \(month) \(parts[0]) \(wall.dropFirst(11)) GMT"
    }

    /// `2026-11-23T12:00:00.042`, as the Connect error object writes it (upstream.md §4.5).
    static func withoutZone(_ date: Date) -> String {
        let milliseconds = Int((date.timeIntervalSince1970 * 1000).rounded(.down))
        let seconds = milliseconds.floorDivided(by: 1000)
        return wall(seconds) + "." + padded(milliseconds - seconds * 1000, to: 3)
    }

    /// `2026-07-01T00:00:00+01:00`, with the offset given in seconds east of UTC.
    static func local(_ instant: Int, offset: Int) -> String {
        let minutes = abs(offset) / 60
        let sign = offset < 0 ? "-" : "+"
        return wall(instant + offset) + sign + padded(minutes / 60, to: 2) + ":" + padded(minutes % 60, to: 2)
    }

    /// The instant and the offset (seconds east of UTC) of an RFC 3339 timestamp, with or without a fraction.
    static func parse(_ text: String) -> (date: Date, offset: Int)? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20,
            let year = digits(bytes, 0, 4), let month = digits(bytes, 5, 2), let day = digits(bytes, 8, 2),
            let hour = digits(bytes, 11, 2), let minute = digits(bytes, 14, 2), let second = digits(bytes, 17, 2),
            bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"), bytes[10] | 0x20 == UInt8(ascii: "t"),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 60
        else { return nil }
        let civil = CivilDay(year: year, month: month, dayOfMonth: day)
        guard CivilDay(daysSinceEpoch: civil.daysSinceEpoch) == civil else { return nil }

        var rest = bytes[19...]
        var fraction = 0.0
        if rest.first == UInt8(ascii: ".") {
            let decimals = rest.dropFirst().prefix { $0 >= 0x30 && $0 <= 0x39 }
            guard !decimals.isEmpty, let value = Double("0." + String(decoding: decimals, as: UTF8.self)) else {
                return nil
            }
            fraction = value
            rest = rest.dropFirst(1 + decimals.count)
        }
        guard let offset = zoneOffset(Array(rest)) else { return nil }
        let seconds = civil.daysSinceEpoch * 86_400 + hour * 3600 + minute * 60 + second - offset
        return (Date(timeIntervalSince1970: Double(seconds) + fraction), offset)
    }

    private static func zoneOffset(_ zone: [UInt8]) -> Int? {
        if zone == [UInt8(ascii: "Z")] || zone == [UInt8(ascii: "z")] { return 0 }
        guard zone.count == 6, zone[3] == UInt8(ascii: ":"), let hours = digits(zone, 1, 2),
            let minutes = digits(zone, 4, 2), hours < 24, minutes < 60
        else { return nil }
        switch zone[0] {
        case UInt8(ascii: "+"): return hours * 3600 + minutes * 60
        case UInt8(ascii: "-"): return -(hours * 3600 + minutes * 60)
        default: return nil
        }
    }

    private static func wall(_ seconds: Int) -> String {
        let days = seconds.floorDivided(by: 86_400)
        let day = CivilDay(daysSinceEpoch: days)
        let second = seconds - days * 86_400
        let date = padded(day.year, to: 4) + "-" + padded(day.month, to: 2) + "-" + padded(day.dayOfMonth, to: 2)
        return date + "T" + TimeOfDay.text(second)
    }

    fileprivate static func padded(_ value: Int, to width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }

    fileprivate static func digits(_ bytes: [UInt8], _ start: Int, _ count: Int) -> Int? {
        var value = 0
        for byte in bytes[start..<start + count] {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        return value
    }
}

/// `HH:mm:ss` as seconds since midnight, the form of `valid_from` and `valid_to`.
enum TimeOfDay {
    static func parse(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count == 8, bytes[2] == UInt8(ascii: ":"), bytes[5] == UInt8(ascii: ":"),
            let hour = Timestamp.digits(bytes, 0, 2), let minute = Timestamp.digits(bytes, 3, 2),
            let second = Timestamp.digits(bytes, 6, 2), hour < 24, minute < 60, second < 60
        else { return nil }
        return hour * 3600 + minute * 60 + second
    }

    /// Midnight at the end of the day is written as `00:00:00`.
    static func text(_ second: Int) -> String {
        let second = second % 86_400
        return Timestamp.padded(second / 3600, to: 2) + ":" + Timestamp.padded(second / 60 % 60, to: 2) + ":"
            + Timestamp.padded(second % 60, to: 2)
    }
}

extension Date {
    var epochSeconds: Int { Int(timeIntervalSince1970.rounded(.down)) }
}
