import Core
import FoundationEssentials

extension Date {
    /// The whole second as RFC 3339 has it, in UTC.
    ///
    /// Foundation's style has another calendar before 1582, and years without leading zeros.
    var utc: String {
        CivilTime(secondsSince1970: Int(saturating: timeIntervalSince1970.rounded(.down))).timestamp + "Z"
    }
}
