import Core
import FoundationEssentials
import Networking

/// `2026-08-01.busbar`, a preview: its documents' editions disagree, and each spelling that they have is tried, the newest
/// first (upstream.md §9).
enum BusbarTable: VersionTable {
    static let isPreview = true

    static let login = [UpstreamCall(.login, .POST, "/auth/tokens"), UpstreamCall(.login, .GET, "/login")]

    static func login(from answer: HTTPAnswer, at now: Date) throws(BFFError) -> LoginReply {
        try answer.decoded(as: BusbarLoginReply.self).login(at: now)
    }

    static let needsLocation = true

    static let hasActions = false

    /// The session is of no direction, no type and no tariff, and has no actions.
    static func mint(_ order: MintOrder) throws(BFFError) -> [UpstreamCall] {
        guard order.tariff == nil else { throw .invalidField("tariff_id", reason: .notListed) }
        guard order.action == nil else { throw .invalidField("action", reason: .notListed) }
        guard order.postalAddressType == nil else { throw .invalidField("postal_address_type", reason: .notListed) }
        var body = MintBody.Busbar(
            connect_url: order.connectURL, callback_url: order.callbackURL, location_id: order.location?.text)
        let newer = try UpstreamCall(.mint, .POST, "/connect", body: .json(body))
        // The newer edition has no such options.
        body.route_options = order.routeOptions
        return [newer, try UpstreamCall(.mint, .POST, "/connect/sessions", body: .json(body))]
    }

    static func minted(from answer: HTTPAnswer, at now: Date) throws(BFFError) -> MintedToken {
        try answer.decoded(as: BusbarSessionReply.self).token(at: now)
    }

    static func claim(_ token: ConnectToken) -> [UpstreamCall] {
        [
            UpstreamCall(.claim, .GET, "/connect", of: token.exposed),
            UpstreamCall(.claim, .GET, "/connect/sessions", query: [("connect_token", token.exposed)]),
        ]
    }

    static func claim(from answer: HTTPAnswer) throws(BFFError) -> Claim {
        switch try answer.decoded(as: ClaimReply.self).claim(flags: \.data_available, \.price_available) {
        // The session has its location from the start.
        case .located(let location, pricesAvailable: false): .undecided(location)
        case let claim: claim
        }
    }

    static let pages = ConnectPages(
        starts: ["session_start", "session_restore"], summaries: ["tariffs_summary", "tariff_summary"],
        pending: ["tariff_connection_pending"], ends: ["session_complete", "complete_tariff"])

    static func tariffs(_ query: TariffQuery) -> [UpstreamCall] { [.tariffs(query)] }

    /// There is no call of its own for it: the location says how its tariffs stand.
    static func status(of location: LocationID) -> UpstreamCall {
        UpstreamCall(.locationStatus, .GET, "/locations/\(location)")
    }

    static func status(from answer: HTTPAnswer) throws(BFFError) -> LocationStatus {
        let reply = try answer.decoded(as: BusbarLocationReply.self)
        return LocationStatus(slots: reply.slots, body: try .json(reply.status))
    }

    static func location(from answer: HTTPAnswer) throws(BFFError) -> [UInt8] {
        let location = try AnswerShape.location.answer(from: answer.bodyForClients())
        let status: [UInt8] = try .json(answer.decoded(as: BusbarLocationReply.self).statusTexts)
        return location.dropLast() + #","tariff_status":"#.utf8 + status + "}".utf8
    }

    static func prices(_ query: PriceQuery) throws(BFFError) -> [UpstreamCall] {
        [
            try UpstreamCall(.prices, .POST, "/prices", body: .json(PricesBody(query, hasLocation: true))),
            try UpstreamCall(.prices, .POST, "/prices", of: query.location.text, body: .json(PricesBody(query))),
        ]
    }

    static let isPendingInWords = false

    static func schedule(_ query: ScheduleQuery) throws(BFFError) -> [UpstreamCall] {
        let path = if case .duration = query.measure { "/schedules/duration" } else { "/schedules/limit" }
        return [
            try UpstreamCall(.schedule(query), .POST, path, body: .json(ScheduleBody(query, hasLocation: true))),
            try UpstreamCall(.schedule(query), .POST, path, of: query.location.text, body: .json(ScheduleBody(query))),
        ]
    }

    /// The documents of this version do not have it: as in the one before, and then as the other schedules are.
    static func schedule(_ order: AmountOrder) throws(BFFError) -> [UpstreamCall] {
        let path = "/schedules/amount"
        return [
            try UpstreamCall(.scheduleAmount, .POST, path, of: order.location.text, body: .json(AmountBody(order))),
            try UpstreamCall(.scheduleAmount, .POST, path, body: .json(AmountBody(order, hasLocation: true))),
        ]
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
        guard let reference = order.reference else { throw .invalidField("reference_id", reason: .missing) }
        guard let type = order.type else { throw .invalidField("type", reason: .missing) }
        // Which of its ratings that would be is not documented.
        guard order.pvSystem?.rated_power_kw == nil else {
            throw .invalidField("pv_system.rated_power_kw", reason: .notListed)
        }
        return try .json(
            BusbarDeviceBody(
                reference_id: reference, type: type, locations: [order.location.text],
                manufacturer: order.manufacturer, model_code: order.modelCode, model_name: order.modelName,
                properties: order.pvSystem.map { .init($0) }))
    }
}

/// `POST /auth/tokens`: the documents have its path alone, so each name of older logins is read.
private struct BusbarLoginReply: Decodable {
    let bearer_token: String?
    let token: String?
    let expires_in: FlexibleNumber?
    let time_expiry: String?
    let live_mode: Bool?

    func login(at now: Date) throws(BFFError) -> LoginReply {
        guard let bearer = bearer_token ?? token else { throw .upstreamInvalidAnswer }
        return LoginReply(
            bearer_token: bearer, expires_in: try .life(expires_in, until: time_expiry, at: now), live_mode: live_mode)
    }
}

/// `POST /connect` and `POST /connect/sessions`: the token is `id` or `connect_token`.
private struct BusbarSessionReply: Decodable {
    let id: String?
    let connect_token: String?
    let expires_in: FlexibleNumber?
    let time_expiry: String?
    let live_mode: Bool?

    func token(at now: Date) throws(BFFError) -> MintedToken {
        let texts = [id, connect_token].compactMap(\.self)
        guard let token = texts.first(where: { $0.hasBytePrefix("cot_") }).flatMap({ ConnectToken($0) }) else {
            throw .upstreamInvalidAnswer
        }
        let life = try FlexibleNumber.life(expires_in, until: time_expiry, at: now)
        return MintedToken(token: token, expiresIn: life.value, liveMode: live_mode ?? false)
    }
}

extension FlexibleNumber {
    /// Seconds from now: as given, or up to an instant.
    fileprivate static func life(
        _ seconds: FlexibleNumber?, until end: String?, at now: Date
    ) throws(BFFError) -> FlexibleNumber {
        if let seconds { return seconds }
        let end = end.flatMap { RFC3339Timestamp($0) }.map { Date(timeIntervalSince1970: Double($0.secondsSince1970)) }
        guard let end, let life = FlexibleNumber(end.timeIntervalSince(now)) else { throw .upstreamInvalidAnswer }
        return life
    }
}

/// `GET /locations/{id}`: what it says of the tariffs there.
private struct BusbarLocationReply: Decodable {
    let id: String?
    let live_mode: Bool?
    let tariff_elements: [Element]

    struct Element: Decodable {
        let status: String
        let tariff_id: String?
        let type: String?
        let direction: String?
        let temporary: Bool?
    }

    /// The slot's entry of the customer's own tariff.
    ///
    /// An estimate stands in for one that cannot be read any more: then there is an error, whatever its status.
    private func slot(_ type: String, _ direction: String) -> LocationStatusReply.Slot {
        let all = tariff_elements.filter { $0.type == type && $0.direction == direction }
        guard let one = all.first(where: { $0.temporary != true }) ?? all.first else {
            return .init(status: "NOT_CONNECTED", tariffID: nil)
        }
        let status = String(one.status.withoutBlankEnds)
        let isEstimate = one.temporary == true && TariffStatus(status) == .connected
        return .init(status: isEstimate ? TariffStatus.error.rawValue : status, tariffID: one.tariff_id)
    }

    var slots: LocationStatusReply.Slots {
        .init(
            commodity_import: slot("COMMODITY", "IMPORT"), commodity_export: slot("COMMODITY", "EXPORT"),
            non_commodity_import: slot("NON_COMMODITY", "IMPORT"),
            non_commodity_export: slot("NON_COMMODITY", "EXPORT"), local: nil)
    }

    private var named: [(name: String, slot: LocationStatusReply.Slot)] {
        let slots = slots
        return [
            ("commodity_import", slots.commodity_import), ("commodity_export", slots.commodity_export),
            ("non_commodity_import", slots.non_commodity_import), ("non_commodity_export", slots.non_commodity_export),
        ].compactMap { name, slot in slot.map { (name, $0) } }
    }

    /// The status of each slot, as the location has it for clients.
    var statusTexts: [String: String] {
        named.reduce(into: [:]) { $0[$1.name] = $1.slot.status }
    }

    /// The status as clients of the older versions read it.
    var status: Status {
        Status(
            id: id, live_mode: live_mode,
            tariff_status: named.reduce(into: [:]) { slots, one in
                slots[one.name] = .init(status: one.slot.status, tariff: one.slot.tariffID.map { .init(id: $0) })
            })
    }

    struct Status: Encodable {
        let id: String?
        let object = "location_status"
        let live_mode: Bool?
        let tariff_status: [String: Slot]

        private enum CodingKeys: CodingKey { case id, object, live_mode, tariff_status }

        struct Slot: Encodable {
            let status: String
            let tariff: Tariff?
        }

        struct Tariff: Encodable { let id: String }
    }
}

/// `POST /devices`.
private struct BusbarDeviceBody: Encodable {
    let reference_id: String
    let type: DeviceType
    let locations: [String]
    let manufacturer: String?
    let model_code: String?
    let model_name: String?
    let properties: Properties?

    struct Properties: Encodable {
        let pv_azimuth: Double?
        let pv_tilt: Double?
        let pv_terrain_shading: Bool?
        let pv_forecasts_enabled: Bool?
        let install_date: String?

        init(_ system: PVSystem) {
            pv_azimuth = system.azimuth
            pv_tilt = system.tilt
            pv_terrain_shading = system.terrain_shading
            pv_forecasts_enabled = system.forecasts?.enabled
            install_date = system.install_date
        }
    }
}
