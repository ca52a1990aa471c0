/// A day of the proleptic Gregorian calendar, counted from 1970-01-01.
struct CivilDay: Equatable, Sendable {
    let year: Int
    let month: Int
    let dayOfMonth: Int
    let daysSinceEpoch: Int

    // Both conversions count in 400-year eras that begin on 1 March, so that the leap day comes last.

    init(daysSinceEpoch days: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        dayOfMonth = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        daysSinceEpoch = days
    }

    init(year: Int, month: Int, dayOfMonth: Int) {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let monthFromMarch = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + dayOfMonth - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        self.year = year
        self.month = month
        self.dayOfMonth = dayOfMonth
        daysSinceEpoch = era * 146_097 + dayOfEra - 719_468
    }

    /// 1 is Monday, 7 is Sunday.
    var weekday: Int { ((daysSinceEpoch + 3) % 7 + 7) % 7 + 1 }

    /// The first Sunday on or after this day.
    var sundayOnOrAfter: CivilDay { CivilDay(daysSinceEpoch: daysSinceEpoch + (7 - weekday)) }
}
