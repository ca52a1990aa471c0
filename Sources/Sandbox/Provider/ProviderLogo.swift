import Crypto

/// A provider's logo: a tile with a pattern that differs from provider to provider, and is the same in each sandbox.
struct ProviderLogo: Sendable {
    /// The name of its file, in hex (upstream.md §0).
    let digest: String
    private let seed: [UInt8]

    /// Dark enough for a white pattern.
    private static let colors: [PNGImage.Color] = [
        .init(red: 0x2B, green: 0x5D, blue: 0x4F), .init(red: 0x1F, green: 0x4E, blue: 0x79),
        .init(red: 0x6B, green: 0x2D, blue: 0x5C), .init(red: 0x8A, green: 0x3B, blue: 0x12),
        .init(red: 0x3D, green: 0x3D, blue: 0x7A), .init(red: 0x7A, green: 0x1F, blue: 0x2B),
        .init(red: 0x3F, green: 0x5B, blue: 0x1E), .init(red: 0x24, green: 0x5B, blue: 0x66),
    ]

    init(of providerID: String) {
        seed = Array(SHA256.hash(data: Array(providerID.utf8)))
        digest = hexadecimal(seed.prefix(16))
    }

    /// Five by five squares of 12 pixels, the right half as in a mirror.
    var image: PNGImage {
        let seed = seed
        return PNGImage(
            side: 64, background: Self.colors[Int(seed[31]) % Self.colors.count],
            foreground: .init(red: 0xFF, green: 0xFF, blue: 0xFF),
            isForeground: { column, row in
                guard (2..<62).contains(column), (2..<62).contains(row) else { return false }
                let across = (column - 2) / 12, down = (row - 2) / 12
                let square = down * 3 + min(across, 4 - across)
                return seed[16 + square / 8] >> (square % 8) & 1 == 1
            })
    }

    /// The answer to `GET /HEX.png`; `nil` for any other path.
    static func answer(_ request: HTTPRequest) -> HTTPAnswer? {
        guard request.method == "GET", request.path.hasPrefix("/"), request.path.hasSuffix(".png") else { return nil }
        let digest = request.path.dropFirst().dropLast(4)
        guard let logo = Provider.all.lazy.map({ ProviderLogo(of: $0.id) }).first(where: { $0.digest == digest })
        else { return nil }
        return HTTPAnswer(
            status: 200,
            headers: [
                ("Content-Type", "image/png"), ("Cache-Control", "public, max-age=86400"),
                ("X-Content-Type-Options", "nosniff"),
            ], body: logo.image.bytes)
    }
}
