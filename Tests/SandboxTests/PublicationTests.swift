import FoundationEssentials
import Testing

@testable import Sandbox

/// When prices become known: upstream.md §6.3.
@Suite struct PublicationTests {
    private static func market() -> EnergyFixture {
        var fixture = EnergyFixture()
        fixture.replace(.market, TariffSchedule(always: .init(surchargeFixed: 0.01, surchargePercentage: 10)))
        return fixture
    }

    @Test func `tomorrow's prices are sure from the afternoon on, and next_update says when`() {
        var fixture = Self.market()
        let window: JSON = ["end_time": "2026-07-03T00:00:00+01:00"]
        func sure() -> (Int, JSON?) {
            let reply = fixture.call("POST", "/prices/HERE", window)
            return (
                (reply.data.array ?? []).count { $0["price"]?["confidence"] == 1 }, reply.body["next_update"]
            )
        }
        #expect(sure() == (26, "2026-07-01T13:00:00Z"))
        fixture.emulation.now = instant("2026-07-01T12:59:59Z")
        fixture.emulation.bearer = fixture.emulation.login(
            account: "acc_5a4db0c5000000000000ac01", key: "sk_test_sandbox")
        #expect(sure() == (22, "2026-07-01T13:00:00Z"))
        fixture.emulation.now += 1
        #expect(sure() == (20 + 48, "2026-07-01T23:00:00Z"))
    }

    @Test func `the publication is a location.update, once, where a tariff follows the market`() {
        var fixture = Self.market()
        let before = fixture.events().count
        fixture.emulation.now = instant("2026-07-01T13:00:00Z")
        fixture.emulation.bearer = fixture.emulation.login(
            account: "acc_5a4db0c5000000000000ac01", key: "sk_test_sandbox")
        #expect(fixture.events().count == before + 1)
        #expect(fixture.events().first == "location.update")
        fixture.emulation.now += 3000
        #expect(fixture.events().count == before + 1)

        var fixed = EnergyFixture()
        let quiet = fixed.events().count
        fixed.emulation.now = instant("2026-07-01T10:59:00Z")
        fixed.emulation.world.advance(to: instant("2026-07-03T15:00:00Z"))
        #expect(fixed.events().count == quiet)
    }

    @Test func `next_update is what the control says`() {
        var fixture = EnergyFixture()
        let asked: JSON = [
            "start_time": "2026-07-01T10:00:00Z", "end_time": "2026-07-02T00:00:00Z", "segment": "LOW",
            "duration": 60,
        ]
        func next() -> JSON? { fixture.call("POST", "/schedules/duration/HERE", asked).body["next_update"] }
        #expect(next() == "2026-07-01T23:00:00Z")
        fixture.emulation.world.nextUpdate = .after(90)
        #expect(next() == "2026-07-01T10:01:30Z")
        fixture.emulation.world.nextUpdate = .absent
        #expect(next() == nil)
    }

    /// The French market has hours, and this tariff half ones.
    @Test func `prices change where the tariff does`() {
        var emulation = Emulation()
        _ = emulation.mint()
        _ = emulation.start()
        _ = emulation.submit(Sample.corsica)
        _ = emulation.submit(["provider": ["id": "prv_5a4db0c5000000000000f501"]])
        _ = emulation.submit(["tariff": ["id": "trt_5a4db0c50000000000000006"]])
        let location = emulation.claim().body["location_id"]?.string ?? ""
        let rows = emulation.api(
            "POST", "/prices/\(location)",
            ["start_time": "2026-07-01T23:00:00+02:00", "end_time": "2026-07-02T00:00:00+02:00"])
        #expect(rows.data.array?.map { $0["price"]?["value"] } == [0.2068, 0.1565])
        #expect(rows.data[1]?["valid_from"] == "2026-07-01T23:30:00+02:00")
    }
}
