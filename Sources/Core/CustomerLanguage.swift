/// A language in which a customer is addressed: those of the countries in which Flatpeak has providers.
package enum CustomerLanguage: String, Codable, CaseIterable, Sendable {
    case english = "en"
    case german = "de"
    case french = "fr"
    case dutch = "nl"

    /// The best match of an `Accept-Language` (RFC 9110 section 12.5.4), by the first subtag of each range; English where
    /// none fits.
    package init(acceptLanguage: String) {
        var best: (language: Self, weight: Int)?
        let bytes = acceptLanguage.utf8.filter { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
        for range in bytes.split(separator: UInt8(ascii: ",")) {
            let parts = range.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
            let subtag = (parts.first ?? []).prefix { $0 != UInt8(ascii: "-") }.map { $0 | 0x20 }
            guard let language = Self.allCases.first(where: { subtag.elementsEqual($0.rawValue.utf8) }),
                let weight = parts.count == 1 ? 1000 : Self.thousandths(parts[1]), weight > best?.weight ?? 0
            else { continue }
            best = (language, weight)
        }
        self = best?.language ?? .english
    }

    /// `q=0.5` as 500; nil where it is no weight.
    private static func thousandths(_ weight: ArraySlice<UInt8>) -> Int? {
        let bytes = Array(weight)
        guard bytes.count >= 3, bytes.count <= 7, bytes[0] | 0x20 == UInt8(ascii: "q"), bytes[1] == UInt8(ascii: "="),
            bytes.count == 3 || bytes[3] == UInt8(ascii: ".")
        else { return nil }
        var value = 0
        for index in [2, 4, 5, 6] {
            let digit = index < bytes.count ? bytes[index] &- UInt8(ascii: "0") : 0
            guard digit < 10 else { return nil }
            value = value * 10 + Int(truncatingIfNeeded: digit)
        }
        return value <= 1000 ? value : nil
    }
}
