/// An IPv4 or IPv6 address.
///
/// An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address.
package struct IPAddress: Hashable, Sendable {
    /// 4 or 16 bytes.
    package let bytes: [UInt8]

    /// Reads the textual form: dotted decimals without leading zeros, or RFC 4291 section 2.2; no zone, no port.
    package init?(_ text: some StringProtocol) {
        // In ASCII Swift's characters are the bytes.
        guard text.utf8.allSatisfy({ $0 < 0x80 }),
            let bytes = text.contains(":") ? Self.version6(String(text)) : Self.version4(String(text))
        else {
            return nil
        }
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        self.bytes = bytes.count == 16 && bytes.starts(with: mapped) ? Array(bytes.suffix(4)) : bytes
    }

    private static func version4(_ text: String) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (48...57).contains($0) }),
                part == "0" || part.first != "0", let byte = UInt8(part)
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private static func version6(_ text: String) -> [UInt8]? {
        var halves: [String] = []
        if let gap = text.firstRange(of: "::") {
            halves = [String(text[..<gap.lowerBound]), String(text[gap.upperBound...])]
            guard !halves[1].contains("::"), !halves[1].hasPrefix(":") else { return nil }
        } else {
            halves = [text]
        }
        var sides: [[UInt8]] = []
        for (index, half) in halves.enumerated() {
            guard let bytes = groups(half, mayEndInVersion4: index == halves.count - 1) else { return nil }
            sides.append(bytes)
        }
        let count = sides.reduce(0) { $0 + $1.count }
        if sides.count == 1 { return count == 16 ? sides[0] : nil }
        guard count <= 14 else { return nil }
        return sides[0] + [UInt8](repeating: 0, count: 16 - count) + sides[1]
    }

    private static func groups(_ text: String, mayEndInVersion4: Bool) -> [UInt8]? {
        if text.isEmpty { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var bytes: [UInt8] = []
        for (index, part) in parts.enumerated() {
            if mayEndInVersion4, index == parts.count - 1, part.contains(".") {
                guard let last = version4(String(part)) else { return nil }
                bytes += last
                continue
            }
            guard (1...4).contains(part.utf8.count), part.allSatisfy(\.isHexDigit), let group = UInt16(part, radix: 16)
            else { return nil }
            bytes += [UInt8(group >> 8), UInt8(group & 0xFF)]
        }
        return bytes
    }
}

/// A range of addresses: `192.0.2.0/24`, `2001:db8::/32`, or one address.
package struct AddressRange: Hashable, Sendable {
    private let base: [UInt8]
    private let length: Int

    /// Refuses a length that does not fit, and bits behind it: `10.0.0.1/8` is more likely a mistake than meant.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(first) else { return nil }
        base = address.bytes
        guard parts.count == 2 else {
            length = base.count * 8
            return
        }
        guard let length = Int(parts[1]), String(length) == parts[1], (0...base.count * 8).contains(length) else {
            return nil
        }
        self.length = length
        for bit in length..<(base.count * 8) where base[bit / 8] & (0x80 >> UInt8(bit % 8)) != 0 { return nil }
    }

    /// Whether it holds every address there is.
    package var isEverything: Bool { length == 0 }

    package func contains(_ address: IPAddress) -> Bool {
        guard address.bytes.count == base.count else { return false }
        for index in base.indices {
            let bits = min(8, max(0, length - index * 8))
            let mask = UInt8(truncatingIfNeeded: 0xFF00 >> bits)
            if (address.bytes[index] ^ base[index]) & mask != 0 { return false }
        }
        return true
    }
}
