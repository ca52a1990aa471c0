import Core
import HTTPTypes
import Flatpeak
import Sessions

extension Route {
    /// `GET /v1/locations/{id}/status`: how the tariffs of one of the subject's locations stand.
    static func locationStatus(_ sessions: Sessions, _ flatpeak: FlatpeakClient) -> Route {
        Route(
            .get, "/v1/locations/{id}/status", .read,
            .user { (exchange, subject) throws(BFFError) in
                let location: LocationID = try exchange.identifier("id")
                try await sessions.requireOwned(location, by: subject)
                return .json(try await flatpeak.status(of: location).body)
            })
    }

    /// `GET /v1/tariffs/elements`: the tariffs of one of the subject's locations, under Flatpeak's own names.
    static func tariffs(_ sessions: Sessions, _ flatpeak: FlatpeakClient) -> Route {
        Route(
            .get, "/v1/tariffs/elements", .read,
            .user { (exchange, subject) throws(BFFError) in
                let query = try TariffQuery(exchange)
                try await sessions.requireOwned(query.location, by: subject)
                return .json(try await flatpeak.tariffs(query))
            })
    }
}

extension TariffQuery {
    /// Reads the documented query (upstream.md §6.1); nothing else of the client's query travels.
    fileprivate init(_ exchange: Exchange) throws(BFFError) {
        guard let location = try exchange.queryItem("location_id", identifying: LocationKind.self) else {
            throw .invalidField("location_id", reason: .missing)
        }
        let after = try exchange.queryItem("starting_after", identifying: Cursor.self)
        let before = try exchange.queryItem("ending_before", identifying: Cursor.self)
        guard after == nil || before == nil else { throw .invalidField("ending_before", reason: .excluded) }
        self.init(
            location: location,
            direction: try exchange.queryItem("direction", as: TariffDirection.self),
            type: try exchange.queryItem("type", as: TariffType.self),
            page: after.map { .startingAfter($0) } ?? before.map { .endingBefore($0) },
            limit: try exchange.limit())
    }
}

extension Exchange {
    /// 1 to 100, as Flatpeak has it (upstream.md §6.5).
    fileprivate func limit() throws(BFFError) -> Int? {
        guard let text = try queryItem("limit") else { return nil }
        guard let limit = Int(text), (1...100).contains(limit), String(limit) == text else {
            throw .invalidField("limit", reason: .malformed)
        }
        return limit
    }
}
