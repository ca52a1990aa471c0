import Glibc

/// A colour in sRGB, with the arithmetic of contrast (WCAG 2.2, "relative luminance" and "contrast ratio").
package struct BrandColor: Equatable, Sendable {
    let red: UInt8
    let green: UInt8
    let blue: UInt8

    static let white = BrandColor(red: 255, green: 255, blue: 255)
    static let black = BrandColor(red: 0, green: 0, blue: 0)

    init(red: UInt8, green: UInt8, blue: UInt8) {
        self.red = red
        self.green = green
        self.blue = blue
    }

    /// A colour as `#rgb` or `#rrggbb`; `nil` for any other text.
    package init?(_ text: String) {
        var digits = text.utf8.dropFirst().compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        guard text.utf8.first == UInt8(ascii: "#"), digits.count == text.utf8.count - 1 else { return nil }
        if digits.count == 3 { digits = digits.flatMap { [$0, $0] } }
        guard digits.count == 6 else { return nil }
        let value = digits.reduce(0) { $0 << 4 | $1 }
        self.init(
            red: UInt8(truncatingIfNeeded: value >> 16), green: UInt8(truncatingIfNeeded: value >> 8),
            blue: UInt8(truncatingIfNeeded: value))
    }

    /// `#rrggbb`.
    var css: String {
        "#" + [red, green, blue].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private var luminance: Double {
        let linear = { (channel: UInt8) in
            let value = Double(channel) / 255
            return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
        }
        return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    /// The contrast ratio to another colour, from 1 to 21.
    func contrast(to other: BrandColor) -> Double {
        let (first, second) = (luminance, other.luminance)
        return (max(first, second) + 0.05) / (min(first, second) + 0.05)
    }

    /// The colour of text on this one: white or black, whichever has the higher contrast.
    ///
    /// That is never below √21, or 4.58: where the two are equal, the contrast of white to black is its square. So one of
    /// them passes level AA (4.5) on every colour.
    var text: BrandColor {
        contrast(to: .white) >= contrast(to: .black) ? .white : .black
    }

    /// The colour nearest to this one, on the way to `end`, that has a contrast of at least `ratio` to `ground`.
    /// - Parameter end: Has that contrast itself.
    func moved(to end: BrandColor, until ratio: Double, on ground: BrandColor) -> BrandColor {
        let steps = 64
        let mix = { (from: UInt8, to: UInt8, step: Int) in
            let sum = Int(truncatingIfNeeded: from) * (steps - step) + Int(truncatingIfNeeded: to) * step
            return UInt8(truncatingIfNeeded: sum / steps)
        }
        for step in 0..<steps {
            let color = BrandColor(
                red: mix(red, end.red, step), green: mix(green, end.green, step), blue: mix(blue, end.blue, step))
            if color.contrast(to: ground) >= ratio { return color }
        }
        return end
    }
}
