import CryptoExtras
import FoundationEssentials
import Synchronization

/// The RSA-2048 keys that deliveries are signed with and that stand behind `/jwks.json` (upstream.md §5.4), made when
/// they are first needed.
final class WebhookKeys: Sendable {
    fileprivate struct Key {
        let id: String
        let isLive: Bool
        let secret: _RSA.Signing.PrivateKey
    }

    private struct State {
        /// The newest last.
        var keys: [Key] = []
        var number = 0
    }

    private let firstID: String
    private let state = Mutex(State())

    /// - Parameter id: 24 hex digits of the first key's `kid`; later ones count on from it.
    init(id: String) { firstID = id }

    /// The key set; throws where a key cannot be made.
    func keySet() throws -> JSON {
        try state.withLock { state in
            _ = try newest(live: false, in: &state)
            return ["keys": .array(try state.keys.map { try $0.json })]
        }
    }

    /// A signature of PS256 by the newest key of the mode.
    func sign(_ message: [UInt8], live: Bool) throws -> (keyID: String, signature: [UInt8]) {
        try state.withLock { state in
            let key = try newest(live: live, in: &state)
            let signature = try key.secret.signature(for: Data(message), padding: .PSS)
            return (key.id, Array(signature.rawRepresentation))
        }
    }

    /// Makes a new key for each mode that has one; those before it stay in the key set unless they are retired.
    func rotate(retiring: Bool) throws {
        try state.withLock { state in
            let modes = Set(state.keys.map(\.isLive)).union([false])
            let made = try modes.sorted { !$0 && $1 }.map { try make(live: $0, in: &state) }
            state.keys = (retiring ? [] : state.keys) + made
        }
    }

    private func newest(live: Bool, in state: inout State) throws -> Key {
        if let key = state.keys.last(where: { $0.isLive == live }) { return key }
        let key = try make(live: live, in: &state)
        state.keys.append(key)
        return key
    }

    private func make(live: Bool, in state: inout State) throws -> Key {
        defer { state.number += 1 }
        return Key(
            id: (live ? "wsk_live_" : "wsk_test_") + firstID + (state.number == 0 ? "" : "_\(state.number)"),
            isLive: live, secret: try _RSA.Signing.PrivateKey(keySize: .bits2048))
    }
}

extension WebhookKeys.Key {
    fileprivate var json: JSON {
        get throws {
            let numbers = try secret.publicKey.getKeyPrimitives()
            return [
                "kty": "RSA", "use": "sig", "alg": "PS256", "kid": .string(id),
                "n": .string(base64URL(Array(numbers.modulus))), "e": .string(base64URL(Array(numbers.publicExponent))),
            ]
        }
    }
}
