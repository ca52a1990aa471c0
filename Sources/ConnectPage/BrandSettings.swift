/// How the page names and colours itself after the company that runs it.
///
/// The values were checked where they were read.
package struct BrandSettings: Equatable, Sendable {
    package var name: String?
    package var color: BrandColor?
    package var logo: BrandLogo?
    /// Where a customer finds help: https, or mailto or tel.
    package var supportURL: String?
    package var privacyURL: String?

    package init(
        name: String? = nil, color: BrandColor? = nil, logo: BrandLogo? = nil, supportURL: String? = nil,
        privacyURL: String? = nil
    ) {
        self.name = name
        self.color = color
        self.logo = logo
        self.supportURL = supportURL
        self.privacyURL = privacyURL
    }
}
