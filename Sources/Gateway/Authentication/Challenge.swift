import Core
import HTTPTypes

/// How a caller may authenticate, as `WWW-Authenticate` names it (RFC 9110 section 11.6.1).
package enum AuthenticationScheme: String, Sendable {
    /// Users' tokens and service keys (RFC 6750).
    case bearer = "Bearer"
    /// A forward-auth proxy's header. No client can answer it: the proxy did not put its header on, or was bypassed.
    case forwardAuth = "Forward-Auth"
    /// Flatpeak's webhook deliveries.
    case flatpeakSignature = "Flatpeak-Signature"
    /// `X-Dev-Subject` of `connect-bff dev`.
    case development = "Dev"

    // Neither `Basic` nor `Digest` nor `Negotiate`: a browser would ask the user for a password.

    /// The challenge without an error.
    var challenge: String { "\(rawValue) realm=\"connect-bff\"" }
}

extension Authenticator {
    /// The challenges of a 401 to this caller, one for each scheme.
    ///
    /// `invalid_token` makes clients fetch another token (RFC 6750 section 3.1), so it is said only where a token was
    /// sent and may be the reason.
    func challenges(to caller: Caller) -> [String] {
        var seen: Set<AuthenticationScheme> = []
        return schemes.filter { seen.insert($0).inserted }.map { scheme in
            guard scheme == .bearer, caller.sendsBearer else { return scheme.challenge }
            // A good key whose request names no user, or names one in two ways.
            if isOwnBackend(caller) {
                return scheme.challenge
                    + ", error=\"invalid_request\", error_description=\"Name one user, in Connect-Subject alone\""
            }
            return scheme.challenge + ", error=\"invalid_token\""
        }
    }
}

extension Caller {
    /// Whether any `Authorization` field has the scheme `Bearer`, even where there are too many to take one.
    fileprivate var sendsBearer: Bool {
        head.headerFields[values: .authorization].contains { value in
            let scheme = value.utf8.prefix { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
            return scheme.count == 6 && String(Substring(scheme)).lowercased() == "bearer"
        }
    }
}

extension Reply {
    /// Adds the challenges that each 401 must have (RFC 9110 section 15.5.2).
    mutating func challenge(_ challenges: [String]) {
        for challenge in challenges { headers.append(HTTPField(name: .wwwAuthenticate, value: challenge)) }
    }
}
