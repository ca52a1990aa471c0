import COpenSSL

/// The system's libcrypto, which every cryptographic operation of the service goes through.
package enum OpenSSL {
    /// The library that is loaded, as it calls itself.
    package static var version: String {
        unsafe String(cString: OpenSSL_version(OPENSSL_VERSION))
    }

    /// Checks the library that was loaded, which need not be the one the program was built against.
    /// - Throws: ``TooOld`` below 3.0, whose RSA-PSS and AES-GCM interfaces differ.
    package static func requireVersion3() throws(TooOld) {
        guard OPENSSL_version_major() >= 3 else { throw TooOld(found: version) }
    }

    /// The loaded libcrypto is older than 3.0.
    package struct TooOld: Error, CustomStringConvertible {
        let found: String
        package var description: String {
            "OpenSSL 3.0 or later is needed, the system loaded \"\(found)\"; install a current libssl."
        }
    }
}
