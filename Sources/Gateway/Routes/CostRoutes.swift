import Core
import Flatpeak
import HTTPTypes
import Sessions

extension Route {
    /// The routes of what energy cost at one of the subject's locations.
    static func costs(_ reads: LocationReads) -> [Route] {
        [costsOfInterval(reads), costsOfSession(reads), costOfRecord(reads)]
    }

    /// `GET /v1/locations/{id}/costs`: what the energy between two instants cost.
    private static func costsOfInterval(_ reads: LocationReads) -> Route {
        ofLocation(.get, "/costs", .read, reads) { (exchange, access) throws(BFFError) in
            let start = try exchange.requiredInstant("start_time"), end = try exchange.requiredInstant("end_time")
            guard start < end else { throw .invalidField("end_time", reason: .notAfterStart) }
            let query = CostQuery(
                location: access.location,
                scope: .interval(
                    from: start, to: end, try exchange.queryItem("aggregation", as: CostQuery.Aggregation.self),
                    of: try exchange.queryItem("device_id", identifying: DeviceKind.self)),
                direction: try exchange.queryItem("direction", as: TariffDirection.self))
            return Reply(try await reads.costs(query, with: access))
        }
    }

    /// `GET /v1/locations/{id}/costs/sessions/{ref}`: what the energy of a session cost.
    private static func costsOfSession(_ reads: LocationReads) -> Route {
        ofLocation(.get, "/costs/sessions/{ref}", .read, reads) { (exchange, access) throws(BFFError) in
            let reference: ClientReference = try exchange.identifier("ref")
            let direction = try exchange.queryItem("direction", as: TariffDirection.self)
            return Reply(try await reads.costs(ofSession: reference, direction: direction, with: access))
        }
    }

    /// `POST /v1/locations/{id}/costs/simulate`: what the energy of a record costs, which is not stored.
    private static func costOfRecord(_ reads: LocationReads) -> Route {
        ofLocation(.post, "/costs/simulate", .calculation, reads) { (exchange, access) throws(BFFError) in
            Reply(try await reads.cost(of: try MeterRecordRequest.read(exchange.body), with: access))
        }
    }
}
