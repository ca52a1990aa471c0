import FoundationEssentials

/// `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date.
enum RetryAfter {
    /// Seconds from `now`, at least 0; nil when malformed.
    static func seconds(_ text: String, at now: Date) -> Int? {
        if let seconds = Int(text) { return seconds >= 0 ? seconds : nil }
        guard let date = date(text) else { return nil }
        return max(0, Int(date.timeIntervalSince(now).rounded(.up)))
    }

    /// The preferred form of RFC 9110 section 5.6.7, `Sun, 06 Nov 1994 08:49:37 GMT`.
    static func date(_ text: String) -> Date? {
        let parts = text.split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 6, parts[5] == "GMT", let month = months.firstIndex(of: String(parts[2])),
            let day = Int(parts[1]), let year = Int(parts[3])
        else { return nil }
        let clock = parts[4].split(separator: ":").compactMap { Int($0) }
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
