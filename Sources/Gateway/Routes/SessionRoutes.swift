import ConnectPage
import Core
import Edge
import Flatpeak
import FoundationEssentials
import HTTPTypes
import Sessions

extension Route {
    /// `POST /v1/connect/sessions`: mints.
    static func mint(_ sessions: Sessions) -> Route {
        Route(
            .post, "/v1/connect/sessions", .mint,
            .user { (exchange, subject) throws(BFFError) in
                let launch = try await sessions.minter.mint(
                    exchange.body, as: try exchange.idempotencyKey(), for: subject,
                    isByOwnBackend: exchange.isByOwnBackend)
                return try .json(MintedSession(launch), status: .created)
            })
    }

    /// `GET /v1/connect/sessions/{id}`: the state of one of the subject's sessions.
    static func session(_ sessions: Sessions, now: @escaping @Sendable () -> Date) -> Route {
        Route(
            .get, "/v1/connect/sessions/{id}", .read,
            .user { (exchange, subject) throws(BFFError) in
                let session = try await sessions.outcomes.session(try exchange.identifier("id"), of: subject)
                return try .json(SessionView(session, session.outcome(at: now())))
            })
    }

    /// `POST /v1/connect/sessions/{id}/confirm`: redeems the code that the customer's document was given.
    static func confirm(_ sessions: Sessions, now: @escaping @Sendable () -> Date) -> Route {
        Route(
            .post, "/v1/connect/sessions/{id}/confirm", .confirmation,
            .user { (exchange, subject) throws(BFFError) in
                let session = try await sessions.confirmation.redeem(
                    try ConfirmationRequest.read(exchange.body), of: try exchange.identifier("id"), by: subject)
                return try .json(SessionView(session, session.outcome(at: now())))
            })
    }

    /// `POST /v1/connect/callback`: where a session ends in the document of the hosted page that holds it.
    ///
    /// No script of another origin can call it: JSON needs a preflight, which this route does not answer.
    static func documentCallback(_ sessions: Sessions) -> Route {
        Route(
            .post, "/v1/connect/callback", .ticket,
            .anyone { (exchange) throws(BFFError) in
                let request = try CallbackRequest.read(exchange.body)
                return try .json(EndedSession(try await sessions.confirmation.end(request.token, in: request.tab)))
            })
    }

    /// `GET /v1/connect/callback`: where a session ends in the browser.
    ///
    /// Always comes from another site, so no origin rule binds it. A script of the hosted Connect page asks for JSON,
    /// since it goes nowhere from a frame.
    static func callback(_ sessions: Sessions) -> Route {
        Route(
            .get, "/v1/connect/callback", .page,
            .anyone { (exchange) throws(BFFError) in
                // A link preview asks with HEAD; it must not end a session.
                if exchange.head.method == .head { return Reply(.ok) }
                guard let token = try exchange.queryItem("fp_cot").flatMap({ ConnectToken($0) }) else {
                    throw .connectTokenMissing
                }
                let result = try await sessions.outcomes.handleCallback(token)
                if exchange.head.prefersJSON {
                    return try .json(EndedSession(result, withReturnURL: false))
                }
                guard let url = result.url else { return .page(.ended) }
                return .goingBack(to: url, from: exchange.head)
            })
    }
}

/// The callback's answer to a script: what it adds to the return URL.
private struct EndedSession: Encodable {
    let session: String
    let status: String
    /// For the document that holds a session which needs a confirmation.
    let code: String?
    /// The return URL with all of them.
    let return_url: String?

    init(_ result: CallbackResult, withReturnURL: Bool = true) {
        session = result.session.text
        status = result.state.rawValue
        code = result.code?.exposed
        return_url = withReturnURL ? result.url : nil
    }

    private enum CodingKeys: String, CodingKey { case session, status, code, return_url }
}

/// The answer to a mint.
private struct MintedSession: Encodable {
    let id: String
    let object = "connect_session"
    let state: String
    /// `nil` for the hosted page, which exchanges the ticket in `launch_url`.
    let connect_token: String?
    let launch_url: String
    let expires_at: Date
    let live_mode: Bool

    init(_ launch: Launch) {
        id = launch.session.id.text
        state = SessionState.created.rawValue
        connect_token = launch.connectToken?.exposed
        launch_url = launch.launchURL
        expires_at = launch.session.expiresAt
        live_mode = launch.session.liveMode
    }

    private enum CodingKeys: String, CodingKey {
        case id, object, state, connect_token, launch_url, expires_at, live_mode
    }
}
