/// What a request is for (RFC 9112 section 3.2), in the two forms that a server which is no proxy serves: `/path?query`,
/// and the same behind `http://authority`.
package struct RequestTarget: Equatable, Sendable {
    package let path: Substring
    /// Host and port, when the target names them.
    package let authority: Substring?

    /// Refuses every other form, other schemes, users, and fragments, which are never sent.
    package init?(_ text: String) {
        guard !text.utf8.contains(UInt8(ascii: "#")) else { return nil }
        var rest = text[...]
        if rest.utf8.first == UInt8(ascii: "/") {
            authority = nil
        } else {
            guard let scheme = ["http://", "https://"].first(where: { rest.hasPrefix($0) }) else { return nil }
            rest = rest.dropFirst(scheme.count)
            let name = rest.prefix { $0 != "/" && $0 != "?" }
            guard Self.isAuthority(name) else { return nil }
            authority = name
            rest = rest[name.endIndex...]
        }
        let path = rest.prefix(upTo: rest.utf8.firstIndex(of: UInt8(ascii: "?")) ?? rest.endIndex)
        self.path = path.isEmpty ? "/" : path
    }

    /// Whether `text` is a host, with or without a port, in the letters that names and addresses have: what a `Host`
    /// field holds (RFC 9110 section 7.2).
    package static func isAuthority(_ text: some StringProtocol) -> Bool {
        var rest = text.utf8[...]
        if rest.first == UInt8(ascii: "[") {
            rest = rest.dropFirst()
            let address = rest.prefix { $0.isHexDigit || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") }
            rest = rest[address.endIndex...]
            guard !address.isEmpty, rest.first == UInt8(ascii: "]") else { return false }
            rest = rest.dropFirst()
        } else {
            let end = rest.firstIndex { !$0.isWordByte && $0 != UInt8(ascii: ".") } ?? rest.endIndex
            guard end > rest.startIndex else { return false }
            rest = rest[end...]
        }
        guard let colon = rest.first else { return true }
        return colon == UInt8(ascii: ":") && rest.count <= 6
            && rest.dropFirst().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}
