import CBuild
import Keys

/// What was built, from what, and with what it runs.
enum Build {
    static var description: String {
        let commit = unsafe String(cString: connect_bff_commit())
        // The patch is that of the interface of Swift's library, and not the compiler's.
        let swift = "\(_SwiftStdlibVersion.current)".split(separator: ".").prefix(2).joined(separator: ".")
        return "connect-bff \(CONNECT_BFF_VERSION) (commit \(commit), Swift \(swift), \(OpenSSL.version))"
    }
}
