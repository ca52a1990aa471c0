package import FoundationEssentials

/// Controls of prices, meters and devices, for tests in the same process.
extension Sandbox {
    /// Which price is put right.
    package enum CorrectedDirection: String, CaseIterable, Sendable {
        case `import` = "IMPORT"
        case export = "EXPORT"
        case local = "LOCAL"
    }

    /// Replaces the price of a kWh at a location from an instant to another, past or future, with a `location.update`;
    /// false where the location is unknown.
    package func correctPrice(
        at location: String, _ direction: CorrectedDirection = .import, from start: Date, to end: Date, value: Double
    ) -> Bool {
        let direction = Direction(rawValue: direction.rawValue) ?? .import
        let correction = PriceCorrection(
            direction: direction, from: start.epochSeconds, to: end.epochSeconds, value: value)
        return withWorld { world, now in world.correct(correction, at: location, now: now) }
    }

    /// Changes the names of answers, where the documents have two: ANODE's, and all of BUSBAR's.
    package func setEdition(_ edition: Edition) {
        withWorld { world, _ in
            world.edition = edition
            world.olderEditions = edition == .older ? Set(Disagreement.allCases) : []
        }
    }

    /// Changes one thing that BUSBAR's documents say in two ways.
    package func setEdition(_ edition: Edition, of disagreement: Disagreement) {
        withWorld { world, _ in
            if edition == .older {
                world.olderEditions.insert(disagreement)
            } else {
                world.olderEditions.remove(disagreement)
            }
        }
    }

    /// Changes what prices and schedules say about the next ones.
    package func setNextUpdate(_ update: NextUpdate) { withWorld { world, _ in world.nextUpdate = update } }

    /// Turns the beta of LOCAL tariffs on or off.
    package func setLocalEnabled(_ isEnabled: Bool) { withWorld { world, _ in world.isLocalEnabled = isEnabled } }

    /// How meter records are taken.
    package var meterSettings: MeterSettings { withWorld { world, _ in world.meters.settings } }

    /// Changes how meter records are taken, and processes what is due by that.
    package func setMeters(_ settings: MeterSettings) {
        withWorld { world, now in
            world.meters.settings = settings
            world.processMeters(at: now)
        }
    }

    /// The processed meter records of a location, all series together.
    package func meterRecordCount(at location: String) -> Int {
        withWorld { world, now in
            world.processMeters(at: now)
            return world.meters.ledgers[location]?.records.count ?? 0
        }
    }

    /// The devices of every account.
    package func deviceCount() -> Int { withWorld { world, _ in world.devices.count } }

    /// Refuses every call of an account with `account_disabled`, or no longer; false where it is unknown.
    package func setAccountDisabled(_ isDisabled: Bool, account: String) -> Bool {
        withWorld { world, _ in world.setDisabled(isDisabled, account: account) }
    }

    /// Says of the connected tariffs of a location that they will expire or that a better connection is there; false
    /// where there is none.
    package func announce(_ announcement: TariffAnnouncement, at location: String) -> Bool {
        withWorld { world, now in world.announce(announcement.rawValue, at: location, now: now) }
    }

    /// An event about a tariff that changes nothing (upstream.md §5.1).
    package enum TariffAnnouncement: String, CaseIterable, Sendable {
        case expiring = "tariff.expiring"
        case upgrade = "tariff.connection.upgrade"
    }
}
