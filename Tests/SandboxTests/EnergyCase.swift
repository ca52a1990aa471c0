import FoundationEssentials

@testable import Sandbox

/// A world with one location at which an oracle's tariff is connected.
struct EnergyCase {
    var emulation: Emulation
    let oracle: EnergyOracle
    let location: String

    init(_ oracle: EnergyOracle) {
        self.oracle = oracle
        emulation = Emulation(now: Timestamp.local(oracle.now, offset: 0))
        emulation.world.meters.settings.processingSeconds = 0
        var address = PostalAddress()
        (address.countryCode, address.state, address.city) = (oracle.zone.country, oracle.zone.state, "A")
        _ = emulation.mint()
        emulation.world.connect(
            oracle.tariff.draft(at: address, region: oracle.market.region(of: oracle.zone.state)),
            token: emulation.token, at: emulation.now)
        location = emulation.world.sessions[emulation.token]?.completion?.locationID ?? ""
        if oracle.charge > 0 {
            _ = emulation.mint(["location_id": .string(location), "tariff_type": "NON_COMMODITY"])
            var draft = oracle.tariff.draft(at: address, region: nil)
            draft.structure = .fixed
            draft.schedule = TariffSchedule(always: .init(fixed: Double(oracle.charge) / 10_000))
            emulation.world.connect(draft, token: emulation.token, at: emulation.now)
        }
        for correction in oracle.corrections {
            let corrected = PriceCorrection(
                direction: .import, from: correction.from, to: correction.to, value: Double(correction.money) / 10_000)
            _ = emulation.world.correct(corrected, at: location, now: emulation.now)
        }
    }

    mutating func post(_ path: String, _ body: JSON?) -> Reply {
        emulation.api("POST", path.replacing("LOC", with: location), body)
    }
}

/// A row of an answer, in seconds since 1970.
struct AnsweredRow: Equatable {
    let from: Int
    let to: Int
    let json: JSON

    init?(_ json: JSON, _ names: (String, String) = ("start_time", "end_time")) {
        guard let from = json[names.0]?.string.flatMap(Timestamp.parse)?.date,
            let to = json[names.1]?.string.flatMap(Timestamp.parse)?.date
        else { return nil }
        (self.from, self.to, self.json) = (from.epochSeconds, to.epochSeconds, json)
    }

    var steps: [Int] { Array(stride(from: from, to: to, by: EnergyOracle.step)) }
}

extension Reply {
    func rows(_ names: (String, String) = ("start_time", "end_time")) -> [AnsweredRow] {
        (data.array ?? []).compactMap { AnsweredRow($0, names) }
    }
}

extension EnergyOracle.Tariff {
    /// The same tariff in the words of the API.
    func draft(at address: PostalAddress, region: String?) -> TariffDraft {
        let seasons = zip([Array(1...6), Array(7...12)], periods).map { months, week in
            TariffSchedule.Season(
                months: months.map(JSON.int),
                dates: nil,
                daysAndHours: zip(["Weekdays", "Weekend"], week).map { name, day in
                    TariffSchedule.Days(days: [.string(name)], hours: day.map { period(of: $0) })
                })
        }
        return TariffDraft(
            connectionType: .manual, provider: ProviderName(typed: "A", id: "prv_1"),
            structure: isMarket ? .market : .advanced, schedule: TariffSchedule(seasons: seasons), region: region,
            name: "A", address: address)
    }

    private func period(of period: EnergyOracle.Period) -> TariffSchedule.Period {
        TariffSchedule.Period(
            validFrom: TimeOfDay.text(period.from * 60), validTo: TimeOfDay.text(period.to * 60),
            rate: period.tiers.map { tier in
                let money = Double(tier.money) / 10_000
                return TariffSchedule.Rate(
                    fixed: isMarket ? nil : money, toKwh: tier.end.map(Double.init),
                    surchargeFixed: isMarket ? money : nil,
                    surchargePercentage: isMarket ? Double(tier.percentage) : nil)
            })
    }
}
