/// A company's logo, by what its file holds: a PNG or SVG image.
package struct BrandLogo: Equatable, Sendable {
    package enum Kind: String, Sendable {
        case png
        case svg
    }

    package let kind: Kind
    package let bytes: [UInt8]

    /// The largest file, in bytes.
    package static let longest = 256 << 10

    /// - Returns: `nil` for bytes that are neither a whole PNG nor an SVG document.
    package init?(_ bytes: [UInt8]) {
        if Self.isPNG(bytes) {
            kind = .png
        } else if Self.isSVG(bytes) {
            kind = .svg
        } else {
            return nil
        }
        self.bytes = bytes
    }

    var asset: Asset {
        switch kind {
        case .png: Asset("logo.png", "image/png", bytes, contentPolicy: ContentPolicy.image)
        case .svg: Asset("logo.svg", "image/svg+xml", bytes, contentPolicy: ContentPolicy.image)
        }
    }

    /// Whether the chunks of a PNG file (PNG, third edition, section 5) go from `IHDR` to `IEND`.
    private static func isPNG(_ bytes: [UInt8]) -> Bool {
        guard bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) else { return false }
        var rest = bytes.dropFirst(8), isFirst = true
        while rest.count >= 12 {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            let type = rest.dropFirst(4).prefix(4)
            guard length <= rest.count - 12, !isFirst || (type.elementsEqual("IHDR".utf8) && length == 13) else {
                return false
            }
            if type.elementsEqual("IEND".utf8) { return true }
            rest = rest.dropFirst(12 + length)
            isFirst = false
        }
        return false
    }

    /// Whether the first element of an XML document is `svg`, and its namespace is named.
    ///
    /// Without the namespace a browser does not draw it.
    private static func isSVG(_ bytes: [UInt8]) -> Bool {
        guard String(validating: bytes, as: UTF8.self) != nil else { return false }
        var rest = bytes[...]
        if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest = rest.dropFirst(3) }
        while true {
            rest = rest.drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
            if rest.starts(with: "<?".utf8) {
                guard let end = rest.firstRange(of: Array("?>".utf8)) else { return false }
                rest = rest[end.upperBound...]
            } else if rest.starts(with: "<!--".utf8) {
                guard let end = rest.firstRange(of: Array("-->".utf8)) else { return false }
                rest = rest[end.upperBound...]
            } else if rest.starts(with: "<!DOCTYPE svg".utf8) {
                // Drawing programs declare entities in brackets.
                let head = rest.prefix { $0 != UInt8(ascii: "[") && $0 != UInt8(ascii: ">") }
                let isOpen = rest.dropFirst(head.count).first == UInt8(ascii: "[")
                guard let end = rest.firstRange(of: Array((isOpen ? "]>" : ">").utf8)) else { return false }
                rest = rest[end.upperBound...]
            } else {
                break
            }
        }
        guard rest.starts(with: "<svg".utf8), let next = rest.dropFirst(4).first,
            next <= 0x20 || next == UInt8(ascii: ">") || next == UInt8(ascii: ":")
        else { return false }
        return bytes.firstRange(of: Array("http://www.w3.org/2000/svg".utf8)) != nil
    }
}
