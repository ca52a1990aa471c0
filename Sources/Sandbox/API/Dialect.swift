import FoundationEssentials

extension Sandbox {
    /// Which of the two stored editions of the ANODE documents the answers follow (upstream.md §6.6).
    package enum Edition: String, CaseIterable, Sendable {
        /// `price.average`, `cost`, `tariff_direction`, `energy_flow_direction`; schedules of 3 days at most.
        case newer
        /// `tariff.rate_avg`, `tariff`, `direction`; schedules of 90 days at most.
        case older
    }

    /// What the stored editions of the BUSBAR documents say in two ways (upstream.md §9): the newer first, then the older.
    package enum Disagreement: String, CaseIterable, Sendable {
        /// `POST /auth/tokens`, or `GET /login`.
        case login
        /// `bearer_token` of a login, or `token`: its answer is not documented.
        case bearer
        /// `time_expiry` of a login, or `expires_in`.
        case bearerExpiry = "bearer_expiry"
        /// `POST /connect`, or `POST /connect/sessions`.
        case mint
        /// The connect token as `id` of a whole session, or as `connect_token`.
        case token
        /// `time_expiry` of a new session, or `expires_in`.
        case expiry
        /// `GET /connect/{connect_token}`, or `GET /connect/sessions?connect_token=`.
        case retrieval
        /// `data_available`, or `price_available`.
        case flag
        /// `POST /prices`, or `POST /prices/{id}` with `request` and `next_update` in the answer.
        case prices
        /// `POST /schedules/duration` and `/limit`, or with the location in the path.
        case schedules
        /// `tariffs_summary` with `tariffs` and `RECONNECT`, or `tariff_summary` with `tariff_status`, `CHANGE` and
        /// `RETRY`.
        case summary
    }
}

extension Sandbox {
    /// Whether a text has the form of a version's name, such as `2025-09-14.anode`.
    package static func isVersion(_ name: String) -> Bool {
        name.prefix(10).split(separator: "-").map(\.count) == [4, 2, 2]
    }
}

/// The versions of the API that the sandbox speaks.
enum APIVersion: Comparable, Sendable {
    case zero, anode, busbar

    /// The version of a name; one of a date between two is the older of them.
    init(named name: String) {
        let date = name.prefix(10)
        self = date < "2025-09-14" ? .zero : date < "2026-08-01" ? .anode : .busbar
    }
}

/// What calls take and answer in a version: all that differs between versions and editions is here and in
/// ``ConnectRoute``.
struct Dialect: Sendable {
    let version: APIVersion
    /// Of ANODE.
    private let edition: Sandbox.Edition
    /// Of BUSBAR.
    private let older: Set<Sandbox.Disagreement>

    init(_ version: APIVersion, edition: Sandbox.Edition = .newer, older: Set<Sandbox.Disagreement> = []) {
        (self.version, self.edition, self.older) = (version, edition, older)
    }

    var isZero: Bool { version == .zero }
    var isBusbar: Bool { version == .busbar }
    /// The names of the newer ANODE edition, which BUSBAR keeps; else those of the older one, which ZERO began.
    var hasNewerNames: Bool { isBusbar || version == .anode && edition == .newer }
    /// The older edition takes the newer one's names, too.
    var takesBothNames: Bool { version == .anode && edition == .older }

    /// Whether a version of BUSBAR says something in the older way.
    func isOlder(_ disagreement: Sandbox.Disagreement) -> Bool { older.contains(disagreement) }

    // MARK: - Logins and sessions

    /// The bearer of a login.
    var bearer: String { isBusbar && isOlder(.bearer) ? "token" : "bearer_token" }
    /// Whether a call for a session answers the whole of it, and not only its token.
    var hasWholeSessions: Bool { isBusbar && !isOlder(.token) }
    /// Whether a session can be read before it is completed.
    var readsOpenSessions: Bool { isBusbar && !isOlder(.retrieval) }

    /// The price flag of a session, and of the event that completes one.
    var priceFlag: String { isBusbar && !isOlder(.flag) ? "data_available" : "price_available" }
    /// The `object` of a session.
    var sessionObject: String { isBusbar ? "connect_session" : "connect_token" }

    /// The members that say when something ends: an instant, or seconds.
    func expiry(_ disagreement: Sandbox.Disagreement, at expires: Date, after seconds: TimeInterval) -> [String: JSON] {
        isBusbar && !isOlder(disagreement)
            ? ["time_expiry": .string(Timestamp.utc(expires))] : ["expires_in": .int(Int(seconds))]
    }

    // MARK: - Energy

    /// Which price applies, in prices and schedules.
    var scheduleDirection: String { hasNewerNames ? "tariff_direction" : "direction" }
    /// The names under which a request may say so.
    var scheduleDirections: [String] { takesBothNames ? ["tariff_direction", "direction"] : [scheduleDirection] }
    /// Which price applies, in costs.
    var costDirection: String { isZero ? "direction" : "tariff_direction" }
    /// Which price applies to a meter record.
    var recordDirection: String { isZero ? "tariff_rate" : "tariff_direction" }
    /// Which way energy flows, in a meter record.
    var flowDirection: String { hasNewerNames ? "energy_flow_direction" : "direction" }
    /// The member that holds money.
    var cost: String { hasNewerNames ? "cost" : "tariff" }

    /// The longest window of a schedule, in days.
    var scheduleDays: Int { hasNewerNames ? 3 : 90 }

    /// The price of a row of a schedule.
    func average(_ value: Double, confidence: Double) -> [String: JSON] {
        let confidence = JSON.double(confidence)
        if isBusbar { return ["price": ["value": .double(value), "confidence": confidence], "vpp_event": false] }
        return hasNewerNames
            ? ["price": ["average": .double(value), "confidence": confidence]]
            : ["tariff": ["rate_avg": .double(value), "confidence": confidence]]
    }

    /// Whether prices repeat what was asked for, and say when there will be others.
    var pricesEchoRequest: Bool { !isBusbar || isOlder(.prices) }
    /// Whether schedules do; in BUSBAR's newer edition one by limit says when there will be others all the same.
    var schedulesEchoRequest: Bool { !isBusbar || isOlder(.schedules) }
}

extension World {
    /// The dialect of a version, by the editions that are set.
    func dialect(of version: String) -> Dialect {
        Dialect(APIVersion(named: version), edition: edition, older: olderEditions)
    }
}

/// One call of the API that is authorized: what every resource needs of it.
struct APICall: Sendable {
    let request: HTTPRequest
    /// The path parameter.
    let id: String?
    let scope: Scope
    /// The name of the version in which it is answered.
    let version: String
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

    /// The location of a call: in the path, or in the body where the path names none.
    func locationID() throws(Refusal) -> String {
        if let id { return id }
        guard let id = try fields().text("location_id"), !id.isEmpty else {
            throw .invalid("location_id_missing", "location_id is required")
        }
        return id
    }
}
