import Core

/// The texts of the page in one language, read from the script that holds them, for what the server says itself.
///
/// A line such as `  'KEY': 'TEXT',` is a text. In backquotes it may name a constant, which is a line such as
/// `const NAME = 'TEXT';` above it. `Tests/Page/texts.test.mjs` proves that every text is written so.
struct PageTexts: Sendable {
    private let texts: [String: String]

    private static let all: [CustomerLanguage: PageTexts] = Dictionary(
        CustomerLanguage.allCases.map { ($0, PageTexts(script(in: $0))) }
    ) { first, _ in first }

    /// - Parameter language: Every one has its script.
    static func of(_ language: CustomerLanguage) -> PageTexts { all[language] ?? PageTexts(script(in: language)) }

    private static func script(in language: CustomerLanguage) -> [UInt8] {
        switch language {
        case .english: PackageResources.text_en_js
        case .german: PackageResources.text_de_js
        case .french: PackageResources.text_fr_js
        case .dutch: PackageResources.text_nl_js
        }
    }

    init(_ script: [UInt8]) {
        var constants: [String: String] = [:], texts: [String: String] = [:]
        for line in script.split(separator: UInt8(ascii: "\n")) {
            if let (name, text) = Self.pair(line, after: "const ", " = ", ";") {
                constants["${\(name)}"] = text
            } else if let (key, text) = Self.pair(line, after: "  ", ": ", ",") {
                texts[key] = constants.reduce(text) { $0.replacing($1.key, with: $1.value) }
            }
        }
        self.texts = texts
    }

    /// Nothing for a key without a text, or with one that counts.
    subscript(key: String) -> String { texts[key] ?? "" }

    private static func pair(
        _ line: ArraySlice<UInt8>, after start: String, _ middle: String, _ end: String
    ) -> (name: String, text: String)? {
        guard line.starts(with: start.utf8), let mark = line.firstRange(of: Array(middle.utf8)),
            line.suffix(end.utf8.count).elementsEqual(end.utf8)
        else { return nil }
        let value = line[mark.upperBound...].dropLast(end.utf8.count)
        guard value.count >= 2, let quote = value.first, quote == value.last,
            [UInt8(ascii: "'"), UInt8(ascii: "`")].contains(quote)
        else { return nil }
        let name = line[..<mark.lowerBound].dropFirst(start.utf8.count).filter { $0 != UInt8(ascii: "'") }
        return (String(decoding: name, as: UTF8.self), String(decoding: value.dropFirst().dropLast(), as: UTF8.self))
    }
}
