import Core
import FoundationEssentials
import Networking

/// `2025-09-14.anode`.
enum AnodeTable: VersionTable {
    static let isPreview = false

    static let login = [UpstreamCall(.login, .GET, "/login")]

    static func login(from answer: HTTPAnswer, at now: Date) throws(BFFError) -> LoginReply {
        try answer.decoded(as: LoginReply.self)
    }

    static let needsLocation = false

    static let hasActions = true

    static func mint(_ order: MintOrder) throws(BFFError) -> [UpstreamCall] {
        let body = MintBody.Anode(
            connect_url: order.connectURL, callback_url: order.callbackURL, tariff_direction: order.direction,
            tariff_type: order.type, location_id: order.location?.text, tariff_id: order.tariff?.text,
            actions: order.action.map {
                .init(edit_tariff: $0 == .edit ? true : nil, disconnect_tariff: $0 == .disconnect ? true : nil)
            },
            route_options: order.routeOptions, postal_address_type: order.postalAddressType,
            postal_address: order.postalAddress)
        return [try UpstreamCall(.mint, .POST, "/connect/token", body: .json(body))]
    }

    static func minted(from answer: HTTPAnswer, at now: Date) throws(BFFError) -> MintedToken {
        try answer.decoded(as: MintReply.self).token()
    }

    static func claim(_ token: ConnectToken) -> [UpstreamCall] {
        [UpstreamCall(.claim, .GET, "/connect/token", query: [("connect_token", token.exposed)])]
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

    static func prices(_ query: PriceQuery) throws(BFFError) -> [UpstreamCall] {
        [try UpstreamCall(.prices, .POST, "/prices/\(query.location)", body: .json(PricesBody(query)))]
    }

    static let isPendingInWords = false

    static func schedule(_ query: ScheduleQuery) throws(BFFError) -> [UpstreamCall] {
        let path = if case .duration = query.measure { "/schedules/duration" } else { "/schedules/limit" }
        return [
            try UpstreamCall(.schedule(query), .POST, "\(path)/\(query.location)", body: .json(ScheduleBody(query)))
        ]
    }

    static func schedule(_ order: AmountOrder) throws(BFFError) -> [UpstreamCall] {
        let path = "/schedules/amount/\(order.location)"
        return [try UpstreamCall(.scheduleAmount, .POST, path, body: .json(AmountBody(order)))]
    }

    static let longestScheduleDays = 3

    static func cost(of record: MeterRecord) throws(BFFError) -> UpstreamCall {
        .cost(of: try body(of: record), [])
    }

    static func costs(_ query: CostQuery) throws(BFFError) -> UpstreamCall {
        try .costs(query, directionAs: "tariff_direction", [])
    }

    static func body(of record: MeterRecord) throws(BFFError) -> [UInt8] {
        try .json(MeterRecordBody(record, MeterDirections(record.flow, record.tariffDirection)))
    }

    static func head(of readings: MeterReadings) throws(BFFError) -> [UInt8] {
        try .json(MeterRecordBody(readings, MeterDirections(readings.flow, readings.tariffDirection)))
    }

    static func body(of order: DeviceOrder) throws(BFFError) -> [UInt8] {
        try .json(
            DeviceBody(
                reference_id: order.reference, location_id: order.location.text, type: order.type,
                manufacturer: order.manufacturer, model_code: order.modelCode, model_name: order.modelName,
                pv_system: order.pvSystem))
    }
}
