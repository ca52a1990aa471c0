/// A date and time as RFC 3339 section 5.6 has it, for every one that a client sends.
///
/// Foundation's parser rolls impossible ones over: it takes 30 February for 2 March, and hour 24 for the next day.
package struct RFC3339Timestamp: Hashable, Sendable {
    /// Whole seconds since 1970 in UTC, without leap seconds.
    package let secondsSince1970: Int
    /// What comes after the whole second; digits beyond the ninth are dropped.
    package let nanoseconds: Int

    /// Reads all of `text`, by its bytes: `T` and `Z` in either case, a fraction of any length, an offset up to 23:59.
    ///
    /// A second of 60 is the leap second of RFC 3339 section 5.7: at 23:59 UTC on the last day of June or December. It is
    /// the first second of the next day, as POSIX counts. A blank in place of `T` is refused, and an instant whose year in
    /// UTC has no four digits.
    package init?(_ text: some StringProtocol) {
        var reader = Reader(bytes: Array(text.utf8)[...])
        guard let year = reader.number(4), reader.takes("-"),
            let month = reader.number(2), (1...12).contains(month), reader.takes("-"),
            let day = reader.number(2), (1...Self.length(of: month, in: year)).contains(day),
            reader.takes("T") || reader.takes("t"),
            let hour = reader.number(2), hour <= 23, reader.takes(":"),
            let minute = reader.number(2), minute <= 59, reader.takes(":"),
            let second = reader.number(2), second <= 60,
            let nanoseconds = reader.fraction(), let offset = reader.offset(), reader.bytes.isEmpty
        else { return nil }
        // Four digits of a year and two of the rest: nothing here comes near an overflow.
        let days = Self.daysSince1970(year, month, day)
        secondsSince1970 = days * 86_400 + hour * 3600 + minute * 60 + second - offset
        self.nanoseconds = nanoseconds
        guard Self.years.contains(secondsSince1970) else { return nil }
        if second == 60 {
            let next = CivilTime(secondsSince1970: secondsSince1970)
            guard next.timestamp.hasByteSuffix("-07-01T00:00:00") || next.timestamp.hasByteSuffix("-01-01T00:00:00")
            else {
                return nil
            }
        }
    }

    /// The years 0000 to 9999, in seconds.
    private static let years = -62_167_219_200...253_402_300_799

    /// The same instant in UTC, to the nanosecond.
    package var utc: String {
        let fraction = String(nanoseconds)
        let padding = String(repeating: "0", count: max(0, 9 - fraction.utf8.count))
        return CivilTime(secondsSince1970: secondsSince1970).timestamp
            + (nanoseconds == 0 ? "Z" : ".\(padding)\(fraction)Z")
    }

    private static func length(of month: Int, in year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// The inverse of ``CivilTime``; years begin in March here, too.
    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        // The years 0000 to 9999 are counted 400 later, one whole era, so that no quotient is negative.
        let shiftedYear = (month <= 2 ? year - 1 : year) + 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return 365 * shiftedYear + shiftedYear / 4 - shiftedYear / 100 + shiftedYear / 400 + dayOfYear
            - 146_097 - 719_468
    }

    /// Takes what it reads off the front.
    private struct Reader {
        var bytes: ArraySlice<UInt8>

        mutating func takes(_ character: Unicode.Scalar) -> Bool {
            guard bytes.first == UInt8(ascii: character) else { return false }
            bytes = bytes.dropFirst()
            return true
        }

        /// Exactly so many digits.
        mutating func number(_ count: Int) -> Int? {
            let digits = bytes.prefix(count)
            guard digits.count == count, digits.allSatisfy(Self.isDigit) else { return nil }
            bytes = bytes.dropFirst(count)
            return digits.reduce(0) { $0 * 10 + Int(truncatingIfNeeded: $1 &- UInt8(ascii: "0")) }
        }

        /// Nanoseconds; zero where there is no fraction, nil where it has no digit.
        mutating func fraction() -> Int? {
            guard takes(".") else { return 0 }
            let digits = bytes.prefix(while: Self.isDigit)
            guard !digits.isEmpty else { return nil }
            bytes = bytes.dropFirst(digits.count)
            let nine = digits.prefix(9)
            let value = nine.reduce(0) { $0 * 10 + Int(truncatingIfNeeded: $1 &- UInt8(ascii: "0")) }
            return (nine.count..<9).reduce(value) { value, _ in value * 10 }
        }

        /// Seconds east of UTC; `-00:00` is UTC, too (section 4.3).
        mutating func offset() -> Int? {
            if takes("Z") || takes("z") { return 0 }
            let isEast = takes("+")
            guard isEast || takes("-"), let hours = number(2), hours <= 23, takes(":"), let minutes = number(2),
                minutes <= 59
            else { return nil }
            return (hours * 3600 + minutes * 60) * (isEast ? 1 : -1)
        }

        private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
    }
}

extension RFC3339Timestamp: Comparable {
    package static func < (one: RFC3339Timestamp, other: RFC3339Timestamp) -> Bool {
        (one.secondsSince1970, one.nanoseconds) < (other.secondsSince1970, other.nanoseconds)
    }
}
