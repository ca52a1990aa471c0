import Core
package import FoundationEssentials

/// The URLs between which a session sends a customer, and the lifetime of sessions and idempotency keys.
///
/// The operator sets them, never a client.
package struct SessionSettings: Sendable {
    /// `BFF_PUBLIC_URL` with the callback's path: the end of every session in the browser.
    package let callbackURL: String
    /// The frontends in which the Connect UI runs; the first is the default.
    package let apps: [ConnectApp]
    /// The hosted Connect page; `nil` when the operator turned it off.
    package var hostedPage: ConnectApp? { apps.first(where: \.isHosted) }
    /// The only URLs to which a customer may be sent after a session; the first is the default.
    package let returnURLs: [String]
    /// Whether sessions of the hosted page need a confirmation.
    package let confirmation: ConfirmationRule
    /// How long a session is kept after its mint, in seconds.
    package let sessionLife: TimeInterval
    /// How long an idempotency key is kept, in seconds; at most as long as its token lives.
    package let idempotencyLife: TimeInterval

    /// - Parameter apps: At least one.
    package init(
        callbackURL: String, apps: [ConnectApp], returnURLs: [String], sessionLife: TimeInterval = 90 * 86400,
        idempotencyLife: TimeInterval = .infinity, confirmation: ConfirmationRule = .off
    ) {
        precondition(!apps.isEmpty, "there is no session without a frontend")
        self.confirmation = confirmation
        self.sessionLife = sessionLife
        self.idempotencyLife = idempotencyLife
        self.callbackURL = callbackURL
        self.apps = apps
        self.returnURLs = returnURLs
    }

    func app(named name: String?) throws(BFFError) -> ConnectApp {
        guard let name else { return apps[0] }
        guard let app = apps.first(where: { $0.name.equalsBytes(of: name) }) else {
            throw .invalidField("app", reason: .notListed)
        }
        return app
    }

    func returnURL(asked: String?) throws(BFFError) -> String? {
        guard let asked else { return returnURLs.first }
        guard let listed = returnURLs.first(where: { $0.equalsBytes(of: asked) }) else {
            throw .invalidField("return_url", reason: .notListed)
        }
        return listed
    }
}

/// Which sessions of the hosted page need a confirmation.
package enum ConfirmationRule: Sendable {
    case off
    case required
    /// All but those that the operator's own backend vouches for.
    case optional
}

/// A frontend: its name in mint requests, and its web address or deep link.
package struct ConnectApp: Sendable, Equatable {
    package let name: String
    package let url: String
    /// Whether it is the Connect page of this service, which gets a ticket in place of the connect token.
    package let isHosted: Bool

    package init(name: String, url: String) {
        self.name = name
        self.url = url
        isHosted = false
    }

    /// The Connect page of this service.
    /// - Parameter publicURL: `BFF_PUBLIC_URL`, without a slash at its end.
    package init(hostedAt publicURL: String) {
        name = Self.hostedName
        url = publicURL + Self.hostedPath
        isHosted = true
    }

    /// The name of the hosted page in mint requests.
    package static let hostedName = "page"
    /// Where the hosted page is, below `BFF_PUBLIC_URL`.
    package static let hostedPath = "/connect"
}
