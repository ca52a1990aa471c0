import Testing

@testable import ConnectPage

@Suite struct BrandColorTests {
    private static func color(_ text: String) throws -> BrandColor { try #require(BrandColor(text)) }

    @Test(
        "WCAG 2.2: contrast ratios as other tools compute them",
        arguments: [
            ("#ffffff", "#000000", 21.0), ("#777777", "#ffffff", 4.48), ("#767676", "#ffffff", 4.54),
            ("#ff0000", "#ffffff", 4.0), ("#ff0000", "#000000", 5.25), ("#0000ff", "#ffffff", 8.59),
            ("#00ff00", "#000000", 15.3), ("#0b6e4f", "#ffffff", 6.25), ("#abc", "#aabbcc", 1.0),
        ])
    func contrast(_ first: String, _ second: String, _ ratio: Double) throws {
        let (first, second) = (try Self.color(first), try Self.color(second))
        #expect(abs(first.contrast(to: second) - ratio) < 0.01)
        #expect(first.contrast(to: second) == second.contrast(to: first))
    }

    @Test(
        "text on a colour is white or black, whichever is read better",
        arguments: [
            ("#000", "#ffffff"), ("#fff", "#000000"), ("#0b6e4f", "#ffffff"), ("#ffcc00", "#000000"),
            ("#757575", "#ffffff"), ("#767676", "#000000"), ("#e2001a", "#ffffff"), ("#00a0e0", "#000000"),
        ])
    func text(_ ground: String, _ text: String) throws {
        #expect(try Self.color(ground).text.css == text)
    }

    /// Every fifteenth value of each channel, both ends among them.
    private static let colors: [BrandColor] = {
        let channel = stride(from: 0, through: 255, by: 15).map { UInt8(truncatingIfNeeded: $0) }
        return channel.flatMap { red in
            channel.flatMap { green in channel.map { BrandColor(red: red, green: green, blue: $0) } }
        }
    }()

    @Test("on every colour one of them passes level AA, and so none is refused") func everyColor() {
        let worst = Self.colors.map { $0.contrast(to: $0.text) }.min()
        // √21 is 4.583.
        #expect(worst.map { (4.58..<4.6).contains($0) } == true)
    }

    @Test("signs in the brand's colour pass on the worst ground, light and dark, and move no further than that")
    func signs() {
        for (ground, end) in [(Theme.light, BrandColor.black), (Theme.dark, .white)] {
            #expect(end.contrast(to: ground) >= 4.5)
            for color in Self.colors {
                for ratio in [3, 4.5] {
                    let moved = color.moved(to: end, until: ratio, on: ground)
                    #expect(moved.contrast(to: ground) >= ratio)
                    if color.contrast(to: ground) >= ratio { #expect(moved == color) }
                }
            }
        }
    }

    @Test("the grounds of the style sheet are no harder than those for which the brand's signs are made") func grounds()
        throws
    {
        let css = String(decoding: PackageResources.style_css, as: UTF8.self)
        let parts = css.split(separator: "@media (prefers-color-scheme: dark)")
        try #require(parts.count == 2)
        // The contrast to black orders colours by their luminance.
        for (part, isDark) in [(parts[0], false), (parts[1].prefix { $0 != "}" }, true)] {
            let limit = (isDark ? Theme.dark : Theme.light).contrast(to: .black)
            let grounds = part.matches(of: /--(ground|card|tint|good-ground|bad-ground): (#[0-9a-f]{6});/)
            #expect(grounds.count == 5)
            for ground in grounds {
                let contrast = try Self.color(String(ground.output.2)).contrast(to: .black)
                #expect(isDark ? contrast <= limit : contrast >= limit, "\(ground.output.0)")
            }
        }
    }

    @Test("the theme has the four variables of a brand, for light and dark, and nothing without a colour")
    func theme() throws {
        #expect(Theme.css(nil).isEmpty)
        let css = Theme.css(try Self.color("#FC0"))
        #expect(css.hasPrefix(":root{--brand:#ffcc00;--on-brand:#000000;--brand-text:#"))
        #expect(css.contains("\n@media (prefers-color-scheme:dark){:root{--brand-text:#ffcc00;--brand-edge:#ffcc00}}"))
        #expect(!css.contains(/[^-a-z0-9:;#{}()@\s]/))
    }
}
