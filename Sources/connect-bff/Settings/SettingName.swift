/// The names under which settings are given.
enum SettingName {
    /// Variables: those of all settings, and the `_FILE` twins of the secrets.
    static let variables = Setting.all.flatMap { $0.isSecret ? [$0.variable, $0.twin] : [$0.variable] }

    /// Keys in YAML, such as `bff.publicUrl`.
    static let keys = variables.map { Setting.path(of: $0).joined(separator: ".") }

    /// The top-level mappings of the keys: `bff` and `flatpeak`.
    static let sections = Set(keys.map { String($0.prefix { $0 != "." }) })

    /// Warnings about variables that look like settings and are none, ordered by name.
    static func warnings(about environment: [String: String]) -> [String] {
        let known = Set(variables)
        return environment.filter { name, value in
            ["FLATPEAK_", "BFF_"].contains { name.uppercased().hasPrefix($0) } && !known.contains(name)
                && !isServiceLink(name, value)
        }.keys.sorted().map { "\($0) is not a setting\(nearest(to: $0, among: variables))" }
    }

    /// `; the nearest is NAME`.
    ///
    /// Case and separators do not count: `BFF_ALLOWED_HOSTS` as a key in YAML is nearest to `bff.allowedHosts`.
    static func nearest(to name: String, among names: [String]) -> String {
        let wanted = letters(name)
        let nearest = names.min { distance(letters($0), wanted) < distance(letters($1), wanted) }
        return nearest.map { "; the nearest is \($0)" } ?? ""
    }

    private static func letters(_ name: String) -> [UInt8] {
        name.lowercased().utf8.filter { !"_-.".utf8.contains($0) }
    }

    /// The Levenshtein distance, in bytes.
    static func distance(_ source: [UInt8], _ target: [UInt8]) -> Int {
        // The distances from the processed prefix of `source` to each prefix of `target`.
        var row = Array(0...target.count)
        for byte in source {
            var next = [(row.first ?? 0) + 1]
            for ((diagonal, above), other) in zip(zip(row, row.dropFirst()), target) {
                next.append(min(diagonal + (byte == other ? 0 : 1), above + 1, (next.last ?? 0) + 1))
            }
            row = next
        }
        return row.last ?? 0
    }

    /// Whether it is a service link of Kubernetes, for a service whose name begins with `bff` or `flatpeak`.
    ///
    /// A pod has such variables of every service of its namespace unless `enableServiceLinks` is false.
    private static func isServiceLink(_ name: String, _ value: String) -> Bool {
        name.hasSuffix("_SERVICE_HOST") || name.hasSuffix("_SERVICE_PORT") || name.contains("_SERVICE_PORT_")
            || name.contains(/_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/)
            || (name.hasSuffix("_PORT") && value.contains(/^(tcp|udp|sctp):\/\//))
    }
}
