import Core
import HTTPTypes
import Sessions

extension Route {
    /// `PUT /v1/locations/{id}/meters/interval` and `/cumulative`: meter records of one of the subject's locations.
    static func meters(_ sessions: Sessions, _ form: Metering.Form, by callers: RoutePolicy.Callers) -> Route {
        Route(
            .put, "/v1/locations/{id}/meters/\(form.rawValue)", .upload.for(callers),
            .user { (exchange, subject) throws(BFFError) in
                let location: LocationID = try exchange.identifier("id")
                return Reply(
                    try await sessions.metering.submit(
                        exchange.body, form, as: try exchange.idempotencyKey(), at: location, for: subject))
            })
    }

    /// `GET /v1/locations/{id}/meters/batches/{batch}`: how far meter records of the subject's are processed.
    static func batch(_ sessions: Sessions) -> Route {
        Route(
            .get, "/v1/locations/{id}/meters/batches/{batch}", .read,
            .user { (exchange, subject) throws(BFFError) in
                let location: LocationID = try exchange.identifier("id")
                return .json(
                    try await sessions.metering.batch(
                        try exchange.identifier("batch"), at: location, for: subject))
            })
    }
}

extension Reply {
    /// The answer to a write, or to one that repeats it.
    init(_ answer: WriteAnswer) {
        self = .json(answer.body, status: HTTPResponse.Status(code: answer.status))
    }
}
