import FoundationEssentials

/// Energy that a meter counted over a span of time, or a forecast of it (upstream.md §6.8).
struct MeterRecord: Equatable, Sendable {
    /// Which way the energy went.
    enum Flow: String, Sendable {
        case inbound = "INBOUND"
        case outbound = "OUTBOUND"

        init?(old: String) {
            switch old {
            case "IMPORT": self = .inbound
            case "EXPORT": self = .outbound
            default: return nil
            }
        }

        /// The name in a dialect.
        func name(_ dialect: Dialect) -> String {
            if dialect.hasNewerNames { return rawValue }
            return self == .inbound ? "IMPORT" : "EXPORT"
        }
    }

    /// What a record counts: records of one series replace each other.
    struct Series: Hashable, Sendable {
        let locationID: String
        /// Where both are given, the record is the device's.
        let deviceID: String?
        let flow: Flow
        let direction: Direction
        let session: String?
    }

    let series: Series
    /// Seconds since 1970.
    let start: Int
    let end: Int
    /// Seconds east of UTC of `end_time`.
    let offset: Int
    /// Watt hours.
    let energy: Double
    let reference: String?
    /// Less than 1 for a forecast.
    let confidence: Double
    /// Counts up, as records arrive.
    var number = 0

    var seconds: Int { end - start }
}

extension MeterRecord {
    /// The longest record: a choice, the documents have none.
    private static let longest = 366 * 86_400

    /// Reads a record of `POST /costs/instant` and `PUT /meters/interval`.
    init(_ fields: Fields, _ world: World, scope: Scope, _ dialect: Dialect) throws(Refusal) {
        series = try Series(fields, world, scope: scope, dialect)
        guard let unitsName = try fields.text("units") else { throw .invalid("units_missing", "units is required") }
        guard let units = EnergyUnits(rawValue: unitsName) else {
            throw .invalid("units_invalid", "units must be W, KW, WH or KWH")
        }
        guard fields.members["value"] != nil else { throw .invalid("value_missing", "value is required") }
        let value = try fields.number("value")
        guard value >= 0, value <= 1e12 else { throw .invalid("value_invalid", "value must not be negative") }
        let window = try TimeWindow(fields, zone: .utc)
        (start, end, offset) = (window.start.epochSeconds, window.end.epochSeconds, window.offset)
        guard start < end, end - start <= Self.longest else {
            throw .invalid("time_window_invalid", "A record must be of one second to 366 days")
        }
        energy = units.wattHours(value, seconds: end - start)
        reference = try fields.text("record_reference_id")
        if !dialect.hasNewerNames, let measurand = try fields.text("measurand"), measurand != "TRANSFERRED" {
            throw .invalid("measurand_invalid", "measurand must be TRANSFERRED")
        }
        confidence = try fields.members["confidence"] == nil ? 1 : fields.number("confidence")
        guard (0...1).contains(confidence) else {
            throw .invalid("confidence_invalid", "confidence must be between 0 and 1")
        }
    }
}

extension MeterRecord.Series {
    /// Reads whom a record is of, and which way energy flows.
    init(_ fields: Fields, _ world: World, scope: Scope, _ dialect: Dialect) throws(Refusal) {
        guard let id = try fields.text("location_id"), !id.isEmpty else {
            throw .invalid("location_id_missing", "location_id is required")
        }
        guard world.location(id, in: scope) != nil else {
            throw .invalid("location_not_found", "Location was not found")
        }
        locationID = id
        deviceID = try fields.text("device_id")
        if deviceID != nil {
            guard let device = world.device(deviceID, in: scope) else {
                throw .invalid("device_not_found", "Device was not found")
            }
            guard device.isAt(id) else {
                throw .invalid("device_id_invalid", "The device is at another location")
            }
        }
        flow = try Self.flow(fields, dialect)
        // In the older edition and in ZERO the price follows the flow where it is not named.
        let standard: Direction = !dialect.hasNewerNames && flow == .outbound ? .export : .import
        direction = try Direction(fields, [dialect.recordDirection], standard: standard)
        session = try fields.text("session_reference_id")
    }

    private static func flow(_ fields: Fields, _ dialect: Dialect) throws(Refusal) -> MeterRecord.Flow {
        if !dialect.isZero, let name = try fields.text("energy_flow_direction") {
            guard let flow = MeterRecord.Flow(rawValue: name) else {
                throw .invalid("energy_flow_direction_invalid", "energy_flow_direction must be INBOUND or OUTBOUND")
            }
            return flow
        }
        if !dialect.hasNewerNames, let name = try fields.text("direction") {
            guard let flow = MeterRecord.Flow(old: name) else {
                throw .invalid("direction_invalid", "direction must be IMPORT or EXPORT")
            }
            return flow
        }
        return .inbound
    }
}

/// The unit of a meter record; power means constant power over its time.
enum EnergyUnits: String {
    case watt = "W"
    case kilowatt = "KW"
    case wattHour = "WH"
    case kilowattHour = "KWH"

    func wattHours(_ value: Double, seconds: Int) -> Double {
        switch self {
        case .watt: value * Double(seconds) / 3600
        case .kilowatt: value * 1000 * Double(seconds) / 3600
        case .wattHour: value
        case .kilowattHour: value * 1000
        }
    }
}
