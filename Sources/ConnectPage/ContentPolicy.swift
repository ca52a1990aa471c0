/// The values of `Content-Security-Policy` (CSP level 3).
enum ContentPolicy {
    /// A document of the page: its own files and calls alone, and no markup from text.
    /// - Parameter ancestors: The origins whose pages may frame it.
    static func document(framedBy ancestors: [String]) -> String {
        let frames = ancestors.isEmpty ? "'none'" : ancestors.joined(separator: " ")
        return """
            default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
            base-uri 'none'; form-action 'none'; frame-ancestors \(frames); require-trusted-types-for 'script'; \
            trusted-types 'none'
            """
    }

    /// An image that may be an SVG, which is a document where a browser opens it: it runs nothing and loads nothing.
    ///
    /// Styles are not named, and so allowed: Firefox and Safari apply the policy to the image in a page, too, and most
    /// logos are styled within their file.
    static let image = """
        sandbox; script-src 'none'; connect-src 'none'; font-src data:; frame-src 'none'; img-src data:; \
        manifest-src 'none'; media-src 'none'; object-src 'none'; worker-src 'none'; base-uri 'none'; \
        form-action 'none'; frame-ancestors 'none'
        """
}
