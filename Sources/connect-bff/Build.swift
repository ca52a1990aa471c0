import CBuild
import Core
import Keys
import Logging

/// What was built, and what it runs with: for `--version`, `/status`, the metric and the first line of the log.
struct Build: Sendable, Encodable {
    let version: String
    let commit: String
    let swift: String
    let openssl: String

    static let current = Build(
        version: ProductVersion.current, commit: unsafe String(cString: connect_bff_commit()),
        // The patch number is that of the standard library's interface, and not the compiler's.
        swift: "\(_SwiftStdlibVersion.current)".split(separator: ".").prefix(2).joined(separator: "."),
        openssl: OpenSSL.version)

    /// The text of `--version`.
    var description: String { "connect-bff \(version) (commit \(commit), Swift \(swift), \(openssl))" }

    /// The facts by name, as labels of a metric.
    var labels: [(String, String)] {
        [("commit", commit), ("openssl", openssl), ("swift", swift), ("version", version)]
    }

    /// The facts as metadata of a log line.
    var metadata: Logger.Metadata {
        [
            "bff.commit": "\(commit)", "bff.openssl": "\(openssl)", "bff.swift": "\(swift)",
            "bff.version": "\(version)",
        ]
    }
}
