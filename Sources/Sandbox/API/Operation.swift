extension Sandbox {
    /// What the emulated hosts do, by the names that faults and recorded requests use.
    package enum Operation: String, CaseIterable, Sendable {
        case login, mint, claim, tariffs, status, prices, events, event, jwks, connect
        case location
        case locations
        case locationCreate = "location_create"
        case scheduleDuration = "schedule_duration"
        case scheduleLimit = "schedule_limit"
        case scheduleAmount = "schedule_amount"
        case costInstant = "cost_instant"
        case costSession = "cost_session"
        case costInterval = "cost_interval"
        case meterInterval = "meter_interval"
        case meterCumulative = "meter_cumulative"
        case meterBatch = "meter_batch"
        case devices
        case device
        case deviceCreate = "device_create"
        case deviceDelete = "device_delete"
        /// A request that matches no documented operation; in a fault, every operation.
        case any
    }
}

/// A documented path of the API host.
struct APIRoute: Equatable {
    let operation: Sandbox.Operation
    let method: String
    /// Where it is documented; elsewhere it is 404.
    let availability: Availability
    /// The path parameter, where the path has one.
    var id: String?

    /// The API versions, and of BUSBAR the edition, that have a path.
    enum Availability: Equatable {
        case all, zero, anode, beforeBusbar
        /// BUSBAR, in the newer form of a disagreement or in the older one.
        case newer(Sandbox.Disagreement)
        case older(Sandbox.Disagreement)

        func contains(_ dialect: Dialect) -> Bool {
            switch self {
            case .all: true
            case .zero: dialect.isZero
            case .anode: dialect.version == .anode
            case .beforeBusbar: !dialect.isBusbar
            case .newer(let disagreement): dialect.isBusbar && !dialect.isOlder(disagreement)
            case .older(let disagreement): dialect.isBusbar && dialect.isOlder(disagreement)
            }
        }
    }

    private struct Row {
        let operation: Sandbox.Operation
        let method: String
        let parts: [Substring]
        let availability: Availability

        init(_ operation: Sandbox.Operation, _ method: String, _ path: String, _ availability: Availability = .all) {
            (self.operation, self.method, self.availability) = (operation, method, availability)
            parts = path.dropFirst().split(separator: "/")
        }

        func matches(_ path: [Substring]) -> Bool {
            parts.count == path.count && zip(parts, path).allSatisfy { $0 == $1 || $0 == "*" }
        }
    }

    private static let table = [
        Row(.login, "GET", "/login", .beforeBusbar), Row(.login, "GET", "/login", .older(.login)),
        Row(.login, "POST", "/auth/tokens", .newer(.login)), Row(.jwks, "GET", "/jwks.json"),
        Row(.claim, "GET", "/connect/token", .beforeBusbar), Row(.mint, "POST", "/connect/token", .beforeBusbar),
        Row(.claim, "GET", "/connect/tariff/token", .zero), Row(.mint, "POST", "/connect/tariff/token", .zero),
        Row(.mint, "POST", "/connect", .newer(.mint)), Row(.mint, "POST", "/connect/sessions", .older(.mint)),
        Row(.claim, "GET", "/connect/*", .newer(.retrieval)),
        Row(.claim, "GET", "/connect/sessions", .older(.retrieval)),
        Row(.tariffs, "GET", "/tariffs"), Row(.tariffs, "GET", "/tariffs/elements", .beforeBusbar),
        Row(.events, "GET", "/events"), Row(.event, "GET", "/events/*"),
        Row(.locations, "GET", "/locations"), Row(.locationCreate, "POST", "/locations"),
        Row(.location, "GET", "/locations/*"), Row(.status, "GET", "/locations/*/status", .beforeBusbar),
        Row(.prices, "POST", "/prices/*", .beforeBusbar), Row(.prices, "GET", "/tariffs/rates/*", .zero),
        Row(.prices, "POST", "/prices", .newer(.prices)), Row(.prices, "POST", "/prices/*", .older(.prices)),
        Row(.scheduleDuration, "POST", "/schedules/duration/*", .anode),
        Row(.scheduleLimit, "POST", "/schedules/limit/*", .anode),
        Row(.scheduleAmount, "POST", "/schedules/amount/*", .anode),
        Row(.scheduleDuration, "POST", "/schedules/duration", .newer(.schedules)),
        Row(.scheduleLimit, "POST", "/schedules/limit", .newer(.schedules)),
        Row(.scheduleDuration, "POST", "/schedules/duration/*", .older(.schedules)),
        Row(.scheduleLimit, "POST", "/schedules/limit/*", .older(.schedules)),
        Row(.scheduleDuration, "GET", "/slots/time/*", .zero), Row(.scheduleLimit, "GET", "/slots/threshold/*", .zero),
        Row(.scheduleAmount, "POST", "/schedules", .zero),
        Row(.costInstant, "POST", "/costs/instant"), Row(.costSession, "POST", "/costs/session/*"),
        Row(.costInterval, "POST", "/costs/interval/*"),
        Row(.meterInterval, "PUT", "/meters/interval"), Row(.meterCumulative, "PUT", "/meters/cumulative/epoch"),
        Row(.meterBatch, "GET", "/meters/batch"),
        Row(.devices, "GET", "/devices"), Row(.deviceCreate, "POST", "/devices"),
        Row(.device, "GET", "/devices/*"), Row(.deviceDelete, "DELETE", "/devices/*"),
    ]

    /// The routes of a path, whatever the method and the version; those of one method have the same operation.
    static func all(of path: String) -> [APIRoute] {
        let parts = Array(path.split(separator: "/", omittingEmptySubsequences: false).dropFirst())
        return table.filter { $0.matches(parts) }.map { row in
            APIRoute(
                operation: row.operation, method: row.method, availability: row.availability,
                id: zip(row.parts, parts).first { $0.0 == "*" }.map { FormFields.decode($0.1) })
        }
    }
}
