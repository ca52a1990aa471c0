import CryptoExtras
import Synchronization

/// The RSA-2048 key behind `/jwks.json` (upstream.md §5.4), made when it is first asked for.
final class WebhookKey: Sendable {
    private let keyID: String
    private let made = Mutex<JSON?>(nil)

    /// - Parameter id: 24 hex digits of the `kid`.
    init(id: String) { keyID = "wsk_test_" + id }

    /// The key set; throws where the key cannot be made.
    func keySet() throws -> JSON {
        try made.withLock { made in
            if let made { return made }
            let primitives = try _RSA.Signing.PrivateKey(keySize: .bits2048).publicKey.getKeyPrimitives()
            let key: JSON = [
                "kty": "RSA", "use": "sig", "alg": "PS256", "kid": .string(keyID),
                "n": .string(base64URL(Array(primitives.modulus))),
                "e": .string(base64URL(Array(primitives.publicExponent))),
            ]
            let keys: JSON = ["keys": [key]]
            made = keys
            return keys
        }
    }
}
