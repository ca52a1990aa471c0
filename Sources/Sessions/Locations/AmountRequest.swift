package import Core
package import Flatpeak
package import FoundationEssentials

/// The body of a request for a schedule by amount, in the newer version's names (upstream.md §6.6).
package struct AmountRequest: StrictlyDecodable, Sendable {
    /// Of the path, where it is given at all.
    package var location_id: String?
    package var max_power: AmountOrder.Power?
    package var shaving_threshold: AmountOrder.Threshold?
    package var data: [Transfer]?

    package enum CodingKeys: String, CodingKey, CaseIterable {
        case location_id, max_power, shaving_threshold, data
    }

    /// What one device needs.
    package struct Transfer: StrictlyDecodable, Sendable {
        package var device_id: String?
        package var tariff_direction: TariffDirection?
        package var start_time: String?
        package var end_time: String?
        package var max_power: AmountOrder.Power?
        package var energy: AmountOrder.Energy?

        package enum CodingKeys: String, CodingKey, CaseIterable {
            case device_id, tariff_direction, start_time, end_time, max_power, energy
        }

        package init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            device_id = try fields.decodeIfPresent(String.self, forKey: .device_id)
            tariff_direction = try fields.decodeIfPresent(TariffDirection.self, forKey: .tariff_direction)
            start_time = try fields.decodeIfPresent(String.self, forKey: .start_time)
            end_time = try fields.decodeIfPresent(String.self, forKey: .end_time)
            max_power = try fields.decodeIfPresent(Strict<AmountOrder.Power>.self, forKey: .max_power)?.value
            energy = try fields.decodeIfPresent(Strict<AmountOrder.Energy>.self, forKey: .energy)?.value
        }
    }

    /// Devices in one request.
    package static let mostTransfers = 100

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        location_id = try fields.decodeIfPresent(String.self, forKey: .location_id)
        max_power = try fields.decodeIfPresent(Strict<AmountOrder.Power>.self, forKey: .max_power)?.value
        shaving_threshold =
            try fields.decodeIfPresent(Strict<AmountOrder.Threshold>.self, forKey: .shaving_threshold)?.value
        data = try fields.decodeIfPresent([Strict<Transfer>].self, forKey: .data)?.map(\.value)
    }

    /// Decodes a body of strict JSON with these fields and no others.
    package static func read(_ body: [UInt8]) throws(BFFError) -> AmountRequest {
        try Strict.read(body)
    }

    /// Makes the order for Flatpeak.
    ///
    /// The caller checks that its devices are the location's.
    package func order(at location: LocationID, longestDays: Int, now: Date) throws(BFFError) -> AmountOrder {
        try RequestField.location(location_id, is: location)
        guard let max_power else { throw .invalidField("max_power", reason: .missing) }
        try Self.check(max_power.value, "max_power.value")
        if let shaving_threshold {
            try PriceLimit.check(
                relative: shaving_threshold.relative, absolute: shaving_threshold.absolute,
                in: "shaving_threshold.")
        }
        guard let data, !data.isEmpty else { throw .invalidField("data", reason: .missing) }
        guard data.count <= Self.mostTransfers else { throw .invalidField("data", reason: .tooMany) }
        var transfers: [AmountOrder.Transfer] = []
        for (index, transfer) in data.enumerated() {
            do throws(BFFError) {
                transfers.append(try transfer.order(longestDays: longestDays, now: now))
            } catch {
                guard case .invalidField(let name, let reason) = error else { throw error }
                throw .invalidField(.init("data.\(index).\(name.text)"), reason: reason)
            }
        }
        return AmountOrder(
            location: location, maxPower: max_power, threshold: shaving_threshold, transfers: transfers)
    }

    /// An amount of something is not negative.
    fileprivate static func check(_ amount: Double, _ name: BFFError.FieldName) throws(BFFError) {
        guard amount.isFinite, amount >= 0 else { throw .invalidField(name, reason: .outOfRange) }
    }
}

extension AmountRequest.Transfer {
    fileprivate func order(longestDays: Int, now: Date) throws(BFFError) -> AmountOrder.Transfer {
        guard let device = try RequestField.device(device_id) else {
            throw .invalidField("device_id", reason: .missing)
        }
        guard let energy else { throw .invalidField("energy", reason: .missing) }
        try AmountRequest.check(energy.value, "energy.value")
        if let max_power { try AmountRequest.check(max_power.value, "max_power.value") }
        let end = try RequestField.instant(end_time, "end_time")
        guard start_time != nil else {
            return AmountOrder.Transfer(
                device: device, direction: tariff_direction,
                end: try ScheduleWindow.end(end, notFarFrom: now, longestDays: longestDays), maxPower: max_power,
                energy: energy)
        }
        let window = try ScheduleWindow(
            from: try RequestField.instant(start_time, "start_time"), to: end, longestDays: longestDays)
        return AmountOrder.Transfer(
            device: device, direction: tariff_direction, start: window.start, end: window.end, maxPower: max_power,
            energy: energy)
    }
}

extension Quantity: StrictlyDecodable {}
extension AmountOrder.Threshold: StrictlyDecodable {}

/// A price that bounds a schedule: part of the highest one of the window, or of one kWh.
package enum PriceLimit {
    /// - Parameter prefix: What the fields' names begin with.
    /// - Throws: `invalidField` unless exactly one is given, in its range.
    package static func check(relative: Double?, absolute: Double?, in prefix: String = "") throws(BFFError) {
        switch (relative, absolute) {
        case (nil, nil): throw .invalidField(.init("\(prefix)relative"), reason: .missing)
        case (.some, .some): throw .invalidField(.init("\(prefix)absolute"), reason: .excluded)
        case (let part?, nil):
            guard (0.01...1).contains(part) else {
                throw .invalidField(.init("\(prefix)relative"), reason: .outOfRange)
            }
        case (nil, let price?):
            guard price.isFinite else { throw .invalidField(.init("\(prefix)absolute"), reason: .outOfRange) }
        }
    }
}
