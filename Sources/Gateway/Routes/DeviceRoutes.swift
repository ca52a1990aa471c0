import Core
import HTTPTypes
import Sessions

extension Route {
    /// `GET /v1/locations/{id}/devices`: what the subject created at one of its locations.
    static func devices(_ sessions: Sessions) -> Route {
        Route(
            .get, "/v1/locations/{id}/devices", .read,
            .user { (exchange, subject) throws(BFFError) in
                .json(try await sessions.devices.list(at: try exchange.identifier("id"), for: subject))
            })
    }

    /// `POST /v1/locations/{id}/devices`: creates a device.
    static func createDevice(_ sessions: Sessions, by callers: RoutePolicy.Callers) -> Route {
        Route(
            .post, "/v1/locations/{id}/devices", .write.for(callers),
            .user { (exchange, subject) throws(BFFError) in
                let location: LocationID = try exchange.identifier("id")
                return Reply(
                    try await sessions.devices.create(
                        exchange.body, as: try exchange.idempotencyKey(), at: location, for: subject))
            })
    }

    /// `DELETE /v1/locations/{id}/devices/{device}`: deletes a device.
    static func deleteDevice(_ sessions: Sessions, by callers: RoutePolicy.Callers) -> Route {
        Route(
            .delete, "/v1/locations/{id}/devices/{device}", .change.for(callers),
            .user { (exchange, subject) throws(BFFError) in
                let location: LocationID = try exchange.identifier("id")
                try await sessions.devices.delete(try exchange.identifier("device"), at: location, for: subject)
                return Reply(.noContent)
            })
    }
}
