import COpenSSL
import Synchronization

/// The keys of `BFF_STATE_KEY`, with which connect tokens are sealed before they are written to disk: AES-256-GCM
/// (NIST SP 800-38D), a fresh nonce each time.
///
/// The first key seals, all of them open, so that one can be replaced without a break. They never print themselves.
package struct SealingKeys: Sendable, CustomStringConvertible, CustomReflectable {
    private struct Key {
        let id: [UInt8]
        let bytes: [UInt8]

        init(_ bytes: [UInt8]) {
            precondition(bytes.count == SealingKeys.keyLength)
            id = SealingKeys.id(of: bytes)
            self.bytes = bytes
        }
    }
    /// Shared by all copies, so that a key that is replaced is replaced for all.
    private final class Ring: Sendable {
        let keys: Mutex<[Key]>
        init(_ keys: [Key]) { self.keys = Mutex(keys) }
    }
    private let ring: Ring
    private var keys: [Key] { ring.keys.withLock { $0 } }
    private let randomBytes: @Sendable (Int) -> [UInt8]

    /// The length of a key, in bytes.
    package static let keyLength = 32
    /// The length of a key's id, in bytes.
    package static let idLength = 8
    private static let nonceLength = 12
    private static let tagLength = 16

    /// - Parameters:
    ///   - keys: At least one, each of ``keyLength`` bytes.
    ///   - randomBytes: A cryptographically secure source; makes nonces.
    package init(_ keys: [[UInt8]], randomBytes: @escaping @Sendable (Int) -> [UInt8]) {
        precondition(!keys.isEmpty)
        ring = Ring(keys.map { Key($0) })
        self.randomBytes = randomBytes
    }

    /// Seals under the first of `keys` from now on; those known before still open.
    /// - Parameter keys: At least one, each of ``keyLength`` bytes.
    package func adopt(_ keys: [[UInt8]]) {
        precondition(!keys.isEmpty)
        let new = keys.map { Key($0) }
        ring.keys.withLock { known in
            known = new + known.filter { old in !new.contains { $0.id == old.id } }
        }
    }

    /// The id of the key that seals.
    package var currentID: [UInt8] { keys[0].id }

    /// Whether what was sealed under the key of this id can be opened.
    package func knows(_ id: [UInt8]) -> Bool {
        keys.contains { $0.id == id }
    }

    /// Whether `sealed` names a key that is not known here, and that another node may have.
    package func isForeign(_ sealed: [UInt8]) -> Bool {
        let id = Array(sealed.prefix(Self.idLength))
        return Self.isID(id) && !knows(id)
    }

    /// Whether a key may have this id: what was damaged or emptied names none.
    private static func isID(_ bytes: [UInt8]) -> Bool { bytes.count == idLength && bytes.contains { $0 != 0 } }

    /// Whether these keys are those of a database: false for a wrong key, true when a single row is damaged.
    ///
    /// - Parameter used: How many rows are sealed under the key of an id. An id that no key has and that stands in one
    ///   row alone, beside rows that open, is damage of that row; so is one that no key can have, however often it stands.
    package func match(_ used: [[UInt8]: Int]) -> Bool {
        let used = used.filter { Self.isID($0.key) }
        let unknown = used.filter { !knows($0.key) }
        return unknown.isEmpty || (unknown.count < used.count && unknown.values.allSatisfy { $0 == 1 })
    }

    /// Seals `plaintext`, to be opened in the same `context` alone.
    /// - Returns: Key id, nonce, ciphertext and tag, in this order.
    package func seal(_ plaintext: some Sequence<UInt8>, context: some Sequence<UInt8>) -> [UInt8] {
        let key = keys[0]
        let nonce = randomBytes(Self.nonceLength)
        precondition(nonce.count == Self.nonceLength)
        guard let (ciphertext, tag) = Cipher.run(.seal, Array(plaintext), Array(context), key.bytes, nonce, tag: [])
        else { preconditionFailure("libcrypto has no AES-256-GCM; OpenSSL.requireVersion3() is called first") }
        return key.id + nonce + ciphertext + tag
    }

    /// Opens what ``seal(_:context:)`` made; nil when it was altered, moved to another context, or sealed under a key
    /// that is not known.
    package func open(_ sealed: [UInt8], context: some Sequence<UInt8>) -> [UInt8]? {
        guard sealed.count >= Self.idLength + Self.nonceLength + Self.tagLength,
            let key = keys.first(where: { $0.id == Array(sealed.prefix(Self.idLength)) })
        else { return nil }
        let rest = sealed.dropFirst(Self.idLength)
        return Cipher.run(
            .open, Array(rest.dropFirst(Self.nonceLength).dropLast(Self.tagLength)), Array(context), key.bytes,
            Array(rest.prefix(Self.nonceLength)), tag: Array(rest.suffix(Self.tagLength)))?.output
    }

    /// Distinguishes keys without revealing one.
    private static func id(of key: [UInt8]) -> [UInt8] {
        Array(Digest.sha256(Array("connect-bff state key ".utf8) + key).prefix(idLength))
    }

    package var description: String { "<sealing keys>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// One pass of AES-256-GCM through libcrypto's EVP interface.
private enum Cipher {
    case seal, open

    /// - Returns: The output and, when sealing, the tag; nil when the tag does not fit.
    static func run(
        _ direction: Cipher, _ input: [UInt8], _ context: [UInt8], _ key: [UInt8], _ nonce: [UInt8], tag: [UInt8]
    ) -> (output: [UInt8], tag: [UInt8])? {
        guard let cipher = unsafe EVP_CIPHER_CTX_new() else { return nil }
        defer { unsafe EVP_CIPHER_CTX_free(cipher) }
        let encrypts: Int32 = direction == .seal ? 1 : 0
        var length: Int32 = 0
        var output = [UInt8](repeating: 0, count: input.count)
        var tag = direction == .seal ? [UInt8](repeating: 0, count: 16) : tag
        let tagLength = Int32(tag.count)
        guard unsafe EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce, encrypts) == 1,
            unsafe EVP_CipherUpdate(cipher, nil, &length, context, Int32(context.count)) == 1,
            unsafe EVP_CipherUpdate(cipher, &output, &length, input, Int32(input.count)) == 1
        else { return nil }
        if direction == .open {
            guard unsafe EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, tagLength, &tag) == 1 else { return nil }
        }
        // The tag is judged here. GCM has no block left over, so nothing more comes out.
        var rest = [UInt8](repeating: 0, count: 16)
        guard unsafe EVP_CipherFinal_ex(cipher, &rest, &length) == 1 else { return nil }
        if direction == .seal {
            guard unsafe EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, tagLength, &tag) == 1 else { return nil }
        }
        return (output, tag)
    }
}
