import FoundationEssentials

/// Locations and what is connected at them (upstream.md §6.2, §9).
extension World {
    func status(of id: String?, scope: Scope, at now: Date) throws(Refusal) -> JSON {
        guard let location = location(id, in: scope) else { throw .notFound }
        var slots: [String: JSON] = [Slot.unsupported: ["status": "NOT_SUPPORTED"]]
        for (name, slot) in Slot.supported { slots[name] = slotStatus(slot, at: location) }
        return [
            "id": .string(location.id), "object": "location_status", "live_mode": .bool(scope.live),
            "time_created": .string(Timestamp.utc(now)), "account_id": .string(scope.account),
            "tariff_status": .object(slots),
        ]
    }

    /// A pending slot shows NOT_CONNECTED: no PENDING is documented (upstream.md §6.2).
    private func slotStatus(_ slot: Slot, at location: Location) -> JSON {
        let tariff = tariff(at: location.id, slot: slot)
        if slot == .local, tariff == nil, !isLocalEnabled { return ["status": "NOT_SUPPORTED"] }
        guard let tariff, tariff.draft.state != .pending else { return ["status": "NOT_CONNECTED"] }
        return [
            "status": tariff.draft.state == .connected ? "CONNECTED" : "ERROR",
            "connection_type": .string(tariff.draft.connectionType.rawValue),
            "provider": provider(tariff.draft.provider),
            "tariff": [
                "id": .string(tariff.id), "display_name": .string(tariff.draft.name),
                "structure_type": .string(tariff.draft.structure.rawValue),
                "contract_end_date": JSON(tariff.draft.term.end.map(Timestamp.utc)),
            ],
        ]
    }

    func location(_ call: APICall) throws(Refusal) -> JSON {
        guard let location = location(call.id, in: call.scope) else { throw .notFound }
        return json(of: location, call)
    }

    func listLocations(_ call: APICall) throws(Refusal) -> JSON {
        let reference = call.query["reference_id"]
        let customer = call.query["customer_id"]
        let listed = locations.values
            .filter { location in
                location.scope == call.scope && (reference == nil || location.referenceID == reference)
                    && (customer == nil || location.customerID == customer)
            }
            .sorted { ($1.created, $1.id) < ($0.created, $0.id) }
        return try Self.page(listed.map { ($0.id, json(of: $0, call)) }, url: "/locations", call.query)
    }

    /// Makes a location; a second one of the same reference is 409.
    mutating func createLocation(_ call: APICall) throws(Refusal) -> JSON {
        let body = call.request.body.isEmpty ? Fields([:]) : try call.fields()
        let reference = try body.text("reference_id")
        if let reference, locations.values.contains(where: { $0.scope == call.scope && $0.referenceID == reference }) {
            throw .bare(409, "Conflict")
        }
        let address =
            try body.object("postal_address").map { (fields) throws(Refusal) in try PostalAddress(fields) }
            ?? PostalAddress()
        guard address.countryCode.isEmpty || address.hasCountryCode else {
            throw .invalid("country_code_invalid", "Country code must be ISO 3166-1 alpha-2")
        }
        var location = Location(
            id: ids.next("loc"), scope: call.scope, referenceID: reference, customerID: try body.text("customer_id"),
            address: address, created: call.now)
        if call.dialect.isBusbar, let given = try body.object("geo_location") {
            location.coordinates = [
                "lat": .double(try given.number("lat")), "lng": .double(try given.number("lng")),
            ]
        }
        add(location)
        return json(of: location, call)
    }

    /// A location as a version has it; ZERO has the members that all have.
    private func json(of location: Location, _ call: APICall) -> JSON {
        let common: JSON = [
            "id": .string(location.id), "object": "location", "live_mode": .bool(call.scope.live),
            "reference_id": JSON(location.referenceID), "customer_id": JSON(location.customerID),
            "postal_address": location.address.json, "time_created": .string(Timestamp.utc(location.created)),
            "account_id": .string(call.scope.account),
        ]
        switch call.dialect.version {
        case .zero: return common.merging(["tariff_status": flatStatus(of: location)])
        case .anode:
            return common.merging(
                place(of: location),
                [
                    "tariff_status": flatStatus(of: location), "flex_allowed": false,
                    "tariff_elements": .array((tariffs[location.id] ?? []).map { .string($0.id) }),
                ])
        case .busbar:
            let here = devices.values.filter { $0.scope == call.scope && $0.locationIDs.contains(location.id) }
                .sorted { $0.number < $1.number }.map { JSON.string($0.id) }
            let elements = (tariffs[location.id] ?? []).filter { $0.draft.state != .pending }
            return common.merging(
                place(of: location),
                [
                    "postal_address_verified": false, "devices": .array(here),
                    "tariff_elements": .array(elements.map { $0.element(devices: here) }),
                ])
        }
    }

    private func flatStatus(of location: Location) -> JSON {
        var slots: [String: JSON] = [Slot.unsupported: "NOT_SUPPORTED"]
        for (name, slot) in Slot.supported { slots[name] = slotStatus(slot, at: location)["status"] }
        return .object(slots)
    }

    /// What follows from the address, where it names a country.
    private func place(of location: Location) -> [String: JSON] {
        guard let market = location.address.market else {
            return [
                "timezone": .null, "currency_code": .null, "geo_location": location.coordinates ?? .null,
                "market_sources": [:],
            ]
        }
        let sources = market.regions.isEmpty ? nil : market.sourceID
        return [
            "timezone": .string(location.address.zone.name), "currency_code": .string(market.currencyCode),
            "geo_location": location.coordinates
                ?? ["lat": .double(market.latitude), "lng": .double(market.longitude)],
            "market_sources": ["import": JSON(sources), "export": JSON(sources)],
        ]
    }
}

extension World.Tariff {
    /// The status of a tariff in BUSBAR; a pending one is not shown.
    var status: String {
        if isReported { return "ERROR_REPORTED" }
        return draft.state == .connected ? "CONNECTED" : "ERROR"
    }

    /// An estimate stands in for a tariff that cannot be read.
    var isTemporary: Bool { draft.state == .failed }

    /// An entry of BUSBAR's `tariff_elements`.
    fileprivate func element(devices: [JSON]) -> JSON {
        let isDirect = JSON.bool(draft.connectionType == .direct)
        return [
            "status": .string(status), "provider_id": .string(draft.provider.id), "tariff_id": .string(id),
            "devices": .array(devices), "type": .string(slot.type.rawValue),
            "direction": .string(slot.direction.rawValue), "connect_token": .string(connectToken),
            "temporary": .bool(isTemporary),
            "consents": [
                "provider_tariff": isDirect, "provider_bills": false, "provider_postal_address": isDirect,
                "provider_grid_meter": false, "device_telemetry": false, "device_control": false,
                "time_created": .string(Timestamp.utc(created)),
            ],
        ]
    }
}

extension Market {
    /// `mrs_…`: where the market's prices come from.
    fileprivate var sourceID: String { "mrs_5a4db0c50000000000" + hexadecimal(countryCode.utf8) + "01" }

    /// Of the capital: the sandbox knows no other place.
    fileprivate var latitude: Double { Self.capitals[countryCode]?.latitude ?? 0 }
    fileprivate var longitude: Double { Self.capitals[countryCode]?.longitude ?? 0 }

    private static let capitals: [String: (latitude: Double, longitude: Double)] = [
        "GB": (51.5072, -0.1276), "DE": (52.52, 13.405), "FR": (48.8566, 2.3522), "NL": (52.3676, 4.9041),
        "US": (38.9072, -77.0369), "AU": (-35.2809, 149.13),
    ]
}
