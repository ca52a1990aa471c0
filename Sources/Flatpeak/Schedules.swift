package import Core
package import FoundationEssentials

/// When energy is cheap or dear at a location (upstream.md §6.6).
package struct ScheduleQuery: Hashable, Sendable {
    package var location: LocationID
    package var start: Date
    package var end: Date
    package var segment: PriceSegment
    package var measure: Measure
    package var direction: TariffDirection?

    /// What the schedule is to give.
    package enum Measure: Hashable, Sendable {
        /// So many minutes in all.
        case duration(minutes: Int)
        /// Every period beyond a price, from 0.01 for the lowest of the window to 1 for the highest.
        case relative(Double)
        /// Every period beyond a price of one kWh, in the currency's major unit.
        case absolute(Double)
    }

    package init(
        location: LocationID, start: Date, end: Date, segment: PriceSegment, measure: Measure,
        direction: TariffDirection? = nil
    ) {
        self.location = location
        self.start = start
        self.end = end
        self.segment = segment
        self.measure = measure
        self.direction = direction
    }

    /// The kind of the answer.
    var object: String {
        if case .duration = measure { "schedule_duration" } else { "schedule_limit" }
    }

    /// The query of the version that asks with GET.
    ///
    /// Names and values need no escaping.
    var items: [(String, String)] {
        var items = [
            ("start_time", start.utc), ("end_time", end.utc),
            ("segment", segment.rawValue),
        ]
        switch measure {
        case .duration(let minutes): items.append(("duration", String(minutes)))
        case .relative(let part): items.append(("relative", Self.plain(part)))
        case .absolute(let price): items.append(("absolute", Self.plain(price)))
        }
        if let direction { items.append(("direction", direction.rawValue)) }
        return items
    }

    /// A number that needs no escaping: a plus would be read as a blank.
    private static func plain(_ number: Double) -> String { "\(number)".replacing("+", with: "") }
}

/// Which side of the prices is of interest.
package enum PriceSegment: String, Codable, Sendable, CaseIterable {
    case low = "LOW"
    case high = "HIGH"
}

/// `POST /schedules/duration/{location_id}` and `/limit/{location_id}` (upstream.md §6.6).
struct ScheduleBody: Encodable {
    let location_id: String?
    let start_time: String
    let end_time: String
    let segment: PriceSegment
    let tariff_direction: TariffDirection?
    var duration: Int?
    var relative: Double?
    var absolute: Double?

    init(_ query: ScheduleQuery, hasLocation: Bool = false) {
        location_id = hasLocation ? query.location.text : nil
        start_time = query.start.utc
        end_time = query.end.utc
        segment = query.segment
        tariff_direction = query.direction
        switch query.measure {
        case .duration(let minutes): duration = minutes
        case .relative(let part): relative = part
        case .absolute(let price): absolute = price
        }
    }
}

/// Energy to be moved by a time, by one or several devices of a location (upstream.md §6.6).
package struct AmountOrder: Hashable, Sendable {
    package var location: LocationID
    /// The limit of the whole location.
    package var maxPower: Power
    /// The price above which nothing is bought.
    package var threshold: Threshold?
    package var transfers: [Transfer]

    /// What one device needs.
    package struct Transfer: Hashable, Sendable {
        package var device: DeviceID
        package var direction: TariffDirection?
        package var start: Date?
        package var end: Date
        package var maxPower: Power?
        package var energy: Energy

        package init(
            device: DeviceID, direction: TariffDirection? = nil, start: Date? = nil, end: Date, maxPower: Power? = nil,
            energy: Energy
        ) {
            self.device = device
            self.direction = direction
            self.start = start
            self.end = end
            self.maxPower = maxPower
            self.energy = energy
        }
    }

    package typealias Power = Quantity<PowerUnits>
    package typealias Energy = Quantity<AmountUnits>

    package enum PowerUnits: String, Codable, Sendable, CaseIterable { case watts = "W", kilowatts = "KW" }
    package enum AmountUnits: String, Codable, Sendable, CaseIterable { case wattHours = "WH", kilowattHours = "KWH" }

    /// A price, as in ``ScheduleQuery/Measure``.
    package struct Threshold: Hashable, Codable, Sendable {
        package var relative: Double?
        package var absolute: Double?

        package enum CodingKeys: String, CodingKey, CaseIterable { case relative, absolute }

        package init(relative: Double? = nil, absolute: Double? = nil) {
            self.relative = relative
            self.absolute = absolute
        }
    }

    package init(location: LocationID, maxPower: Power, threshold: Threshold? = nil, transfers: [Transfer]) {
        self.location = location
        self.maxPower = maxPower
        self.threshold = threshold
        self.transfers = transfers
    }
}

/// `POST /schedules/amount/{location_id}`; ZERO has the location in the body, and other names (upstream.md §6.6).
struct AmountBody: Encodable {
    let location_id: String?
    let max_power: Power
    let shaving_threshold: AmountOrder.Threshold?
    let data: [Transfer]

    init(_ order: AmountOrder, hasLocation: Bool = false) {
        location_id = hasLocation ? order.location.text : nil
        max_power = Power(order.maxPower)
        shaving_threshold = order.threshold
        data = order.transfers.map { transfer in
            Transfer(
                device_id: transfer.device.text, tariff_direction: transfer.direction, direction: nil,
                start_time: transfer.start?.utc, end_time: transfer.end.utc,
                max_power: transfer.maxPower.map { Power($0) }, energy: transfer.energy)
        }
    }

    /// With ZERO's names.
    init(zero order: AmountOrder) {
        location_id = order.location.text
        max_power = Power(order.maxPower, isText: true)
        shaving_threshold = order.threshold
        data = order.transfers.map { transfer in
            Transfer(
                device_id: transfer.device.text, tariff_direction: nil, direction: transfer.direction ?? .importing,
                start_time: transfer.start?.utc, end_time: transfer.end.utc,
                max_power: transfer.maxPower.map { Power($0, isText: true) }, energy: transfer.energy)
        }
    }

    struct Transfer: Encodable {
        let device_id: String
        let tariff_direction: TariffDirection?
        let direction: TariffDirection?
        let start_time: String?
        let end_time: String
        let max_power: Power?
        let energy: AmountOrder.Energy
    }

    /// ZERO types the value as a text.
    struct Power: Encodable {
        let units: AmountOrder.PowerUnits
        let number: Double
        let isText: Bool

        private enum CodingKeys: CodingKey { case units, value }

        init(_ power: AmountOrder.Power, isText: Bool = false) {
            units = power.units
            number = power.value
            self.isText = isText
        }

        func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encode(units, forKey: .units)
            guard isText else { return try fields.encode(number, forKey: .value) }
            let text = "\(number)"
            try fields.encode(text.hasByteSuffix(".0") ? String(text.dropLast(2)) : text, forKey: .value)
        }
    }
}
