import Testing

@testable import Sandbox

/// The plan of several devices against all plans there are, in small cases.
@Suite struct EnergyPlanTests {
    @Test(arguments: 0..<400) func `no plan moves more, or as much for less`(_ seed: UInt64) {
        var generator = SeededGenerator(state: seed)
        let spans = Int.random(in: 1...3, using: &generator)
        let seconds = (0..<spans).map { _ in Int.random(in: 1...2, using: &generator) }
        let power = Int.random(in: 1...3, using: &generator)
        let devices = (0..<Int.random(in: 1...3, using: &generator)).map { _ in
            EnergyPlan.Device(
                energy: Int.random(in: 1...4, using: &generator), power: Int.random(in: 1...2, using: &generator),
                costs: (0..<spans).map { _ in
                    Int.random(in: 0..<4, using: &generator) == 0 ? nil : Int.random(in: -3...9, using: &generator)
                })
        }
        let plan = EnergyPlan(devices: devices, seconds: seconds, power: power)
        let best = Self.best(devices[...], room: seconds.map { $0 * power }, seconds)
        let moved = plan.flows.joined().reduce(0, +)
        #expect(moved == best.moved)
        #expect(Self.cost(plan.flows, devices) == best.cost)
        for (device, flow) in zip(devices, plan.flows) {
            #expect(flow.reduce(0, +) <= device.energy)
            #expect(zip(flow, seconds).allSatisfy { $0 <= $1 * device.power })
            #expect(zip(flow, device.costs).allSatisfy { $0 == 0 || $1 != nil })
        }
        for span in seconds.indices {
            #expect(plan.flows.reduce(0) { $0 + $1[span] } <= seconds[span] * power)
        }
    }

    private static func cost(_ flows: [[Int]], _ devices: [EnergyPlan.Device]) -> Int {
        zip(flows, devices).reduce(0) { sum, entry in
            zip(entry.0, entry.1.costs).reduce(sum) { $0 + $1.0 * ($1.1 ?? 0) }
        }
    }

    /// The most that can be moved, and the least that it costs, by trying everything.
    private static func best(
        _ devices: ArraySlice<EnergyPlan.Device>, room: [Int], _ seconds: [Int]
    ) -> (moved: Int, cost: Int) {
        guard let device = devices.first else { return (0, 0) }
        var best = (moved: -1, cost: 0)
        func place(_ span: Int, _ left: Int, _ room: [Int], _ moved: Int, _ cost: Int) {
            guard span < seconds.count else {
                let rest = Self.best(devices.dropFirst(), room: room, seconds)
                let all = (moved: moved + rest.moved, cost: cost + rest.cost)
                if all.moved > best.moved || all.moved == best.moved && all.cost < best.cost { best = all }
                return
            }
            let most = device.costs[span] == nil ? 0 : min(left, room[span], seconds[span] * device.power)
            for amount in 0...most {
                var room = room
                room[span] -= amount
                place(span + 1, left - amount, room, moved + amount, cost + amount * (device.costs[span] ?? 0))
            }
        }
        place(0, device.energy, room, 0, 0)
        return best
    }
}
