package import Core
import Keys

/// A name of a subject where others may read it: the first 64 bits of its SHA-256.
///
/// Every role of a database may listen to its notifications, Flatpeak keeps references, and a subject may be an address
/// of a person.
package struct SubjectDigest: Hashable, Sendable {
    private let bits: UInt64

    package init(_ subject: Subject) {
        bits = Digest.sha256(subject.text.utf8).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Reads the hexadecimal digits of ``text``.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count <= 16, let bits = UInt64(text, radix: 16) else { return nil }
        self.bits = bits
    }

    /// At most 16 lower-case hexadecimal digits; references at Flatpeak hold it, so it stays the same.
    package var text: String { String(bits, radix: 16) }
}
