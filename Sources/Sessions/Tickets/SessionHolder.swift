import Core
import Keys

/// The document that exchanged a session's ticket last, known by the SHA-256 of its tab key.
package struct SessionHolder: Sendable, Equatable {
    /// SHA-256: 32 bytes.
    package let digest: [UInt8]

    private static let tabKeyLength = 16

    /// Reads a stored holder.
    package init?(digest: [UInt8]) {
        guard digest.count == 32 else { return nil }
        self.digest = digest
    }

    /// Reads a tab key: 128 random bits in base64url, which the document makes and keeps to itself.
    package init?(tabKey text: String) {
        guard let key = [UInt8](base64URL: text.utf8), key.count == Self.tabKeyLength else { return nil }
        digest = Digest.sha256(key)
    }

    /// Whether both are one document; in constant time.
    func isSame(as other: SessionHolder) -> Bool { Digest.isEqual(digest, other.digest) }
}
