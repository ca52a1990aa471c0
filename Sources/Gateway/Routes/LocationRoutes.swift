import Core
import Flatpeak
import FoundationEssentials
import HTTPTypes
import Sessions

extension Route {
    /// `GET /v1/locations`: the subject's own.
    static func locations(_ sessions: Sessions) -> Route {
        Route(
            .get, "/v1/locations", .read,
            .user { (_, subject) throws(BFFError) in
                try .json(LocationList(try await sessions.locations.list(of: subject)))
            })
    }

    /// `DELETE /v1/locations/{id}`: forgets our binding.
    static func forgetLocation(_ sessions: Sessions) -> Route {
        Route(
            .delete, "/v1/locations/{id}", .change,
            .user { (exchange, subject) throws(BFFError) in
                try await sessions.locations.unbind(try exchange.identifier("id"), from: subject)
                return Reply(.noContent)
            })
    }

    /// `GET /v1/locations/{id}`: one of the subject's locations.
    static func location(_ reads: LocationReads) -> Route {
        ofLocation(.get, "", .read, reads) { (_, access) throws(BFFError) in
            Reply(try await reads.location(with: access))
        }
    }

    /// `GET /v1/locations/{id}/prices`: what energy costs at one of the subject's locations.
    static func prices(_ reads: LocationReads) -> Route {
        ofLocation(.get, "/prices", .read, reads) { (exchange, access) throws(BFFError) in
            let (start, end) = try exchange.period()
            let direction = try exchange.queryItem("direction", as: TariffDirection.self)
            return Reply(try await reads.prices(from: start, to: end, direction: direction, with: access))
        }
    }

    /// `GET /v1/locations/{id}/status`: how the tariffs of one of the subject's locations stand.
    static func locationStatus(_ reads: LocationReads) -> Route {
        ofLocation(.get, "/status", .read, reads) { (_, access) throws(BFFError) in
            Reply(try await reads.status(with: access))
        }
    }

    /// `GET /v1/tariffs/elements`: the tariffs of one of the subject's locations, under Flatpeak's own names.
    static func tariffs(_ reads: LocationReads) -> Route {
        Route(
            .get, "/v1/tariffs/elements", .read,
            .user { (exchange, subject) throws(BFFError) in
                guard let location = try exchange.queryItem("location_id", identifying: LocationKind.self) else {
                    throw .invalidField("location_id", reason: .missing)
                }
                let access = try await reads.access(to: location, for: subject)
                return Reply(try await reads.tariffs(try TariffQuery(exchange, at: location), with: access))
            })
    }

    /// A route about one of the subject's locations, below `/v1/locations/{id}`.
    ///
    /// For anyone else's it answers the 404 before the handler sees the request, and so before Flatpeak is asked (S12).
    static func ofLocation(
        _ method: HTTPRequest.Method, _ path: String, _ policy: RoutePolicy, _ reads: LocationReads,
        _ handle: @escaping @Sendable (Exchange, LocationAccess) async throws(BFFError) -> Reply
    ) -> Route {
        Route(
            method, "/v1/locations/{id}\(path)", policy,
            .user { (exchange, subject) throws(BFFError) in
                try await handle(exchange, try await reads.access(to: try exchange.identifier("id"), for: subject))
            })
    }
}

extension Reply {
    /// What was read; `Age` says when it is not from now.
    init(_ found: LocationReads.Response) {
        self = .json(found.action.map { found.body.adding("action_required", $0.rawValue) } ?? found.body)
        if let age = found.age { headers[.age] = String(age.saturatingWholeSeconds) }
    }
}

extension [UInt8] {
    /// This JSON object, which has members, with one more.
    fileprivate func adding(_ name: String, _ value: String) -> [UInt8] {
        guard let end = lastIndex(of: UInt8(ascii: "}")) else { return self }
        return Array(self[..<end]) + #","\#(name)":"\#(value)""#.utf8 + self[end...]
    }
}

extension TariffQuery {
    /// Reads the documented query (upstream.md §6.1); nothing else of the client's query travels.
    fileprivate init(_ exchange: Exchange, at location: LocationID) throws(BFFError) {
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
    /// `start_time` and `end_time`, at most 90 days apart (upstream.md §6.3).
    fileprivate func period() throws(BFFError) -> (start: Date?, end: Date) {
        let end = Date(try requiredInstant("end_time"))
        guard let start = try instant("start_time").map({ Date($0) }) else { return (nil, end) }
        guard start < end else { throw .invalidField("end_time", reason: .notAfterStart) }
        guard end.timeIntervalSince(start) <= LocationReads.longestPeriod else {
            throw .invalidField("end_time", reason: .tooFarFromStart)
        }
        return (start, end)
    }

    /// 1 to 100, as Flatpeak has it (upstream.md §6.5).
    fileprivate func limit() throws(BFFError) -> Int? {
        guard let text = try queryItem("limit") else { return nil }
        guard let limit = Int(text), (1...100).contains(limit), String(limit) == text else {
            throw .invalidField("limit", reason: .malformed)
        }
        return limit
    }
}

/// The locations of a subject.
private struct LocationList: Encodable {
    let object = "list"
    let data: [Item]

    struct Item: Encodable {
        let id: String
        let object = "location"
        let action_required: String?
        /// Missing where nothing has to be confirmed.
        let confirmation_required: Bool?
        private enum CodingKeys: String, CodingKey { case id, object, action_required, confirmation_required }
    }

    init(_ locations: [OwnedLocation]) {
        data = locations.map { location in
            Item(
                id: location.id.text, action_required: location.isHeld ? nil : location.action?.rawValue,
                confirmation_required: location.isHeld ? true : nil)
        }
    }

    private enum CodingKeys: String, CodingKey { case object, data }
}
