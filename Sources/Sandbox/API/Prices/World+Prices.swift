import FoundationEssentials

/// Prices (upstream.md §6.3).
extension World {
    mutating func prices(
        of id: String?, _ request: HTTPRequest, scope: Scope, at now: Date
    ) throws(Refusal) -> JSON {
        guard let location = location(id, in: scope) else { throw .notFound }
        let window = try PriceWindow(try Self.body(of: request), zone: location.address.zone, now: now)
        let slot = window.direction.map { Slot(direction: $0, type: .commodity) }
        guard let tariff = slot.flatMap({ tariff(at: location.id, slot: $0) }) else {
            throw .unprocessable("no_tariff_connected", "No tariff is connected in this direction")
        }
        switch tariff.draft.state {
        case .pending: throw .unprocessable("pending_connect", "The tariff is still being read from the provider")
        case .failed: throw .unprocessable("no_price_data", "There are no prices for this location")
        case .connected: break
        }
        let market = Market.of(location.address)
        return [
            "id": .string(ids.next("prs")), "object": "price", "live_mode": .bool(scope.live),
            "location_id": .string(location.id), "location_timezone": .string(location.address.zone.name),
            "currency_code": .string(market.currencyCode), "tariff_direction": .string(window.directionName),
            "last_updated": .string(Timestamp.utc(now)),
            "next_update": .string(Timestamp.utc(now.addingTimeInterval(3600))), "request": window.json,
            "data": tariff.draft.prices(in: window, now: now), "time_created": .string(Timestamp.utc(now)),
            "account_id": .string(scope.account),
        ]
    }
}
