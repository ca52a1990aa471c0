/// A signature algorithm of JSON Web Signature (RFC 7518 section 3.1, RFC 8037 section 3.1).
///
/// Nothing symmetric, and never `none`.
package enum JWSAlgorithm: String, Sendable {
    case rs256 = "RS256"
    case ps256 = "PS256"
    case es256 = "ES256"
    case edDSA = "EdDSA"
}
