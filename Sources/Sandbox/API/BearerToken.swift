import Crypto
import FoundationEssentials

/// The JWT-shaped bearer of `GET /login` (upstream.md §1): HS256, under a secret that is no secret.
enum BearerToken {
    static func make(scope: Scope, subject: String, issued: Date, expires: Date) -> String {
        let header: JSON = ["alg": "HS256", "typ": "JWT"]
        let claims: JSON = [
            "account_id": .string(scope.account), "live_mode": .bool(scope.live), "iss": "FlatPeakAPI",
            "sub": .string(subject), "iat": .int(issued.epochSeconds), "nbf": .int(issued.epochSeconds),
            "exp": .int(expires.epochSeconds),
        ]
        let signed = base64URL(header.bytes) + "." + base64URL(claims.bytes)
        let key = SymmetricKey(data: Array("flatpeak-sandbox".utf8))
        let signature = HMAC<SHA256>.authenticationCode(for: Array(signed.utf8), using: key)
        return signed + "." + base64URL(Array(signature))
    }
}

/// Base64 in the URL alphabet without padding.
func base64URL(_ bytes: [UInt8]) -> String {
    String(
        Data(bytes).base64EncodedString().compactMap { character -> Character? in
            switch character {
            case "+": "-"
            case "/": "_"
            case "=": nil
            default: character
            }
        })
}
