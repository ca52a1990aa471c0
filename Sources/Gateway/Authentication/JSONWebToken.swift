import Core
import FoundationEssentials

/// A token of the app's identity provider (RFC 7519), taken apart and judged.
///
/// Pure: keys and time come in.
struct JSONWebToken {
    /// What a token must say.
    struct Expectations: Sendable {
        let issuer: String
        let audience: String
        /// How far clocks may differ, in seconds.
        let leeway: TimeInterval = 30
    }

    /// Why a token was refused; for the log.
    enum Flaw: String, Error {
        case malformed, wrongSignature, unknownKey, ambiguousKey, wrongIssuer, wrongAudience, expired, notYetValid,
            noSubject
    }

    /// The longest token that is looked at, in bytes: no head may be longer, and a longer one is 431.
    static let maximumLength = 16 << 10

    private struct Header: Decodable {
        let alg: String
        /// A hint (RFC 7515 section 4.1.4), which providers with one key leave out.
        let kid: String?
        /// Extensions that must be understood; none is.
        let crit: [String]?
    }

    private struct Claims: Decodable {
        let iss: String
        let sub: String?
        let aud: Audience
        let exp: Double
        let nbf: Double?
    }

    /// One audience, or several (RFC 7519 section 4.1.3).
    private struct Audience: Decodable {
        let names: [String]
        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            names = try (try? container.decode([String].self)) ?? [container.decode(String.self)]
        }
    }

    /// The subject of a token that is genuine, meant for us and valid at `now`.
    static func subject(
        of token: String, under keys: IdentityKeySet, _ expected: Expectations, at now: Date
    ) throws(Flaw) -> Subject {
        guard token.utf8.count <= maximumLength else { throw .malformed }
        let parts = token.splitBytes(at: ".")
        guard parts.count == 3, let head = [UInt8](base64URL: parts[0].utf8),
            let body = [UInt8](base64URL: parts[1].utf8), let signature = [UInt8](base64URL: parts[2].utf8),
            let header = try? JSONDecoder().decode(Header.self, from: Data(head)), header.crit == nil
        else { throw .malformed }
        switch keys.verify(
            signature, of: Array(token.utf8.prefix(parts[0].utf8.count + 1 + parts[1].utf8.count)), keyID: header.kid,
            algorithm: header.alg)
        {
        case .unknownKey: throw .unknownKey
        case .ambiguous: throw .ambiguousKey
        case .bad: throw .wrongSignature
        case .good: break
        }
        // Only now is anything in it believed.
        guard let claims = try? JSONDecoder().decode(Claims.self, from: Data(body)) else { throw .malformed }
        guard claims.iss.equalsBytes(of: expected.issuer) else { throw .wrongIssuer }
        guard claims.aud.names.contains(where: { $0.equalsBytes(of: expected.audience) }) else { throw .wrongAudience }
        let seconds = now.timeIntervalSince1970
        guard seconds < claims.exp + expected.leeway else { throw .expired }
        if let notBefore = claims.nbf, seconds < notBefore - expected.leeway { throw .notYetValid }
        guard let subject = claims.sub.flatMap(Subject.init) else { throw .noSubject }
        return subject
    }
}
