import Foundation
import Testing

@testable import ConnectPage

@Suite struct BrandLogoTests {
    private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    private static func chunk(_ type: String, _ count: Int, declared: UInt32? = nil) -> [UInt8] {
        let length = declared ?? UInt32(truncatingIfNeeded: count)
        return stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: length >> $0) } + Array(type.utf8)
            + Array(repeating: 0, count: count + 4)
    }

    private static let head = chunk("IHDR", 13), end = chunk("IEND", 0)

    @Test("takes a PNG from its signature to its last chunk") func png() {
        let good = Self.signature + Self.head + Self.chunk("IDAT", 9) + Self.end
        #expect(BrandLogo(good)?.kind == .png)
        #expect(BrandLogo(good + [1, 2, 3])?.kind == .png)
        for bad in [
            [], Self.signature, Self.signature + Self.head, Self.signature + Self.end,
            Self.signature + Self.chunk("IHDR", 12) + Self.end, Self.signature + Self.chunk("IDAT", 13) + Self.end,
            // Torn, and with lengths that lead out of the file.
            Array(good.dropLast()), Self.signature + Self.head + Self.chunk("IDAT", 9, declared: .max) + Self.end,
            Self.signature + Self.head + Self.chunk("IDAT", 9, declared: 10) + Self.end, Array(good.dropFirst()),
        ] {
            #expect(BrandLogo(bad) == nil)
        }
        for count in 0..<good.count { #expect(BrandLogo(Array(good.prefix(count))) == nil) }
    }

    private static let namespace = #"xmlns="http://www.w3.org/2000/svg""#

    @Test(
        "takes an SVG as drawing programs write it",
        arguments: [
            "<svg \(namespace)/>", "\u{FEFF}<svg \(namespace)></svg>", "<svg\n\(namespace)>",
            #"<?xml version="1.0"?><!-- Generator: a > b --><svg \#(namespace)/>"#,
            "\n <!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/a.dtd\"><svg \(namespace)/>",
            #"<!DOCTYPE svg [ <!ENTITY ns "http://www.w3.org/2000/svg"> ]><svg xmlns="&ns;"/>"#,
            #"<svg:svg xmlns:svg="http://www.w3.org/2000/svg"/>"#,
        ])
    func svg(_ text: String) {
        #expect(BrandLogo(Array(text.utf8))?.kind == .svg)
    }

    @Test(
        "refuses what is no image",
        arguments: [
            "<svg/>", "<html \(namespace)><svg/></html>", "<svgx \(namespace)/>", "x<svg \(namespace)/>",
            "<?xml <svg \(namespace)/>", "<!-- <svg \(namespace)/>", "<!DOCTYPE html><svg \(namespace)/>",
            "<!DOCTYPE svg [ <svg \(namespace)/>", "<script>alert(1)</script>", "GIF89a", "<svg", " ",
        ])
    func others(_ text: String) {
        #expect(BrandLogo(Array(text.utf8)) == nil)
    }

    @Test("refuses an SVG that is not UTF-8, or is compressed") func bytes() {
        #expect(BrandLogo(Array("<svg \(Self.namespace)>\u{E9}".unicodeScalars.map { UInt8($0.value) })) == nil)
        #expect(BrandLogo([0x1F, 0x8B, 8, 0, 0, 0]) == nil)
    }
}
