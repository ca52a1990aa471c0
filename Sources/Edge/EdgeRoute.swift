/// What the edge knows of a route.
package struct EdgeRoute: Sendable {
    /// A path with `{name}` for what varies.
    package let template: String
    package let dialect: ErrorDialect
    /// Whether it answers under any host name, since probes come to an address.
    package let isProbe: Bool

    package init(template: String, dialect: ErrorDialect, isProbe: Bool) {
        self.template = template
        self.dialect = dialect
        self.isProbe = isProbe
    }

    /// In logs and metrics, in the place of a template, where no route was found.
    package static let none = "NotFound"
}

/// The form of an error.
package enum ErrorDialect: Sendable {
    /// RFC 9457 problem details.
    case problem
    /// Flatpeak's error object, which the Connect web app shows.
    case connect
    /// A page for a customer's browser.
    case page
}
