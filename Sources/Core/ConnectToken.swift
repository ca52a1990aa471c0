/// A `cot_…` token: the only credential of one Connect session, and the only upstream secret a frontend may hold.
///
/// It is opaque (upstream.md §0); only its alphabet and length are checked. It never prints itself.
package struct ConnectToken: Sendable {
    /// The first 48 bytes, eight to a word, then zeros, which no token has; inline, since each relayed call makes one.
    private var words = InlineArray<6, UInt64>(repeating: 0)
    /// The bytes after those; tokens are shorter as a rule.
    private var rest: [UInt8] = []

    private static let inlineLength = 48

    /// The longest token that is accepted, in bytes.
    package static let maximumLength = 128

    /// Accepts 1 to 128 bytes of `[A-Za-z0-9_-]`.
    package init?(_ text: some StringProtocol) {
        self.init(String(text).utf8.span)
    }

    /// The same for bytes.
    package init?(_ bytes: Span<UInt8>) {
        guard !bytes.isEmpty, bytes.count <= Self.maximumLength else { return nil }
        for index in bytes.indices {
            guard bytes[index].isWordByte else { return nil }
            if index < Self.inlineLength {
                words[index / 8] |= UInt64(truncatingIfNeeded: bytes[index]) << (8 * (index % 8))
            } else {
                rest.append(bytes[index])
            }
        }
    }

    /// The token as it goes to the frontend that minted it and to Connect, and nowhere else.
    package var exposed: String {
        var bytes: [UInt8] = []
        for index in words.indices {
            for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: words[index] >> (8 * shift))) }
        }
        return String(decoding: bytes.prefix { $0 != 0 } + rest, as: UTF8.self)
    }

    /// Replaces everything in `text` that looks like a connect token, so that the rest may be logged.
    package static func masked(_ text: String) -> String {
        // Nearly nothing that is logged holds one.
        guard text.utf8.contains(UInt8(ascii: "_")) else { return text }
        var out: [UInt8] = []
        var rest = Array(text.utf8)[...]
        let prefix = Array("cot_".utf8)
        while let byte = rest.first {
            if rest.starts(with: prefix) {
                rest = rest.dropFirst(prefix.count).drop(while: \.isWordByte)
                out += prefix + "***".utf8
            } else {
                out.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Cuts everything out of `text` that looks like a connect token: JSON stays JSON, since no token is outside a string.
    package static func removed(from text: [UInt8]) -> [UInt8] {
        let prefix = Array("cot_".utf8)
        var out: [UInt8] = []
        var copied = 0, index = 0
        while index < text.count {
            guard text[index] == UInt8(ascii: "c"), text[index...].starts(with: prefix),
                index == 0 || !text[index - 1].isWordByte
            else {
                index += 1
                continue
            }
            out += text[copied..<index]
            index = text[index...].firstIndex { !$0.isWordByte } ?? text.count
            copied = index
        }
        return copied == 0 ? text : out + text[copied...]
    }
}

extension ConnectToken: Hashable {
    package static func == (one: ConnectToken, other: ConnectToken) -> Bool {
        for index in one.words.indices where one.words[index] != other.words[index] { return false }
        return one.rest == other.rest
    }

    package func hash(into hasher: inout Hasher) {
        for index in words.indices { hasher.combine(words[index]) }
        hasher.combine(rest)
    }
}

extension ConnectToken: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "cot_***" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
