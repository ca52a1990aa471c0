/// A square picture of two colours as a PNG file, not compressed (W3C PNG specification; RFC 1950 and 1951).
struct PNGImage: Sendable {
    struct Color: Equatable, Sendable {
        let red: UInt8
        let green: UInt8
        let blue: UInt8
    }

    /// Pixels in a row, a multiple of 8, and rows; at most 512, so that all of it is one block.
    let side: Int
    let background: Color
    let foreground: Color
    /// Whether a pixel has the colour of the foreground.
    let isForeground: @Sendable (_ column: Int, _ row: Int) -> Bool

    /// The file.
    var bytes: [UInt8] {
        let size = Self.bigEndian(UInt32(side))
        // One bit for each pixel, an index into the palette; no filter, no interlacing.
        let header = size + size + [1, 3, 0, 0, 0]
        let palette = [background, foreground].flatMap { [$0.red, $0.green, $0.blue] }
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + Self.chunk("IHDR", header)
            + Self.chunk("PLTE", palette) + Self.chunk("IDAT", Self.stored(rows)) + Self.chunk("IEND", [])
    }

    /// Each row begins with the type of its filter, which is none.
    private var rows: [UInt8] {
        (0..<side).flatMap { row in
            [0]
                + stride(from: 0, to: side, by: 8).map { start in
                    (0..<8).reduce(into: UInt8(0)) { byte, bit in
                        byte = byte << 1 | (isForeground(start + bit, row) ? 1 : 0)
                    }
                }
        }
    }

    private static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
        let body = Array(type.utf8) + data
        return bigEndian(UInt32(data.count)) + body + bigEndian(crc32(body))
    }

    /// A zlib stream of one stored block.
    private static func stored(_ data: [UInt8]) -> [UInt8] {
        let length = UInt16(data.count)
        let lengths = [length, ~length].flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
        return [0x78, 0x01, 0x01] + lengths + data + bigEndian(adler32(data))
    }

    static func crc32(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { crc, byte in
            (0..<8).reduce(crc ^ UInt32(byte)) { rest, _ in rest >> 1 ^ (rest & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
    }

    static func adler32(_ bytes: [UInt8]) -> UInt32 {
        let (low, high) = bytes.reduce((UInt32(1), UInt32(0))) { sums, byte in
            let low = (sums.0 + UInt32(byte)) % 65_521
            return (low, (sums.1 + low) % 65_521)
        }
        return high << 16 | low
    }

    private static func bigEndian(_ number: UInt32) -> [UInt8] {
        stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> UInt32($0)) }
    }
}
