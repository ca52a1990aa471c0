package import Core
import Edge
package import HTTPTypes

/// One route of the HTTP surface: where it is, who may use it under which rules, and what it does.
///
/// A handler cannot be registered without a policy, and a handler that needs a subject cannot be reached without one.
package struct Route: Sendable {
    package let method: HTTPRequest.Method
    /// A path with `{name}` for what varies: a segment, or all of one but a suffix such as `.png`.
    ///
    /// This, never the path that came, goes to logs and metrics.
    package let template: String
    package let policy: RoutePolicy
    let handler: Handler

    /// Who may call; the handler's parameters say it.
    package enum Handler: Sendable {
        /// A signed-in user, for data that is the subject's own.
        case user(@Sendable (Exchange, Subject) async throws(BFFError) -> Reply)
        /// The holder of a connect token that we minted: the fast path answers, before the router sees the request.
        case connectTokenHolder
        /// Flatpeak, which signs what it sends. `check` refuses by the head what cannot be genuine, before the body is
        /// read; whether it is, the handler finds out (`signatureInvalid`).
        case flatpeak(
            check: @Sendable (HTTPRequest) throws(BFFError) -> Void,
            @Sendable (Exchange) async throws(BFFError) -> Reply)
        /// Anyone: no answer depends on a user. What more a route asks for, such as a ticket, is in the request.
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
