/// A language in which a customer is addressed: those of the countries in which Flatpeak has providers.
package enum CustomerLanguage: String, Codable, CaseIterable, Sendable {
    case english = "en"
    case german = "de"
    case french = "fr"
    case dutch = "nl"

    /// The language of a tag such as `de` or `de-AT` (RFC 5646), by its first subtag; `nil` for any other language.
    package init?(tag: String) {
        let subtag = tag.utf8.prefix { $0 != UInt8(ascii: "-") }.map(\.lowercasedASCII)
        guard let language = Self.allCases.first(where: { subtag.elementsEqual($0.rawValue.utf8) }) else { return nil }
        self = language
    }

    /// The best match of an `Accept-Language` (RFC 9110 section 12.5.4); English where none fits.
    package init(acceptLanguage: String) {
        var best: (language: Self, weight: Int)?
        for item in WeightedItem.list(acceptLanguage) where item.weight > best?.weight ?? 0 {
            if let language = Self(tag: item.value) { best = (language, item.weight) }
        }
        self = best?.language ?? .english
    }
}
