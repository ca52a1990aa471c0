import CPostgres

/// A connection URL as libpq reads it (PostgreSQL documentation, section 34.1.1.2).
package struct PostgresURL: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    let text: String
    /// Whether what is sent could be read or altered on its way: TCP to another machine whose certificate is not checked.
    package let isExposed: Bool

    /// Nil for what libpq does not take; its own words may hold the password.
    package init?(_ text: String) {
        guard text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") else { return nil }
        guard let options = unsafe PQconninfoParse(text, nil) else { return nil }
        defer { unsafe PQconninfoFree(options) }
        var given: [String: String] = [:]
        var option = unsafe options
        while let keyword = unsafe option.pointee.keyword {
            if let value = unsafe option.pointee.val {
                given[unsafe String(cString: keyword)] = unsafe String(cString: value)
            }
            unsafe option += 1
        }
        let hosts = (given["host"] ?? given["hostaddr"] ?? "").split(separator: ",")
        let isLocal = hosts.allSatisfy { $0.hasPrefix("/") || ["localhost", "127.0.0.1", "::1"].contains($0) }
        isExposed = !isLocal && !["verify-full", "verify-ca"].contains(given["sslmode"])
        self.text = text
    }

    package var description: String { "<database URL>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
