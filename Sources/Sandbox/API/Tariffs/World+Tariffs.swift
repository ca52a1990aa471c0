/// The list of tariffs (upstream.md §6.1).
extension World {
    func listTariffs(_ call: APICall) throws(Refusal) -> JSON {
        let query = call.query
        guard let id = query["location_id"], !id.isEmpty else {
            throw .invalid("location_id_missing", "location_id is required")
        }
        guard let location = location(id, in: call.scope) else { throw .notFound }
        var listed = (tariffs[location.id] ?? []).filter { $0.draft.state != .pending }
        if let name = query["direction"] {
            guard let direction = Direction(rawValue: name) else {
                throw .invalid("direction_invalid", "direction must be IMPORT or EXPORT")
            }
            listed.removeAll { $0.slot.direction != direction }
        }
        if let name = query["type"] {
            guard let type = TariffType(rawValue: name) else {
                throw .invalid("type_invalid", "type must be COMMODITY or NON_COMMODITY")
            }
            listed.removeAll { $0.slot.type != type }
        }
        return try Self.page(listed.reversed().map { ($0.id, $0.json(call.dialect)) }, url: "/tariffs", query)
    }
}

extension World.Tariff {
    /// What `tariff.*` events hold (upstream.md §5.2).
    var eventData: [String: JSON] {
        [
            "live_mode": .bool(scope.live), "location_id": .string(locationID), "tariff_id": .string(id),
            "account_id": .string(scope.account),
        ]
    }

    /// The list shape of upstream.md §6.1.
    func json(_ dialect: Dialect) -> JSON {
        [
            "id": .string(id), "object": "tariff", "location_id": .string(locationID), "live_mode": .bool(scope.live),
            "is_linked": false, "connection_type": .string(draft.connectionType.rawValue),
            "direction": .string(slot.direction.rawValue), "type": .string(slot.type.rawValue),
            "status": draft.state == .connected ? "CONNECTED" : "ERROR",
            "timezone": .string(draft.address.zone.name), "display_name": .string(draft.name),
            "provider_id": .string(draft.provider.id), "market_rates": .bool(draft.structure.usesMarketRates),
            "contract_start_date": JSON(draft.term.start.map(Timestamp.utc)),
            "contract_end_date": JSON(draft.term.end.map(Timestamp.utc)),
            "schedule": draft.schedule.json(
                formulaOn: dialect.isBusbar ? (draft.structure.usesMarketRates ? .market : .fixed) : nil),
            "time_created": .string(Timestamp.utc(created)), "account_id": .string(scope.account),
        ]
    }
}
