package import Core
package import Edge
package import HTTPTypes

/// One route of the HTTP surface: where it is, who may use it under which rules, and what it does.
///
/// A handler cannot be registered without a policy, and a handler that needs a subject cannot be reached without one.
package struct Route: Sendable {
    package let method: HTTPRequest.Method
    /// A path with `{name}` for what varies.
    ///
    /// This, never the path that came, goes to logs and metrics.
    package let template: String
    package let policy: RoutePolicy
    let handler: Handler

    /// Who may call; the handler's parameters say it.
    package enum Handler: Sendable {
        /// A signed-in user, for data that is the subject's own.
        case user(@Sendable (Exchange, Subject) async throws(BFFError) -> Reply)
        /// The holder of a connect token that we minted: the relay's fast path answers, before the router sees the request.
        case connectTokenHolder
        /// Flatpeak, which signs what it sends. `check` refuses by the head what cannot be genuine, before the body is
        /// read; whether it is, the handler finds out (`signatureInvalid`).
        case flatpeak(
            check: @Sendable (HTTPRequest) throws(BFFError) -> Void,
            @Sendable (Exchange) async throws(BFFError) -> Reply)
        /// Anyone: nothing here is anybody's.
        case anyone(@Sendable (Exchange) async throws(BFFError) -> Reply)
    }

    /// - Parameter template: Starts with a slash and does not end with one, unless it is the root.
    package init(
        _ method: HTTPRequest.Method, _ template: String, _ policy: RoutePolicy, _ handler: Handler
    ) {
        self.method = method
        self.template = template
        self.policy = policy
        self.handler = handler
    }
}

/// The rules of a route.
package struct RoutePolicy: Sendable {
    /// The form of its errors.
    package var dialect: ErrorDialect
    package var origins: Origins
    /// The longest body that is read, in bytes.
    ///
    /// Only routes that take JSON have one.
    package var bodyLimit: Int?

    /// Whether the route is refused while too many requests are under way.
    ///
    /// Probes answer always.
    package var isShed = true

    /// Whether it answers under any name, since probes come to an address.
    package var isProbe = false

    /// What a subject may not do too often here.
    package var limit: Limit?

    package enum Limit: Sendable { case mint }

    package enum Origins: Sendable {
        /// Scripts of the listed origins may read answers (CORS).
        case listed
        /// No script of another origin may.
        case none
    }

    /// Reads of a user's data.
    package static let read = RoutePolicy(dialect: .problem, origins: .listed)
    /// Calls of a user that change something and have no body.
    package static let change = RoutePolicy(dialect: .problem, origins: .listed)
    /// Mints: JSON, and not too often.
    package static let mint = RoutePolicy(dialect: .problem, origins: .listed, bodyLimit: 64 << 10, limit: .mint)
    /// The session relay.
    package static let relay = RoutePolicy(dialect: .connect, origins: .listed, bodyLimit: 64 << 10)
    /// Pages that a browser navigates to, from anywhere.
    package static let page = RoutePolicy(dialect: .page, origins: .none)
    /// Flatpeak's deliveries: not shed with users' requests, and with slots of their own.
    package static let delivery = RoutePolicy(
        dialect: .problem, origins: .none, bodyLimit: 256 << 10, isShed: false, isProbe: false)
    /// Documents and probes.
    package static let open = RoutePolicy(dialect: .problem, origins: .none, isShed: false, isProbe: true)
}
