import Core

/// The query of a URL.
package enum URLQuery {
    /// Adds query items to `url`, before its fragment.
    ///
    /// Deep links have queries too.
    /// - Parameter items: Values of unreserved characters alone (RFC 3986 section 2.3), such as tokens, ids and states:
    ///   they are not escaped here.
    package static func adding(_ items: [(name: String, value: String)], to url: String) -> String {
        let fragment = url.utf8.firstIndex(of: UInt8(ascii: "#")).map { url[$0...] } ?? ""
        let mark = UInt8(ascii: "?")
        var base = url.dropLast(fragment.count)
        // `https://host?query` is legal and looks broken; a deep link such as `myapp://connect` has no path to add.
        if base.hasBytePrefix("http"), base.utf8.count(where: { $0 == UInt8(ascii: "/") }) == 2,
            !base.utf8.contains(mark)
        {
            base += "/"
        }
        let query = items.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
        return base + (base.utf8.contains(mark) ? "&" : "?") + query + fragment
    }
}
