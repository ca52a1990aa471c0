/// A SHA-256 digest as a value without storage of its own, such as a key of a table.
///
/// Comparison is not in constant time: use it for digests that are no secret.
package struct SHA256Digest: Hashable, Sendable {
    private let first: UInt64
    private let second: UInt64
    private let third: UInt64
    private let fourth: UInt64

    package init(of bytes: some Sequence<UInt8>) {
        // Safe: a digest has 32 bytes.
        (first, second, third, fourth) = unsafe Digest.sha256(bytes).withUnsafeBytes { digest in
            unsafe (
                digest.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
                digest.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
                digest.loadUnaligned(fromByteOffset: 16, as: UInt64.self),
                digest.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
            )
        }
    }
}
