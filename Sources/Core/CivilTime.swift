/// A moment as UTC shows it on a calendar and a clock, without a library: it is written on every answer and log line.
package struct CivilTime: Equatable, Sendable {
    package let year: Int
    package let month: Int
    package let day: Int
    package let hour: Int
    package let minute: Int
    package let second: Int
    /// 0 is Sunday.
    package let weekday: Int

    /// Years 1970 ± 30 000, in seconds; a moment beyond is shown as this bound.
    private static let bound = 1_000_000_000_000

    /// - Parameter seconds: Since 1970, without leap seconds.
    package init(secondsSince1970 seconds: Int) {
        let seconds = min(max(seconds, -Self.bound), Self.bound)
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let rest = seconds - days * 86_400
        (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60)
        weekday = ((days % 7) + 11) % 7
        // Years begin in March here, so that the leap day is a year's last; 719 468 days lie between 0000-03-01 and 1970.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// As in the `Date` of an answer (RFC 9110 section 5.6.7).
    package var httpDate: String {
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        return "\(days[weekday]), \(Self.two(day)) \(months[month - 1]) \(fourDigits) \(clock) GMT"
    }

    /// As RFC 3339 writes it, up to the whole second and without a zone.
    package var timestamp: String { "\(fourDigits)-\(Self.two(month))-\(Self.two(day))T\(clock)" }

    private var clock: String { "\(Self.two(hour)):\(Self.two(minute)):\(Self.two(second))" }

    /// The year, of which both forms want four digits.
    private var fourDigits: String {
        let digits = "\(year)"
        return year < 0 ? digits : String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
