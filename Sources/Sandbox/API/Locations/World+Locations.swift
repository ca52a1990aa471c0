import FoundationEssentials

/// Locations and what is connected at them (upstream.md §6.2).
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

    /// The location as ANODE has it, or with the members that ZERO documents.
    func location(_ call: APICall) throws(Refusal) -> JSON {
        guard let location = location(call.id, in: call.scope) else { throw .notFound }
        var slots: [String: JSON] = [Slot.unsupported: "NOT_SUPPORTED"]
        for (name, slot) in Slot.supported { slots[name] = slotStatus(slot, at: location)["status"] }
        let common: JSON = [
            "id": .string(location.id), "object": "location", "live_mode": .bool(call.scope.live),
            "reference_id": JSON(location.referenceID), "customer_id": JSON(location.customerID),
            "postal_address": location.address.json, "tariff_status": .object(slots),
            "time_created": .string(Timestamp.utc(location.created)), "account_id": .string(call.scope.account),
        ]
        guard call.dialect != .zero else { return common }
        let market = Market.of(location.address)
        let sources = market.regions.isEmpty ? nil : market.sourceID
        return common.merging([
            "timezone": .string(location.address.zone.name), "currency_code": .string(market.currencyCode),
            "flex_allowed": false,
            "geo_location": ["lat": .double(market.latitude), "lng": .double(market.longitude)],
            "market_sources": ["import": JSON(sources), "export": JSON(sources)],
            "tariff_elements": .array((tariffs[location.id] ?? []).map { .string($0.id) }),
        ])
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
