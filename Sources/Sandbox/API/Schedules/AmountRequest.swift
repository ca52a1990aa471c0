import FoundationEssentials

/// What a schedule by amount is asked for (upstream.md §6.6).
struct AmountRequest {
    /// A number with its unit, as the request has it.
    struct Quantity {
        let units: String
        let value: Double
        let json: JSON

        var isKilo: Bool { units.hasPrefix("K") }
        /// Watts or watt hours.
        var base: Double { isKilo ? value * 1000 : value }

        /// - Parameter units: `W` or `WH`; each may have a K before it.
        init?(_ name: String, in fields: Fields, units base: String) throws(Refusal) {
            guard let quantity = try fields.object(name) else { return nil }
            guard let units = try quantity.text("units"), units == base || units == "K" + base else {
                throw .invalid("\(name)_units_invalid", "\(name).units must be \(base) or K\(base)")
            }
            guard let value = try quantity.quantity("value"), value > 0, value <= 1e9 else {
                throw .invalid("\(name)_value_invalid", "\(name).value must be larger than zero")
            }
            (self.units, self.value) = (units, value)
            json = .object(quantity.members)
        }
    }

    struct Device {
        let id: String
        let direction: Direction
        let window: TimeWindow
        let power: Quantity
        let energy: Quantity
    }

    let power: Quantity
    let threshold: ScheduleRequest.Limit?
    let devices: [Device]

    /// A device that names no start may begin now.
    init(_ fields: Fields, _ call: APICall, zone: LocalZone) throws(Refusal) {
        guard let power = try Quantity("max_power", in: fields, units: "W") else {
            throw .invalid("max_power_missing", "max_power is required")
        }
        self.power = power
        threshold = try fields.object("shaving_threshold").flatMap { (limit) throws(Refusal) in
            try ScheduleRequest.Limit(limit)
        }
        guard let rows = fields.members["data"]?.array, (1...100).contains(rows.count) else {
            throw .dataInvalid("data must have 1 to 100 devices")
        }
        var devices: [Device] = []
        for row in rows { devices.append(try Device(Fields(row, named: "data"), power, call, zone: zone)) }
        self.devices = devices
    }
}

extension AmountRequest.Device {
    init(_ fields: Fields, _ limit: AmountRequest.Quantity, _ call: APICall, zone: LocalZone) throws(Refusal) {
        guard let id = try fields.text("device_id"), !id.isEmpty else {
            throw .invalid("device_id_missing", "device_id is required")
        }
        self.id = id
        direction = try Direction(fields, call.dialect.scheduleDirections)
        guard direction != .local else {
            throw .invalid("tariff_direction_invalid", "Tariff direction must be EXPORT or IMPORT")
        }
        window = try TimeWindow(fields, startingAt: call.now, days: call.dialect.scheduleDays, zone: zone)
        power = try AmountRequest.Quantity("max_power", in: fields, units: "W") ?? limit
        guard let energy = try AmountRequest.Quantity("energy", in: fields, units: "WH") else {
            throw .invalid("energy_missing", "energy is required")
        }
        self.energy = energy
    }
}
