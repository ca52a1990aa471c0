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

    /// The content of a token that is genuine and meant for us.
    struct Verified: Sendable {
        let subject: Subject
        let validity: Validity
    }

    /// The times of a token, in seconds since 1970.
    struct Validity: Sendable {
        /// `nbf`.
        let notBefore: TimeInterval?
        /// `exp`.
        let expiry: TimeInterval
        let leeway: TimeInterval

        /// The flaw of the token at `now`; nil while it is valid.
        func flaw(at now: Date) -> Flaw? {
            let seconds = now.timeIntervalSince1970
            guard seconds < expiry + leeway else { return .expired }
            if let notBefore, seconds < notBefore - leeway { return .notYetValid }
            return nil
        }
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

    /// Verifies that a token is genuine, meant for us and valid at `now`.
    ///
    /// The result depends on nothing but the parameters.
    static func verify(
        _ token: String, under keys: IdentityKeySet, _ expected: Expectations, at now: Date
    ) throws(Flaw) -> Verified {
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
        let validity = Validity(notBefore: claims.nbf, expiry: claims.exp, leeway: expected.leeway)
        if let flaw = validity.flaw(at: now) { throw flaw }
        guard let subject = claims.sub.flatMap(Subject.init) else { throw .noSubject }
        return Verified(subject: subject, validity: validity)
    }
}
