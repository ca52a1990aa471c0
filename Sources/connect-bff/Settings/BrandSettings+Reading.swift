import ConnectPage
import Core

extension BrandSettings {
    /// Reads how the hosted Connect page names and colours itself; the logo's file is read once, at the start.
    static func read(_ reader: inout SettingsReader) async -> Self {
        Self(
            name: await reader.value(.brandName, name), color: await reader.value(.brandColor, color),
            logo: await reader.value(.brandLogo, logo), supportURL: await reader.value(.brandSupportURL, supportURL),
            privacyURL: await reader.value(.brandPrivacyURL, privacyURL))
    }

    /// The longest name, in characters: it stands in one line of a phone's screen.
    private static let longestName = 40

    private static func name(_ text: String) throws(SettingsReader.Unfit) -> String {
        guard text.count <= longestName else { throw .init("has more than \(longestName) characters") }
        // These turn the text around them.
        guard !text.unicodeScalars.contains(where: \.properties.isBidiControl) else {
            throw .init("holds a character that turns the direction of text")
        }
        return text
    }

    private static func color(_ text: String) throws(SettingsReader.Unfit) -> BrandColor {
        guard let color = BrandColor(text) else { throw .init("must be a colour as #rgb or #rrggbb, such as #0b6e4f") }
        return color
    }

    private static func logo(_ path: String) throws(SettingsReader.Unfit) -> BrandLogo {
        let bytes = try SettingsReader.guarded(path, called: path, limit: BrandLogo.longest).bytes
        guard let logo = BrandLogo(bytes) else { throw .init("\(path) is neither a PNG nor an SVG image") }
        return logo
    }

    private static func supportURL(_ text: String) throws(SettingsReader.Unfit) -> String {
        let address = try WebAddress(text)
        let target = text.utf8.dropFirst(address.scheme.utf8.count + 1)
        switch address.scheme {
        case "http", "https": return text
        case "mailto": if target.dropFirst().contains(UInt8(ascii: "@")) { return text }
        case "tel": if target.contains(where: { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) { return text }
        default: break
        }
        throw .init(
            "must be the address of a page, of a mailbox or of a telephone, such as mailto:help@example.com")
    }

    private static func privacyURL(_ text: String) throws(SettingsReader.Unfit) -> String {
        guard try WebAddress(text).origin != nil else { throw .init("must be the address of a page") }
        return text
    }
}
