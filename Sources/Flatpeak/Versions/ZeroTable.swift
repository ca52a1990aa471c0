import Core
import FoundationEssentials
import Networking

/// `2024-08-24.zero`.
enum ZeroTable: VersionTable {
    static let isPreview = false

    static let login = [UpstreamCall(.login, .GET, "/login")]

    static func login(from answer: HTTPAnswer, at now: Date) throws(BFFError) -> LoginReply {
        try answer.decoded(as: LoginReply.self)
    }

    static let needsLocation = false

    static let hasActions = false

    static func mint(_ order: MintOrder) throws(BFFError) -> [UpstreamCall] {
        guard order.tariff == nil else { throw .invalidField("tariff_id", reason: .notListed) }
        guard order.postalAddressType == nil else { throw .invalidField("postal_address_type", reason: .notListed) }
        guard order.action == nil else { throw .invalidField("action", reason: .notListed) }
        guard order.routeOptions == nil else { throw .invalidField("options", reason: .notListed) }
        let body = MintBody.Zero(
            connect_web_uri: order.connectURL, callback_uri: order.callbackURL, direction: order.direction,
            type: order.type, location_id: order.location?.text, postal_address: order.postalAddress)
        return [try UpstreamCall(.mint, .POST, "/connect/tariff/token", body: .json(body))]
    }

    static func minted(from answer: HTTPAnswer, at now: Date) throws(BFFError) -> MintedToken {
        try answer.decoded(as: MintReply.self).token()
    }

    static func claim(_ token: ConnectToken) -> [UpstreamCall] {
        [UpstreamCall(.claim, .GET, "/connect/tariff/token", query: [("connect_token", token.exposed)])]
    }

    static func claim(from answer: HTTPAnswer) throws(BFFError) -> Claim {
        try answer.decoded(as: ClaimReply.self).claim(
            flags: \.price_available, \.tariff_available, \.is_tariff_processed)
    }

    static let pages = ConnectPages(
        starts: ["session_start", "session_restore"], summaries: ["tariff_summary"],
        pending: ["tariff_connection_pending"], ends: ["session_complete", "complete_tariff"])

    static func tariffs(_ query: TariffQuery) -> [UpstreamCall] {
        [.tariffElements(query), .tariffs(query)]
    }

    static func status(of location: LocationID) -> UpstreamCall {
        UpstreamCall(.locationStatus, .GET, "/locations/\(location)/status")
    }

    static func status(from answer: HTTPAnswer) throws(BFFError) -> LocationStatus {
        try LocationStatus(
            slots: answer.decoded(as: LocationStatusReply.self).tariff_status, body: answer.bodyForClients())
    }

    static func location(from answer: HTTPAnswer) throws(BFFError) -> [UInt8] {
        try AnswerShape.location.answer(from: answer.bodyForClients())
    }

    static func prices(_ query: PriceQuery) -> [UpstreamCall] {
        var items = [("end_time", query.end.utc)]
        if let start = query.start { items.append(("start_time", start.utc)) }
        if let direction = query.direction { items.append(("direction", direction.rawValue)) }
        return [UpstreamCall(.prices, .GET, "/tariffs/rates/\(query.location)", query: items + costOptions)]
    }

    static let isPendingInWords = true

    static func schedule(_ query: ScheduleQuery) -> [UpstreamCall] {
        let path = if case .duration = query.measure { "/slots/time" } else { "/slots/threshold" }
        return [UpstreamCall(.schedule(query), .GET, "\(path)/\(query.location)", query: query.items)]
    }

    static func schedule(_ order: AmountOrder) throws(BFFError) -> [UpstreamCall] {
        [try UpstreamCall(.scheduleAmount, .POST, "/schedules", body: .json(AmountBody(zero: order)))]
    }

    static let longestScheduleDays = 90

    static func cost(of record: MeterRecord) throws(BFFError) -> UpstreamCall {
        .cost(of: try body(of: record), costOptions)
    }

    static func costs(_ query: CostQuery) throws(BFFError) -> UpstreamCall {
        try .costs(query, directionAs: "direction", costOptions)
    }

    /// What asks for costs, and for prices: they are left out otherwise (upstream.md §6.3, §6.7).
    private static let costOptions = [("include_tariff", "true")]

    static func body(of record: MeterRecord) throws(BFFError) -> [UInt8] {
        try .json(MeterRecordBody(record, MeterDirections(zero: record.flow, record.tariffDirection)))
    }

    static func head(of readings: MeterReadings) throws(BFFError) -> [UInt8] {
        try .json(MeterRecordBody(readings, MeterDirections(zero: readings.flow, readings.tariffDirection)))
    }

    static func body(of order: DeviceOrder) throws(BFFError) -> [UInt8] {
        guard order.type == nil else { throw .invalidField("type", reason: .notListed) }
        guard order.manufacturer == nil else { throw .invalidField("manufacturer", reason: .notListed) }
        guard order.modelCode == nil else { throw .invalidField("model_code", reason: .notListed) }
        guard order.modelName == nil else { throw .invalidField("model_name", reason: .notListed) }
        guard order.pvSystem == nil else { throw .invalidField("pv_system", reason: .notListed) }
        return try .json(DeviceBody(reference_id: order.reference))
    }
}
