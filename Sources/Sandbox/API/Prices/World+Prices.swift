import FoundationEssentials

/// Prices (upstream.md §6.3).
extension World {
    mutating func prices(_ call: APICall) throws(Refusal) -> JSON {
        guard let location = location(try call.locationID(), in: call.scope) else { throw .notFound }
        let fields = try call.fields()
        let device = try deviceMember(call, at: location)
        // Without a start the window begins with the current hour (a choice: the documents do not say).
        let hour = Double(call.now.epochSeconds.floorDivided(by: 3600) * 3600)
        let window = try TimeWindow(
            fields, startingAt: Date(timeIntervalSince1970: hour), days: 90, zone: location.address.zone)
        let direction = try Direction(fields, call.dialect.isZero ? ["direction"] : ["tariff_direction"])
        let curve = try curve(at: location, direction, call)
        let interval = curve.market.interval
        let first = window.start.epochSeconds.floorDivided(by: interval) * interval
        let end = -(-window.end.epochSeconds).floorDivided(by: interval) * interval
        let isZero = call.dialect.isZero
        let rows = curve.rows(from: first, to: max(first, end)).map { row in
            var members: [String: JSON] = [
                "valid_from": .string(window.text(row.from)), "valid_to": .string(window.text(row.to)),
            ]
            if !isZero {
                members["price"] = ["value": .double(row.value), "confidence": .double(row.confidence)]
            } else if call.query["include_tariff"] == "true" {
                members["tariff"] = ["rate": .double(row.value), "confidence": .double(row.confidence)]
            }
            if isZero, call.query["include_carbon"] == "true" {
                members["carbon"] = curve.market.carbon(at: row.from)
            }
            return JSON.object(members)
        }
        let asked = [isZero ? "direction" : "tariff_direction": JSON.string(direction.rawValue)]
        let prices = envelope(isZero ? "rts" : "prs", isZero ? "tariff_rate" : "price", call).merging(
            of(location), asked, device,
            ["last_updated": .string(Timestamp.utc(call.now)), "data": .array(rows)])
        guard call.dialect.pricesEchoRequest else { return prices }
        return prices.merging(
            nextUpdate(of: curve, at: call.now), ["request": JSON.object(window.json).merging(asked)])
    }

    /// The `device_id` of a request of BUSBAR, which its answer repeats.
    func deviceMember(_ call: APICall, at location: Location) throws(Refusal) -> [String: JSON] {
        guard call.dialect.isBusbar, let id = try call.fields().text("device_id") else { return [:] }
        guard let device = device(id, in: call.scope) else {
            throw .invalid("device_not_found", "Device was not found")
        }
        guard device.isAt(location.id) else {
            throw .invalid("device_id_invalid", "The device is at another location")
        }
        return ["device_id": .string(id)]
    }

    /// What prices, schedules and costs of a location follow from; 422 where they have none (upstream.md §6.3).
    ///
    /// Energy made at the place costs nothing until a price is set for it (upstream.md §6.7), and has none to plan with.
    func curve(
        at location: Location, _ direction: Direction, _ call: APICall, isLocalFree: Bool = false
    ) throws(Refusal) -> PriceCurve {
        let energy = tariff(at: location.id, slot: Slot(direction: direction, type: .commodity))
        if energy == nil, direction != .local || !isLocalFree {
            throw .unprocessable("no_tariff_connected", "No tariff is connected in this direction")
        }
        switch energy?.draft.state {
        case .pending where call.dialect.isZero:
            throw .bare(422, "Connect is processing link to tariff source.")
        case .pending:
            throw .unprocessable("pending_connect", "The tariff is still being read from the provider")
        case .failed:
            throw .unprocessable("no_price_data", "There are no prices for this location")
        case .connected, nil:
            break
        }
        let charges = tariff(at: location.id, slot: Slot(direction: direction, type: .nonCommodity))?.draft
        return PriceCurve(
            address: location.address,
            tariffs: [energy?.draft, charges?.state == .connected ? charges : nil].compactMap { $0 },
            corrections: corrections[location.id, default: []].filter { $0.direction == direction }, now: call.now)
    }

    /// What an answer of prices and schedules says about the next ones, as the control surface has it.
    func nextUpdate(of curve: PriceCurve, at now: Date) -> [String: JSON] {
        switch nextUpdate {
        case .published: ["next_update": .string(Timestamp.utc(Date(timeIntervalSince1970: Double(curve.nextUpdate))))]
        case .after(let seconds): ["next_update": .string(Timestamp.utc(now.addingTimeInterval(seconds)))]
        case .absent: [:]
        }
    }

    /// The members of a location that prices, schedules and costs repeat.
    func of(_ location: Location) -> [String: JSON] {
        [
            "location_id": .string(location.id), "location_timezone": .string(location.address.zone.name),
            "currency_code": .string(Market.of(location.address).currencyCode),
        ]
    }

    /// The members that every object which is made for one answer has.
    mutating func envelope(_ prefix: String, _ object: String, _ call: APICall) -> JSON {
        [
            "id": .string(ids.next(prefix)), "object": .string(object), "live_mode": .bool(call.scope.live),
            "time_created": .string(Timestamp.utc(call.now)), "account_id": .string(call.scope.account),
        ]
    }

    /// Puts a price right, and says so with an event; false for an unknown location.
    mutating func correct(_ correction: PriceCorrection, at locationID: String, now: Date) -> Bool {
        guard let location = locations[locationID] else { return false }
        corrections[locationID, default: []].append(correction)
        recordUpdate(of: locationID, scope: location.scope, at: now)
        return true
    }
}
