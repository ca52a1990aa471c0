/// An item of a header that lists what a client prefers, such as `Accept-Language`, with its weight (RFC 9110 section
/// 12.4.2).
package struct WeightedItem: Equatable, Sendable {
    /// In lower case, without blanks and parameters.
    package let value: String
    /// In thousandths; 0 is "not acceptable".
    package let weight: Int

    /// The items of a list, in its order.
    ///
    /// An item whose weight is none is left out: it says nothing.
    package static func list(_ header: String) -> [WeightedItem] {
        let bytes = header.utf8.filter { !$0.isBlank }
        return bytes.split(separator: UInt8(ascii: ",")).compactMap { item in
            var parts = item.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)[...]
            guard let value = parts.popFirst(), !value.isEmpty else { return nil }
            let given = parts.first { part in
                part.first?.lowercasedASCII == UInt8(ascii: "q")
                    && (part.count == 1 || part.dropFirst().first == UInt8(ascii: "="))
            }
            guard let weight = given.map({ thousandths($0.dropFirst(2)) }) ?? 1000 else { return nil }
            return WeightedItem(
                value: String(decoding: value.map(\.lowercasedASCII), as: UTF8.self), weight: weight)
        }
    }

    /// `0.5` as 500; `nil` where it is no weight.
    private static func thousandths(_ digits: ArraySlice<UInt8>) -> Int? {
        let bytes = Array(digits)
        guard (1...5).contains(bytes.count), bytes.count == 1 || bytes[1] == UInt8(ascii: ".") else { return nil }
        var value = 0
        for index in [0, 2, 3, 4] {
            let digit = index < bytes.count ? bytes[index] &- UInt8(ascii: "0") : 0
            guard digit < 10 else { return nil }
            value = value * 10 + Int(truncatingIfNeeded: digit)
        }
        return value <= 1000 ? value : nil
    }
}
