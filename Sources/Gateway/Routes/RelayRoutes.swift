import HTTPTypes

extension Route {
    /// Where the session relay is found; the first is what the reference web app calls.
    package static let relayPaths = ["/", "/v1/connect"]

    /// `POST /` and `POST /v1/connect`: the relay's policy, and its answers to other methods and to preflights.
    static let relay = relayPaths.map { Route(.post, $0, .relay, .connectTokenHolder) }
}
