extension Sandbox {
    /// What the emulated hosts do, by the names that faults and recorded requests use.
    package enum Operation: String, CaseIterable, Sendable {
        case login, mint, claim, tariffs, status, prices, events, event, jwks, connect
        case location
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
    /// The API versions that have it; elsewhere it is 404.
    let versions: Versions
    /// The path parameter, where the path has one.
    var id: String?

    enum Versions {
        case all, zero, anode

        func contain(_ dialect: Dialect) -> Bool {
            switch self {
            case .all: true
            case .zero: dialect == .zero
            case .anode: dialect != .zero
            }
        }
    }

    private struct Row {
        let operation: Sandbox.Operation
        let method: String
        let parts: [Substring]
        let versions: Versions

        init(_ operation: Sandbox.Operation, _ method: String, _ path: String, _ versions: Versions = .all) {
            (self.operation, self.method, self.versions) = (operation, method, versions)
            parts = path.dropFirst().split(separator: "/")
        }

        func matches(_ path: [Substring]) -> Bool {
            parts.count == path.count && zip(parts, path).allSatisfy { $0 == $1 || $0 == "*" }
        }
    }

    private static let table = [
        Row(.login, "GET", "/login"), Row(.jwks, "GET", "/jwks.json"),
        Row(.claim, "GET", "/connect/token"), Row(.mint, "POST", "/connect/token"),
        Row(.claim, "GET", "/connect/tariff/token", .zero), Row(.mint, "POST", "/connect/tariff/token", .zero),
        Row(.tariffs, "GET", "/tariffs"), Row(.tariffs, "GET", "/tariffs/elements"),
        Row(.events, "GET", "/events"), Row(.event, "GET", "/events/*"),
        Row(.location, "GET", "/locations/*"), Row(.status, "GET", "/locations/*/status"),
        Row(.prices, "POST", "/prices/*"), Row(.prices, "GET", "/tariffs/rates/*", .zero),
        Row(.scheduleDuration, "POST", "/schedules/duration/*", .anode),
        Row(.scheduleLimit, "POST", "/schedules/limit/*", .anode),
        Row(.scheduleAmount, "POST", "/schedules/amount/*", .anode),
        Row(.scheduleDuration, "GET", "/slots/time/*", .zero), Row(.scheduleLimit, "GET", "/slots/threshold/*", .zero),
        Row(.scheduleAmount, "POST", "/schedules", .zero),
        Row(.costInstant, "POST", "/costs/instant"), Row(.costSession, "POST", "/costs/session/*"),
        Row(.costInterval, "POST", "/costs/interval/*"),
        Row(.meterInterval, "PUT", "/meters/interval"), Row(.meterCumulative, "PUT", "/meters/cumulative/epoch"),
        Row(.meterBatch, "GET", "/meters/batch"),
        Row(.devices, "GET", "/devices"), Row(.deviceCreate, "POST", "/devices"),
        Row(.device, "GET", "/devices/*"), Row(.deviceDelete, "DELETE", "/devices/*"),
    ]

    /// The route of a path, of the method where there is one; nil for an unknown path.
    init?(path: String, method: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        let found = Self.table.filter { $0.matches(Array(parts)) }
        guard let row = found.first(where: { $0.method == method }) ?? found.first else { return nil }
        (operation, self.method, versions) = (row.operation, row.method, row.versions)
        id = zip(row.parts, parts).first { $0.0 == "*" }.map { FormFields.decode($0.1) }
    }
}
