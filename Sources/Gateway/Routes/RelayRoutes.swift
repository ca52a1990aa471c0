import Core
import Flatpeak
import HTTPTypes
import Relay

extension Route {
    /// `POST /` and `POST /v1/connect`: the relay.
    ///
    /// The first is what the reference web app calls.
    static func relay(_ relay: Relay) -> [Route] {
        ["/", "/v1/connect"].map { path in
            Route(
                .post, path, .relay,
                .connectTokenHolder { exchange in
                    do throws(Relay.Refusal) {
                        let answer = try await relay.pass(
                            exchange.body, acceptLanguage: exchange.head.headerFields[.acceptLanguage],
                            via: exchange.head.headerFields[values: .via])
                        var reply = Reply(
                            .init(code: answer.status), contentType: "application/json; charset=utf-8",
                            body: answer.body)
                        if let seconds = answer.retryAfter { reply.headers[.retryAfter] = String(seconds) }
                        return reply
                    } catch {
                        return .failure(error.error, in: .connect, id: exchange.id, connectToken: error.connectToken)
                    }
                })
        }
    }
}
