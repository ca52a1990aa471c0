import Core
import FoundationEssentials

/// What fills the documents' templates.
struct DocumentContent {
    let brand: BrandSettings
    let origins: [String]
    /// The name of Flatpeak's API version: how the page starts and resumes a session.
    let apiVersion: String
    let digest: String
    let assets: [String: Asset]
    /// The name of the logo's asset.
    let logo: String?

    func representation(of document: ConnectPage.Document, in language: CustomerLanguage) -> Representation {
        // Relative to the document's own address: a proxy may have taken a path off.
        let (template, base, module) =
            switch document {
            case .page: (PackageResources.index_html, "connect/assets/\(digest)", "page.js")
            case .popup: (PackageResources.popup_html, "assets/\(digest)", "popup.js")
            }
        let preloads = modules(of: module, language).map { #"<link rel="modulepreload" href="\#(base)/\#($0)">"# }
        let filled = Template(template).filled(with: [
            "lang": language.rawValue, "title": (brand.name ?? "Connect").escapedForHTML, "base": base,
            "icon": "\(base)/\(logo ?? "icon.svg")", "preload": preloads.joined(), "config": config(base),
        ])
        return Representation("text/html; charset=utf-8", filled)
    }

    /// The modules that the first screen needs besides `entry`, in the order of their imports.
    func modules(of entry: String, _ language: CustomerLanguage) -> [String] {
        var found = [entry], next = 0
        while next < found.count {
            for name in assets[found[next]]?.imports ?? [] where !found.contains(name) && assets[name] != nil {
                found.append(name)
            }
            next += 1
        }
        let texts = "text-\(language.rawValue).js"
        // The module of texts loads those of the language by `import()`.
        return found.dropFirst() + (found.contains { $0.equalsBytes(of: "text.js") } ? [texts] : [])
    }

    // MARK: - Configuration

    /// What scripts read of the document.
    private struct Config: Encodable {
        let name: String?
        let logo: String?
        let support: String?
        let privacy: String?
        let origins: [String]
        let version: String
        let languages = CustomerLanguage.allCases

        private enum CodingKeys: String, CodingKey { case name, logo, support, privacy, origins, version, languages }

        /// With `null` for what is not set.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(name, forKey: .name)
            try container.encode(logo, forKey: .logo)
            try container.encode(support, forKey: .support)
            try container.encode(privacy, forKey: .privacy)
            try container.encode(origins, forKey: .origins)
            try container.encode(version, forKey: .version)
            try container.encode(languages, forKey: .languages)
        }
    }

    /// JSON that does not end the script element around it.
    private func config(_ base: String) -> String {
        let config = Config(
            name: brand.name, logo: logo.map { "\(base)/\($0)" }, support: brand.supportURL,
            privacy: brand.privacyURL, origins: origins, version: apiVersion)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let json = try? encoder.encode(config) else { return "{}" }
        let escaped = json.flatMap { $0 == UInt8(ascii: "<") ? Array(#"\u003c"#.utf8) : [$0] }
        return String(decoding: escaped, as: UTF8.self)
    }
}
