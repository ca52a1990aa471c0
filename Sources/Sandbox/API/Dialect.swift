import FoundationEssentials

extension Sandbox {
    /// Which of the two stored editions of the ANODE documents the answers follow (upstream.md §6.6).
    package enum Edition: String, CaseIterable, Sendable {
        /// `price.average`, `cost`, `tariff_direction`, `energy_flow_direction`; schedules of 3 days at most.
        case newer
        /// `tariff.rate_avg`, `tariff`, `direction`; schedules of 90 days at most.
        case older
    }
}

/// The names of what calls take and answer: ZERO's, or those of an edition of the ANODE documents.
enum Dialect: Sendable {
    case zero, older, newer

    init(version: String, edition: Sandbox.Edition) {
        self = version.prefix(10) < "2025-09-14" ? .zero : edition == .older ? .older : .newer
    }

    /// Which price applies, in prices and schedules.
    var scheduleDirection: String { self == .newer ? "tariff_direction" : "direction" }
    /// The names under which a request may say so: the older edition takes the newer one's, too.
    var scheduleDirections: [String] { self == .older ? ["tariff_direction", "direction"] : [scheduleDirection] }
    /// Which price applies, in costs.
    var costDirection: String { self == .zero ? "direction" : "tariff_direction" }
    /// Which price applies to a meter record.
    var recordDirection: String { self == .zero ? "tariff_rate" : "tariff_direction" }
    /// Which way energy flows, in a meter record.
    var flowDirection: String { self == .newer ? "energy_flow_direction" : "direction" }
    /// The member that holds money.
    var cost: String { self == .newer ? "cost" : "tariff" }

    /// The longest window of a schedule, in days.
    var scheduleDays: Int { self == .newer ? 3 : 90 }

    /// The price of a row of a schedule.
    func average(_ value: Double, confidence: Double) -> [String: JSON] {
        self == .newer
            ? ["price": ["average": .double(value), "confidence": .double(confidence)]]
            : ["tariff": ["rate_avg": .double(value), "confidence": .double(confidence)]]
    }
}

/// One call of the API that is authorized: what every resource needs of it.
struct APICall: Sendable {
    let request: HTTPRequest
    /// The path parameter.
    let id: String?
    let scope: Scope
    let dialect: Dialect
    let now: Date

    var query: FormFields { request.query }

    /// The object of the body, or of the query where the version has a GET.
    func fields() throws(Refusal) -> Fields {
        guard request.method != "GET" else {
            return Fields(Dictionary(query.fields.map { ($0.name, .string($0.value)) }) { first, _ in first })
        }
        return try World.body(of: request)
    }
}
