import FoundationEssentials

/// BUSBAR's summary of every tariff at a location (upstream.md §9): its members are those of the page itself, not of
/// `data`.
extension World {
    func tariffsSummary(_ session: Session, _ dialect: Dialect, at now: Date) -> [String: JSON] {
        let location = (session.completion?.locationID ?? session.mint.locationID) ?? ""
        let shown = (tariffs[location] ?? []).filter { $0.draft.state != .pending }
        let address = locations[location]?.address ?? session.machine.answers.address
        var members: [String: JSON] = [
            "timezone": .string(address.zone.name), "currency_code": .string(Market.of(address).currencyCode),
        ]
        guard dialect.isOlder(.summary) else {
            members["tariffs"] = .array(shown.map { summary($0, at: now) })
            return members
        }
        var slots: [String: JSON] = [:]
        for (name, slot) in Slot.supported {
            slots[name] = shown.first { $0.slot == slot }.map { olderSummary($0, at: now) }
        }
        members["tariff_status"] = .object(slots)
        return members
    }

    private func common(_ tariff: Tariff) -> JSON {
        [
            "status": .string(tariff.status), "tariff_id": .string(tariff.id),
            "connection_type": .string(tariff.draft.connectionType.rawValue),
            "market_rates_source": .bool(tariff.draft.structure.usesMarketRates),
            "display_name": .string(tariff.draft.name), "provider": provider(tariff.draft.provider),
        ]
    }

    private func summary(_ tariff: Tariff, at now: Date) -> JSON {
        common(tariff).merging([
            "type": .string(tariff.slot.type.rawValue), "direction": .string(tariff.slot.direction.rawValue),
            "temporary": .bool(tariff.isTemporary), "vat": .double(Market.of(tariff.draft.address).vat),
            "prices": tariff.draft.days(around: now) { row in
                ["price": ["value": .double(row.value), "confidence": .double(tariff.isTemporary ? 0.6 : 1)]]
            },
        ])
    }

    private func olderSummary(_ tariff: Tariff, at now: Date) -> JSON {
        let vat = Market.of(tariff.draft.address).vat
        return common(tariff).merging([
            "tiered": .bool(tariff.draft.schedule.isTiered), "is_temporary": .bool(tariff.isTemporary),
            "prices": tariff.draft.days(around: now) { row in
                let confidence = JSON.double(tariff.isTemporary ? 0.6 : 1)
                return ["price": ["value": .double(row.value), "vat": .double(1 + vat), "confidence": confidence]]
            },
        ])
    }
}

extension Market {
    /// The value-added tax on electricity, as a share of the price; the figures are for show.
    fileprivate var vat: Double {
        switch countryCode {
        case "GB": 0.05
        case "DE": 0.19
        case "FR": 0.2
        case "NL": 0.21
        case "AU": 0.1
        default: 0
        }
    }
}
