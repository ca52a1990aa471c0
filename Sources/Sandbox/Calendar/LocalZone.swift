/// A time zone of the catalogue: a standard offset and a rule for summer time.
///
/// The rules are written out because FoundationEssentials brings no zone data and a container may have none.
struct LocalZone: Equatable, Sendable {
    enum SummerTime: Sendable { case none, europe, unitedStates, australia }

    /// IANA name, for example `Europe/London`.
    let name: String
    /// Seconds east of UTC in winter.
    let standardOffset: Int
    let summerTime: SummerTime

    static let utc = LocalZone(name: "Etc/UTC", standardOffset: 0, summerTime: .none)

    /// Seconds east of UTC at an instant, given in seconds since 1970.
    func offset(at instant: Int) -> Int {
        let year = CivilDay(daysSinceEpoch: (instant + standardOffset).floorDivided(by: 86_400)).year
        let summer: Bool
        switch summerTime {
        case .none:
            summer = false
        case .europe:
            // The last Sundays of March and October, at 01:00 UTC everywhere.
            let begin = CivilDay(year: year, month: 3, dayOfMonth: 25).sundayOnOrAfter.daysSinceEpoch * 86_400 + 3600
            let end = CivilDay(year: year, month: 10, dayOfMonth: 25).sundayOnOrAfter.daysSinceEpoch * 86_400 + 3600
            summer = instant >= begin && instant < end
        case .unitedStates:
            // From the second Sunday of March to the first of November, at 02:00 on the wall.
            let begin = localTwo(CivilDay(year: year, month: 3, dayOfMonth: 8))
            let end = localTwo(CivilDay(year: year, month: 11, dayOfMonth: 1)) - 3600
            summer = instant >= begin && instant < end
        case .australia:
            // From the first Sunday of October to the first of April, at 02:00 standard time.
            let end = localTwo(CivilDay(year: year, month: 4, dayOfMonth: 1))
            let begin = localTwo(CivilDay(year: year, month: 10, dayOfMonth: 1))
            summer = instant < end || instant >= begin
        }
        return summer ? standardOffset + 3600 : standardOffset
    }

    private func localTwo(_ day: CivilDay) -> Int {
        day.sundayOnOrAfter.daysSinceEpoch * 86_400 + 7200 - standardOffset
    }

    /// The local day that holds an instant, and the seconds passed on its clock.
    func wallClock(at instant: Int) -> (day: CivilDay, second: Int) {
        let local = instant + offset(at: instant)
        let days = local.floorDivided(by: 86_400)
        return (CivilDay(daysSinceEpoch: days), local - days * 86_400)
    }

    /// The instants at which the clock shows a second of a day: one, or none or two where it is changed.
    func instants(_ daysSinceEpoch: Int, second: Int) -> [Int] {
        let standard = daysSinceEpoch * 86_400 + second - standardOffset
        return (summerTime == .none ? [standard] : [standard - 3600, standard]).filter {
            $0 + offset(at: $0) == daysSinceEpoch * 86_400 + second
        }
    }

    /// The first instant at which the clock shows a second of a day, or what it would be without a change.
    func instant(_ daysSinceEpoch: Int, second: Int) -> Int {
        instants(daysSinceEpoch, second: second).first ?? daysSinceEpoch * 86_400 + second - standardOffset
    }

    /// The instant at which a local day begins; no rule above moves the clock at midnight.
    func startOfDay(_ daysSinceEpoch: Int) -> Int {
        let standard = daysSinceEpoch * 86_400 - standardOffset
        return daysSinceEpoch * 86_400 - offset(at: standard)
    }
}

extension Int {
    /// Division that rounds towards minus infinity.
    func floorDivided(by divisor: Int) -> Int {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
