import Core

/// What a request is for (RFC 9112 section 3.2), in the two forms that a server which is no proxy serves: `/path?query`,
/// and the same behind `http://authority`.
package struct RequestTarget: Equatable, Sendable {
    package let path: Substring
    /// The path, and the query if there is one.
    package let origin: String
    /// Host and port, when the target names them.
    package let authority: Substring?

    /// Refuses every other form, other schemes, users, and fragments, which are never sent.
    package init?(_ text: String) {
        guard !text.utf8.contains(UInt8(ascii: "#")) else { return nil }
        var rest = text[...]
        if rest.utf8.first == UInt8(ascii: "/") {
            authority = nil
        } else {
            // A scheme is the same in any case (RFC 3986 section 3.1).
            let scheme = ["http://", "https://"].first {
                rest.utf8.prefix($0.utf8.count).elementsEqual($0.utf8) { $0.lowercasedASCII == $1 }
            }
            guard let scheme else { return nil }
            rest = Substring(rest.utf8.dropFirst(scheme.utf8.count))
            let name = Substring(rest.utf8.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") })
            guard Self.isAuthority(name.utf8.span) else { return nil }
            authority = name
            rest = rest[name.endIndex...]
        }
        let path = rest.prefix(upTo: rest.utf8.firstIndex(of: UInt8(ascii: "?")) ?? rest.endIndex)
        self.path = path.isEmpty ? "/" : path
        origin = path.isEmpty ? "/" + rest : String(rest)
    }

    /// Whether `text` is a host, with or without a port, in the letters that names and addresses have: what a `Host`
    /// field holds (RFC 9110 section 7.2).
    package static func isAuthority(_ text: Span<UInt8>) -> Bool {
        var end: Int
        if !text.isEmpty, text[0] == UInt8(ascii: "[") {
            end = text.end(of: { $0.isHexDigit || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") }, from: 1)
            guard end > 1, end < text.count, text[end] == UInt8(ascii: "]") else { return false }
            end += 1
        } else {
            end = text.end(of: { $0.isWordByte || $0 == UInt8(ascii: ".") }, from: 0)
            guard end > 0 else { return false }
        }
        guard end < text.count else { return true }
        return text[end] == UInt8(ascii: ":") && text.count - end <= 6
            && text.end(of: { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }, from: end + 1) == text.count
    }
}
