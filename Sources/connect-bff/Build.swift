import CBuild
import Keys

/// The version of the program, of its sources, of Swift and of OpenSSL.
enum Build {
    static var description: String {
        let commit = unsafe String(cString: connect_bff_commit())
        // The patch number is that of the standard library's interface, and not the compiler's.
        let swift = "\(_SwiftStdlibVersion.current)".split(separator: ".").prefix(2).joined(separator: ".")
        return "connect-bff \(CONNECT_BFF_VERSION) (commit \(commit), Swift \(swift), \(OpenSSL.version))"
    }
}
