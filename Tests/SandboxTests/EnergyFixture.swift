import FoundationEssentials

@testable import Sandbox

/// A London location with a fixed tariff of 0.2345 GBP a kWh, and calls about its energy.
struct EnergyFixture {
    var emulation: Emulation
    let location: String

    /// - Parameter version: of the calls; the account's default, too, so that older ones are answered.
    init(mode: Sandbox.Mode = .plain, version: String = "2025-09-14.anode") {
        emulation = Emulation.at(.tariffSummary, mode: mode)
        location = emulation.claim().body["location_id"]?.string ?? ""
        emulation.world.meters.settings.processingSeconds = 0
        emulation.world.setVersion(version)
        self.version = version
    }

    var version: String

    /// A call; `HERE` in the target and in texts of the body is the location.
    mutating func call(_ method: String, _ target: String, _ body: JSON? = nil) -> Reply {
        emulation.api(
            method, target.replacing("HERE", with: location), body.map(filled),
            headers: [
                ("Authorization", "Bearer " + emulation.bearer), ("Content-Type", "application/json"),
                ("Flatpeak-Version", version),
            ])
    }

    private func filled(_ value: JSON) -> JSON {
        switch value {
        case .string(let text): .string(text.replacing("HERE", with: location))
        case .array(let items): .array(items.map(filled))
        case .object(let members): .object(members.mapValues(filled))
        default: value
        }
    }

    mutating func device(_ reference: String? = nil) -> String {
        call("POST", "/devices", ["location_id": "HERE", "reference_id": JSON(reference)]).body["id"]?.string ?? ""
    }

    /// The types of the events, newest first.
    mutating func events() -> [String] {
        call("GET", "/events").data.array?.compactMap { $0["type"]?.string } ?? []
    }

    /// A night tariff of 0.0899 from 23:30 to 05:30, 0.2671 by day.
    static func night() -> EnergyFixture {
        var fixture = EnergyFixture()
        fixture.replace(
            .timeOfDay,
            TariffSchedule(daily: [
                .init(validFrom: "05:30:00", validTo: "23:30:00", rate: [.init(fixed: 0.2671)]),
                .init(validFrom: "23:30:00", validTo: "05:30:00", rate: [.init(fixed: 0.0899)]),
            ]))
        return fixture
    }

    /// Connects another tariff at the location.
    mutating func replace(_ structure: TariffStructure, _ schedule: TariffSchedule, state: ConnectionState = .connected)
    {
        guard var draft = emulation.world.tariffs[location]?.first?.draft else { return }
        (draft.structure, draft.schedule, draft.state) = (structure, schedule, state)
        draft.region = "GB"
        _ = emulation.mint(["location_id": .string(location)])
        emulation.world.connect(draft, token: emulation.token, at: emulation.now)
    }

    static let record: JSON = [
        "location_id": "HERE", "units": "KWH", "value": 2, "start_time": "2026-07-01T08:00:00Z",
        "end_time": "2026-07-01T09:00:00Z",
    ]
}
