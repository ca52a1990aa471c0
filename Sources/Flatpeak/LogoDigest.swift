/// The name of a provider's logo at the host that has it: 8 to 128 lower-case hex digits (upstream.md §0).
package struct LogoDigest: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init?(_ text: some StringProtocol) {
        guard (8...128).contains(text.utf8.count), text.utf8.allSatisfy(\.isLowerHexDigit) else { return nil }
        description = String(text)
    }
}

extension UInt8 {
    fileprivate var isLowerHexDigit: Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self)
    }
}
