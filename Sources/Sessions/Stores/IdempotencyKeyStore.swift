package import Core
package import FoundationEssentials

/// The durable store of idempotency keys, by subject.
///
/// Every call either answers or throws `storeUnavailable`.
package protocol IdempotencyKeyStore: Sendable {
    /// Takes a key for a mint, unless another mint holds it.
    /// - Returns: The mint that holds the key already; `nil` when it is now held by `mint`.
    func begin(
        _ mint: IdempotentMint, as key: IdempotencyKey, of subject: Subject, at now: Date
    ) async throws(BFFError) -> IdempotentMint?
    /// Releases a key whose mint failed, unless another mint holds it by now (``IdempotentMint/holder``).
    func release(_ key: MintKey, of subject: Subject) async throws(BFFError)
}

/// An idempotency key and its mint.
package struct MintKey: Sendable {
    package let key: IdempotencyKey
    package let mint: IdempotentMint

    package init(_ key: IdempotencyKey, _ mint: IdempotentMint) {
        self.key = key
        self.mint = mint
    }
}
