import NIOSSL
import Networking

/// How connections to Flatpeak are secured: verified, by TLS 1.2 or later.
///
/// One value serves them all, since making one reads and parses every root certificate of the system.
package struct UpstreamTLS: Sendable {
    let context: NIOSSLContext

    /// - Parameter certificateAuthorities: Certificates in PEM to trust instead of the system's roots.
    package init(certificateAuthorities: [UInt8]? = nil) throws {
        context = try NIOSSLContext(configuration: .flatpeak(certificateAuthorities: certificateAuthorities))
    }
}
