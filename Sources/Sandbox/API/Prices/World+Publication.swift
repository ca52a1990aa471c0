import FoundationEssentials

/// What happens by itself as time goes on.
extension World {
    /// Processes meter records that are due, and announces the prices of tomorrow where they were published since.
    mutating func advance(to now: Date) {
        processMeters(at: now)
        let instant = now.epochSeconds
        guard announcedUntil != instant else { return }
        let since = announcedUntil ?? instant
        announcedUntil = instant
        guard since < instant else { return }
        for location in locations.values.sorted(by: { $0.id < $1.id }) {
            let zone = location.address.zone
            let today = zone.wallClock(at: instant).day.daysSinceEpoch
            let published = [today - 1, today].map { zone.instant($0, second: Market.publication) }
                .last { $0 <= instant }
            guard let published, published > since else { continue }
            let follows = (tariffs[location.id] ?? []).contains { tariff in
                tariff.draft.state == .connected && tariff.draft.structure.usesMarketRates
                    && tariff.created.epochSeconds < published
            }
            if follows { recordUpdate(of: location.id, scope: location.scope, at: now) }
        }
    }
}
