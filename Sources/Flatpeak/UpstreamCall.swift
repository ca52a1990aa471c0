import Core
import FoundationEssentials

/// One call as it is sent: an operation, and how an API version spells it.
struct UpstreamCall: Sendable {
    let operation: Operation
    let method: HTTPVerb
    /// With a slash at its beginning, and without a query.
    let path: String
    /// Method and path for the log: without the id at its end.
    let route: String
    /// Names and values that need no escaping.
    let query: [(String, String)]
    /// JSON.
    let body: [UInt8]?

    init(
        _ operation: Operation, _ method: HTTPVerb, _ path: String, of id: String? = nil,
        query: [(String, String)] = [], body: [UInt8]? = nil
    ) {
        self.operation = operation
        self.method = method
        self.path = id.map { "\(path)/\($0)" } ?? path
        route = "\(method.rawValue) \(path)\(id == nil ? "" : "/{id}")"
        self.query = query
        self.body = body
    }

    /// Path and query.
    var target: String {
        query.isEmpty ? path : path + "?" + query.map { "\($0)=\($1)" }.joined(separator: "&")
    }
}

/// The methods of Flatpeak's calls.
package enum HTTPVerb: String, Sendable {
    case GET, POST, PUT, DELETE
}

extension [UInt8] {
    /// A request's body.
    static func json(_ body: any Encodable) throws(BFFError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do { return Array(try encoder.encode(body)) } catch { throw .internalFailure }
    }
}

// Calls that are the same in all versions.

extension UpstreamCall {
    /// upstream.md §4.
    static let relay = UpstreamCall(.relay, .POST, "/")

    /// The cheapest call that needs the bearer and no location; any answer below 500 means that the API works.
    static let apiProbe = UpstreamCall(.apiProbe, .GET, "/events", query: [("limit", "1")])
    /// A session call without a token; any answer below 500 means that Connect works.
    static let relayProbe = UpstreamCall(.relayProbe, .POST, "/", body: Array("{}".utf8))

    /// upstream.md §5.4.
    static let keySet = UpstreamCall(.keySet, .GET, "/jwks.json")

    /// upstream.md §0.
    static func logo(_ digest: LogoDigest) -> UpstreamCall { UpstreamCall(.logo, .GET, "/\(digest).png") }

    /// upstream.md §5.3.
    static func events(_ query: [(String, String)]) -> UpstreamCall {
        UpstreamCall(.events, .GET, "/events", query: query)
    }

    /// upstream.md §5.3.
    static func event(_ id: EventID) -> UpstreamCall { UpstreamCall(.event, .GET, "/events/\(id)") }

    /// upstream.md §9.
    static func createLocation(_ location: LocationBody) throws(BFFError) -> UpstreamCall {
        try UpstreamCall(.createLocation, .POST, "/locations", body: .json(location))
    }

    /// upstream.md §9.
    static func locations(of reference: SessionID) -> UpstreamCall {
        UpstreamCall(.locations, .GET, "/locations", query: [("reference_id", reference.text)])
    }

    /// upstream.md §6.2.
    static func location(_ location: LocationID) -> UpstreamCall {
        UpstreamCall(.location, .GET, "/locations/\(location)")
    }

    /// upstream.md §6.1, the spelling that the public page documents.
    static func tariffElements(_ query: TariffQuery) -> UpstreamCall {
        UpstreamCall(.tariffs, .GET, "/tariffs/elements", query: query.items)
    }

    /// upstream.md §6.1, the spelling of the newer reference.
    static func tariffs(_ query: TariffQuery) -> UpstreamCall {
        UpstreamCall(.tariffs, .GET, "/tariffs", query: query.items)
    }

    /// upstream.md §6.7.
    /// - Parameter options: What a version needs besides.
    static func cost(of record: [UInt8], _ options: [(String, String)]) -> UpstreamCall {
        UpstreamCall(
            .costOfRecord, .POST, "/costs/instant", query: [("non_persistent", "true")] + options, body: record)
    }

    /// upstream.md §6.7.
    /// - Parameters:
    ///   - direction: The name of the tariff's direction.
    ///   - options: What a version needs besides.
    static func costs(
        _ query: CostQuery, directionAs direction: String, _ options: [(String, String)]
    ) throws(BFFError) -> UpstreamCall {
        var items: [(String, String)] = []
        if case .interval(_, _, let aggregation?, _) = query.scope {
            items.append(("aggregation", aggregation.rawValue))
        }
        if let wanted = query.direction { items.append((direction, wanted.rawValue)) }
        items += options
        switch query.scope {
        case .session(let reference):
            return UpstreamCall(.costsOfSession, .POST, "/costs/session/\(reference)", query: items)
        case .interval(let start, let end, _, let device):
            let owner = device?.text ?? query.location.text
            return try UpstreamCall(
                .costsOfInterval, .POST, "/costs/interval/\(owner)", query: items,
                body: .json(PeriodBody(start_time: start.utc, end_time: end.utc)))
        }
    }

    /// upstream.md §6.8.
    static func meterIntervals(_ records: [UInt8]) -> UpstreamCall {
        UpstreamCall(.meterIntervals, .PUT, "/meters/interval", body: records)
    }

    /// upstream.md §6.8.
    static func meterReadings(_ readings: [UInt8]) -> UpstreamCall {
        UpstreamCall(.meterReadings, .PUT, "/meters/cumulative/epoch", body: readings)
    }

    /// upstream.md §6.8.
    static func meterBatch(_ id: BatchID) -> UpstreamCall {
        UpstreamCall(.meterBatch, .GET, "/meters/batch", query: [("batch_id", id.text)])
    }

    /// upstream.md §6.9.
    static func createDevice(_ device: [UInt8]) -> UpstreamCall {
        UpstreamCall(.createDevice, .POST, "/devices", body: device)
    }

    /// upstream.md §6.9.
    static func devices(referencedAs reference: String) -> UpstreamCall {
        UpstreamCall(.devices, .GET, "/devices", query: [("reference_id", reference)])
    }

    /// upstream.md §6.9.
    static func device(_ id: DeviceID) -> UpstreamCall { UpstreamCall(.device, .GET, "/devices/\(id)") }

    /// upstream.md §6.9.
    static func deleteDevice(_ id: DeviceID) -> UpstreamCall {
        UpstreamCall(.deleteDevice, .DELETE, "/devices/\(id)")
    }
}

/// `POST /costs/interval/{id}` (upstream.md §6.7).
private struct PeriodBody: Encodable {
    let start_time: String
    let end_time: String
}
