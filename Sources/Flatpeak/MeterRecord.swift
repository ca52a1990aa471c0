package import Core

/// The energy of one period (upstream.md §6.7, §6.8).
package struct MeterRecord: Sendable, Hashable {
    package var location: LocationID
    package var device: DeviceID?
    package var units: EnergyUnits
    package var value: Double
    /// RFC 3339, with the client's own offset.
    package var start: String
    package var end: String
    package var flow: EnergyFlow?
    package var tariffDirection: TariffDirection?
    /// As Flatpeak is to have it: unique within the account.
    package var sessionReference: String?
    package var recordReference: String?
    /// From 0 to 1; below 1 the record is a forecast.
    package var confidence: Double?

    package init(
        location: LocationID, device: DeviceID? = nil, units: EnergyUnits, value: Double, start: String, end: String,
        flow: EnergyFlow? = nil, tariffDirection: TariffDirection? = nil, sessionReference: String? = nil,
        recordReference: String? = nil, confidence: Double? = nil
    ) {
        self.location = location
        self.device = device
        self.units = units
        self.value = value
        self.start = start
        self.end = end
        self.flow = flow
        self.tariffDirection = tariffDirection
        self.sessionReference = sessionReference
        self.recordReference = recordReference
        self.confidence = confidence
    }
}

/// The register of a meter at a number of instants (upstream.md §6.8).
package struct MeterReadings: Sendable, Equatable {
    package var location: LocationID
    package var device: DeviceID?
    package var sessionReference: String?
    package var flow: EnergyFlow?
    package var tariffDirection: TariffDirection?
    /// Watt hours or kilowatt hours.
    package var units: EnergyUnits
    package var readings: [Reading]

    /// What the register shows at one instant.
    package struct Reading: Codable, Sendable, Equatable {
        /// Seconds since 1970.
        package var time: Int
        package var value: Double
        package var record_reference_id: String?

        package enum CodingKeys: String, CodingKey, CaseIterable { case time, value, record_reference_id }

        package init(time: Int, value: Double, record_reference_id: String? = nil) {
            self.time = time
            self.value = value
            self.record_reference_id = record_reference_id
        }
    }

    package init(
        location: LocationID, device: DeviceID? = nil, sessionReference: String? = nil, flow: EnergyFlow? = nil,
        tariffDirection: TariffDirection? = nil, units: EnergyUnits, readings: [Reading]
    ) {
        self.location = location
        self.device = device
        self.sessionReference = sessionReference
        self.flow = flow
        self.tariffDirection = tariffDirection
        self.units = units
        self.readings = readings
    }
}

/// What meter records are measured in; watts are constant power over the record's period.
package enum EnergyUnits: String, Codable, Sendable, CaseIterable {
    case watts = "W"
    case kilowatts = "KW"
    case wattHours = "WH"
    case kilowattHours = "KWH"
}

/// Which way energy flowed, seen from the location.
package enum EnergyFlow: String, Codable, Sendable, CaseIterable {
    case inbound = "INBOUND"
    case outbound = "OUTBOUND"
}

/// The two directions of a record, which each version names in its own way (upstream.md §6.7).
struct MeterDirections: Encodable {
    var energy_flow_direction: EnergyFlow?
    var tariff_direction: TariffDirection?
    /// The older name of the flow, with other values.
    var direction: TariffDirection?
    /// The older name of the tariff's direction.
    var tariff_rate: TariffDirection?

    init(_ flow: EnergyFlow?, _ tariff: TariffDirection?) {
        (energy_flow_direction, tariff_direction) = (flow, tariff)
    }

    /// The older names.
    init(zero flow: EnergyFlow?, _ tariff: TariffDirection?) {
        (direction, tariff_rate) = (flow.map { $0 == .inbound ? .importing : .exporting }, tariff)
    }
}

/// A record, or what all readings of a register have in common.
struct MeterRecordBody: Encodable {
    let location_id: String
    let device_id: String?
    let units: EnergyUnits
    var value: Double?
    var start_time: String?
    var end_time: String?
    let directions: MeterDirections
    let session_reference_id: String?
    var record_reference_id: String?
    var confidence: Double?

    init(_ record: MeterRecord, _ directions: MeterDirections) {
        location_id = record.location.text
        device_id = record.device?.text
        units = record.units
        value = record.value
        start_time = record.start
        end_time = record.end
        self.directions = directions
        session_reference_id = record.sessionReference
        record_reference_id = record.recordReference
        confidence = record.confidence
    }

    init(_ readings: MeterReadings, _ directions: MeterDirections) {
        location_id = readings.location.text
        device_id = readings.device?.text
        units = readings.units
        self.directions = directions
        session_reference_id = readings.sessionReference
    }

    private enum CodingKeys: String, CodingKey {
        case location_id, device_id, units, value, start_time, end_time, session_reference_id, record_reference_id
        case confidence
    }

    func encode(to encoder: any Encoder) throws {
        try directions.encode(to: encoder)
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(location_id, forKey: .location_id)
        try fields.encodeIfPresent(device_id, forKey: .device_id)
        try fields.encode(units, forKey: .units)
        try fields.encodeIfPresent(value, forKey: .value)
        try fields.encodeIfPresent(start_time, forKey: .start_time)
        try fields.encodeIfPresent(end_time, forKey: .end_time)
        try fields.encodeIfPresent(session_reference_id, forKey: .session_reference_id)
        try fields.encodeIfPresent(record_reference_id, forKey: .record_reference_id)
        try fields.encodeIfPresent(confidence, forKey: .confidence)
    }
}
