import Core
package import FoundationEssentials

/// `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date.
package enum RetryAfter {
    /// What is more is as good as this, and safe to add to an instant: a year.
    package static let longest = 365 * 86_400

    /// Seconds from `now`, from 0 to ``longest``; nil when malformed.
    package static func seconds(_ text: String, at now: Date) -> Int? {
        // Digits that no `Int` holds are a long time all the same.
        if !text.isEmpty, text.utf8.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }) {
            return min(Int(text) ?? .max, longest)
        }
        guard let date = date(text) else { return nil }
        return min(max(0, Int(saturating: date.timeIntervalSince(now).rounded(.up))), longest)
    }

    /// The preferred form of RFC 9110 section 5.6.7, `Sun, 06 Nov 1994 08:49:37 GMT`.
    package static func date(_ text: String) -> Date? {
        let parts = text.splitBytes(at: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 6, parts[5] == "GMT", let month = months.firstIndex(of: String(parts[2])),
            let day = Int(parts[1]), let year = Int(parts[3])
        else { return nil }
        let clock = parts[4].splitBytes(at: ":").compactMap { Int($0) }
        guard clock.count == 3 else { return nil }
        return try? Date(
            String(
                [year, month + 1, day].map(padded).joined(separator: "-") + "T"
                    + clock.map(padded).joined(separator: ":") + "Z"), strategy: .iso8601)
    }

    private static func padded(_ number: Int) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }
}
