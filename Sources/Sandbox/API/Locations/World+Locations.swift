import FoundationEssentials

/// Locations (upstream.md §6.2).
extension World {
    func status(of id: String?, scope: Scope, at now: Date) throws(Refusal) -> JSON {
        guard let location = location(id, in: scope) else { throw .notFound }
        var slots: [String: JSON] = [:]
        for (name, slot) in Slot.supported { slots[name] = slotStatus(tariff(at: location.id, slot: slot)) }
        for name in Slot.unsupported { slots[name] = ["status": "NOT_SUPPORTED"] }
        return [
            "id": .string(location.id), "object": "location_status", "live_mode": .bool(scope.live),
            "time_created": .string(Timestamp.utc(now)), "account_id": .string(scope.account),
            "tariff_status": .object(slots),
        ]
    }

    /// A pending slot shows NOT_CONNECTED: no PENDING is documented (upstream.md §6.2).
    private func slotStatus(_ tariff: Tariff?) -> JSON {
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
}
