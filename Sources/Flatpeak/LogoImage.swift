/// A picture in one of the formats that browsers show and that hold no script.
package struct LogoImage: Equatable, Sendable {
    /// The raw value is the media type.
    package enum Format: String, Sendable {
        case png = "image/png"
        case jpeg = "image/jpeg"
        case webp = "image/webp"
    }

    package let format: Format
    package let bytes: [UInt8]

    /// Takes a file for what its first bytes say, whatever it was declared to be.
    /// - Returns: `nil` when it is no PNG, JPEG or WebP; SVG is none, since it can hold scripts.
    package init?(_ bytes: [UInt8]) {
        guard let format = Format(of: bytes) else { return nil }
        self.format = format
        self.bytes = bytes
    }
}

extension LogoImage.Format {
    fileprivate init?(of bytes: [UInt8]) {
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            self = .png
        } else if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
            self = .jpeg
        } else if bytes.starts(with: "RIFF".utf8), bytes.dropFirst(8).starts(with: "WEBP".utf8) {
            self = .webp
        } else {
            return nil
        }
    }
}
