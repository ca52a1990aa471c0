/// The style sheet of a brand's colour, which is loaded after `style.css` and sets its variables anew.
///
/// - `--brand`: the ground of buttons; `--on-brand`: text on it, which passes level AA of WCAG 2.2.
/// - `--brand-text`: text and signs in the brand's colour, on every ground of the page; passes level AA, light and dark.
/// - `--brand-edge`: the edge of a button, which shows where it ends on every ground of the page (3:1).
enum Theme {
    static let name = "theme.css"

    /// The darkest ground of the light page, and the lightest of the dark one.
    static let light = BrandColor(red: 0xE6, green: 0xEA, blue: 0xE6)
    static let dark = BrandColor(red: 0x2B, green: 0x35, blue: 0x30)

    /// Nothing for a service without a colour: the page has its own.
    static func css(_ brand: BrandColor?) -> String {
        guard let brand else { return "" }
        return """
            :root{--brand:\(brand.css);--on-brand:\(brand.text.css);\(signs(brand, .black, on: light))}
            @media (prefers-color-scheme:dark){:root{\(signs(brand, .white, on: dark))}}

            """
    }

    private static func signs(_ brand: BrandColor, _ end: BrandColor, on ground: BrandColor) -> String {
        let text = brand.moved(to: end, until: 4.5, on: ground), edge = brand.moved(to: end, until: 3, on: ground)
        return "--brand-text:\(text.css);--brand-edge:\(edge.css)"
    }
}
