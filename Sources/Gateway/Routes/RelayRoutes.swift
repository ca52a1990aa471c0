import HTTPTypes
import Relay

extension Route {
    /// `POST /` and `POST /v1/connect`: the relay's policy, and its answers to other methods and to preflights.
    static let relay = Lane.paths.map { Route(.post, $0, .relay, .connectTokenHolder) }
}
