import FoundationEssentials
import Testing

@testable import Sandbox

/// Schedules and costs against an oracle that looks at every five minutes, over 2 000 random tariffs, windows, zones and
/// days on which clocks change.
@Suite struct EnergyOracleTests {
    private static let changes = [
        "2026-03-08T07:00:00Z", "2026-03-29T01:00:00Z", "2026-04-04T16:00:00Z", "2026-10-03T16:00:00Z",
        "2026-10-25T01:00:00Z", "2026-11-01T06:00:00Z",
    ].map(EnergyOracle.at)

    @Test(arguments: 0..<20) func `schedules and costs are what the oracle finds`(_ block: UInt64) throws {
        for number in 0..<100 {
            let seed = block * 100 + UInt64(number)
            var generator = SeededGenerator(state: seed)
            let wrong = try Self.faults(&generator)
            #expect(wrong.isEmpty, "seed \(seed): \(wrong.prefix(3))")
        }
    }

    /// What is wrong with the answers of one random case.
    private static func faults(_ generator: inout SeededGenerator) throws -> [String] {
        let zone = EnergyOracle.zones[Int.random(in: 0..<EnergyOracle.zones.count, using: &generator)]
        // Half of the windows hold a change of some clock.
        let about =
            Bool.random(using: &generator)
            ? changes[Int.random(in: 0..<changes.count, using: &generator)] - 86_400
            : EnergyOracle.at("2026-01-05T00:00:00Z") + Int.random(in: 0..<340, using: &generator) * 86_400
        let start = about + Int.random(in: 0..<300, using: &generator) * EnergyOracle.step
        let steps = Int.random(in: 1...(3 * 288 - 12), using: &generator)
        let window = (start: start, end: start + steps * EnergyOracle.step)
        var energy = EnergyCase(try .random(zone, start: start, using: &generator))
        let prices = stride(from: window.start, to: window.end, by: EnergyOracle.step).map { energy.oracle.price($0) }
        return checkPrices(&energy, window)
            + checkDuration(&energy, window, prices, &generator) + checkLimit(&energy, window, prices, &generator)
            + checkAmount(&energy, window, prices, &generator) + checkCosts(&energy, window, &generator)
    }

    private static func body(_ window: (start: Int, end: Int), _ more: [String: JSON] = [:]) -> JSON {
        let times: JSON = [
            "start_time": .string(Timestamp.local(window.start, offset: 0)),
            "end_time": .string(Timestamp.local(window.end, offset: 0)),
        ]
        return times.merging(more)
    }

    private static func hundredThousandths(_ value: JSON?) -> Double { (value?.number ?? .nan) * 100_000 }

    // MARK: - Prices

    private static func checkPrices(_ energy: inout EnergyCase, _ window: (start: Int, end: Int)) -> [String] {
        let reply = energy.post("/prices/LOC", body(window))
        var wrong: [String] = []
        var covered: Set<Int> = []
        for row in reply.rows(("valid_from", "valid_to")) {
            for instant in row.steps where instant >= window.start && instant < window.end {
                covered.insert(instant)
                let found = hundredThousandths(row.json["price"]?["value"])
                if abs(found - Double(energy.oracle.price(instant) ?? .min)) > 0.01 {
                    wrong.append("price at \(instant)")
                }
                if row.json["price"]?["confidence"]?.number != energy.oracle.confidence(instant) {
                    wrong.append("confidence at \(instant)")
                }
            }
        }
        let priced = stride(from: window.start, to: window.end, by: EnergyOracle.step).filter {
            energy.oracle.price($0) != nil
        }
        if covered != Set(priced) { wrong.append("prices of \(covered.count) steps, not \(priced.count)") }
        return wrong
    }

    // MARK: - Schedules

    private static func checkDuration(
        _ energy: inout EnergyCase, _ window: (start: Int, end: Int), _ prices: [Int?],
        _ generator: inout SeededGenerator
    ) -> [String] {
        let steps = Int.random(in: 1...prices.count, using: &generator)
        let isLow = Bool.random(using: &generator)
        let reply = energy.post(
            "/schedules/duration/LOC",
            body(window, ["segment": isLow ? "LOW" : "HIGH", "duration": .int(steps * EnergyOracle.step / 60)]))
        let known = prices.compactMap { $0 }
        guard known.count >= steps else {
            return reply.code == "no_price_data" ? [] : ["duration without prices: \(reply.status)"]
        }
        let best = isLow ? known.sorted().prefix(steps) : known.sorted().reversed().prefix(steps)
        let (chosen, wrong) = read(reply, window, energy.oracle)
        let sum = chosen.reduce(0) { $0 + (energy.oracle.price($1) ?? 0) }
        return wrong + (chosen.count == steps ? [] : ["duration: \(chosen.count) steps, not \(steps)"])
            + (sum == best.reduce(0, +) ? [] : ["duration: the \(steps) chosen cost \(sum), not \(best.reduce(0, +))"])
    }

    private static func checkLimit(
        _ energy: inout EnergyCase, _ window: (start: Int, end: Int), _ prices: [Int?],
        _ generator: inout SeededGenerator
    ) -> [String] {
        let isLow = Bool.random(using: &generator)
        let share = Int.random(in: 1...100, using: &generator)
        let absolute = Int.random(in: 0...5000, using: &generator)
        let isRelative = Bool.random(using: &generator)
        let limit: [String: JSON] =
            isRelative
            ? ["relative": .double(Double(share) / 100)] : ["absolute": .double(Double(absolute) / 10_000)]
        let reply = energy.post(
            "/schedules/limit/LOC", body(window, limit.merging(["segment": isLow ? "LOW" : "HIGH"]) { $1 }))
        let known = prices.compactMap { $0 }
        guard let lowest = known.min(), let highest = known.max() else {
            return reply.code == "no_price_data" ? [] : ["limit without prices: \(reply.status)"]
        }
        let expected = zip(stride(from: window.start, to: window.end, by: EnergyOracle.step), prices)
            .filter { _, price in
                guard let price else { return false }
                // In whole numbers: 99 (price - lowest) against (share - 1) (highest - lowest).
                let (left, right) =
                    isRelative
                    ? (99 * (price - lowest), (share - 1) * (highest - lowest)) : (price, absolute * 10)
                return isLow ? left <= right : left >= right
            }.map { $0.0 }
        let (chosen, wrong) = read(reply, window, energy.oracle)
        let minutes = reply.body["duration"]?.number
        return wrong + (chosen == expected ? [] : ["limit: \(chosen.count) steps, not \(expected.count)"])
            + (minutes == Double(expected.count * EnergyOracle.step / 60) ? [] : ["limit: \(minutes ?? -1) minutes"])
    }

    /// The steps of a schedule, and what is wrong with its rows.
    private static func read(
        _ reply: Reply, _ window: (start: Int, end: Int), _ oracle: EnergyOracle
    ) -> (steps: [Int], wrong: [String]) {
        guard reply.status == 200 else { return ([], ["schedule: \(reply.status) \(reply.code ?? "")"]) }
        var wrong: [String] = []
        var last = window.start - 1
        for row in reply.rows() {
            if row.from <= last || row.to > window.end || row.from >= row.to { wrong.append("row at \(row.from)") }
            last = row.to
            let prices = row.steps.compactMap { oracle.price($0) }
            let average = Double(prices.reduce(0, +)) / Double(max(1, prices.count))
            if abs(hundredThousandths(row.json["price"]?["average"]) - average) > 0.51 {
                wrong.append("average at \(row.from)")
            }
            if row.json["price"]?["confidence"]?.number != row.steps.map(oracle.confidence).min() {
                wrong.append("confidence at \(row.from)")
            }
        }
        return (reply.rows().flatMap(\.steps), wrong)
    }

    /// One device or two at the same time, which a pile of the cheapest steps answers; each step takes what the
    /// connection and the devices can.
    private static func checkAmount(
        _ energy: inout EnergyCase, _ window: (start: Int, end: Int), _ prices: [Int?],
        _ generator: inout SeededGenerator
    ) -> [String] {
        let count = Int.random(in: 1...2, using: &generator)
        let limit = Int.random(in: 1...14, using: &generator) * 1000
        let own = count == 1 ? Int.random(in: 1...14, using: &generator) * 1000 : limit
        let threshold = Bool.random(using: &generator) ? Int.random(in: 0...5000, using: &generator) : nil
        let amounts = (0..<count).map { _ in Int.random(in: 1...40, using: &generator) * 500 }
        let devices = (0..<count).map { _ in
            energy.emulation.api("POST", "/devices", ["location_id": .string(energy.location)]).body["id"] ?? .null
        }
        let rows: [JSON] = zip(devices, amounts).map { device, amount in
            body(
                window,
                [
                    "device_id": device, "energy": ["units": "WH", "value": .int(amount)],
                    "max_power": ["units": "KW", "value": .double(Double(own) / 1000)],
                ])
        }
        let request: JSON = ["max_power": ["units": "W", "value": .int(limit)], "data": .array(rows)]
        let reply = energy.post(
            "/schedules/amount/LOC",
            request.merging(threshold.map { ["shaving_threshold": ["absolute": .double(Double($0) / 10_000)]] } ?? [:]))
        let known = prices.compactMap { $0 }
        guard !known.isEmpty else {
            return reply.code == "no_price_data" ? [] : ["amount without prices: \(reply.status)"]
        }
        guard reply.status == 200 else { return ["amount: \(reply.status) \(reply.code ?? "")"] }

        let perStep = Double(min(limit, own)) * Double(EnergyOracle.step) / 3600
        var left = Double(amounts.reduce(0, +))
        var cost = 0.0
        for price in known.sorted() where threshold.map({ price <= $0 * 10 }) ?? true {
            let taken = min(left, perStep)
            cost += taken / 1000 * Double(price)
            left -= taken
        }
        var wrong: [String] = []
        let answered = hundredThousandths(reply.body["cost"]?["value"])
        if abs(answered - cost) > 1 { wrong.append("amount costs \(answered), not \(cost)") }
        var power: [Int: Double] = [:]
        var moved = 0.0
        for row in reply.data.array ?? [] {
            for step in (row["schedule"]?.array ?? []).compactMap({ AnsweredRow($0) }) {
                let kilowatts = step.json["power"]?["value"]?.number ?? .nan
                if step.from < window.start || step.to > window.end { wrong.append("amount outside of its window") }
                if kilowatts * 1000 > Double(own) + 0.1 { wrong.append("amount above the device's power") }
                for instant in step.steps {
                    power[instant, default: 0] += kilowatts * 1000
                    moved += kilowatts * 1000 * Double(EnergyOracle.step) / 3600
                }
            }
        }
        if power.values.contains(where: { $0 > Double(limit) + 0.1 }) { wrong.append("amount above the limit") }
        if abs(moved - Double(amounts.reduce(0, +)) + left) > 1 { wrong.append("amount moves \(moved) Wh") }
        return wrong
    }

    // MARK: - Costs

    private struct Expected {
        var kwh = 0.0
        var cost = 0.0
    }

    private static func checkCosts(
        _ energy: inout EnergyCase, _ window: (start: Int, end: Int), _ generator: inout SeededGenerator
    ) -> [String] {
        // One record after another, some with a pause between them, up to what has a price.
        var records: [(from: Int, to: Int, wattHours: Int)] = []
        var instant = window.start - 6 * EnergyOracle.step
        while instant < window.end {
            let to = instant + [3, 6, 12, 36][Int.random(in: 0..<4, using: &generator)] * EnergyOracle.step
            records.append((instant, to, Int.random(in: 0...6000, using: &generator)))
            instant = to + Int.random(in: 0...1, using: &generator) * 5 * EnergyOracle.step
        }
        let bodies = records.map { record in
            body(
                (record.from, record.to),
                [
                    "location_id": .string(energy.location), "units": "WH", "value": .int(record.wattHours),
                    "session_reference_id": "s",
                ])
        }
        let batch = energy.emulation.api("PUT", "/meters/interval", .array(bodies.shuffled(using: &generator)))
        guard batch.body["records_processed"] == .int(records.count) else { return ["meters: \(batch.body)"] }

        var used: [Int: Double] = [:]
        var byRecord: [Int: Expected] = [:]
        var byDay: [Int: Expected] = [:]
        var total = Expected()
        for record in records {
            let parts = energy.oracle.cost(
                from: record.from, to: record.to, kilowattHours: Double(record.wattHours) / 1000, used: &used)
            for part in parts {
                byRecord[record.from, default: Expected()].cost += part.cost
                guard part.at >= window.start, part.at < window.end else { continue }
                byDay[energy.oracle.zone.wall(part.at).day, default: Expected()].kwh += part.kwh
                byDay[energy.oracle.zone.wall(part.at).day, default: Expected()].cost += part.cost
                total.kwh += part.kwh
                total.cost += part.cost
            }
        }
        var wrong: [String] = []
        func compare(_ row: AnsweredRow, _ expected: Expected, _ what: String) {
            let cost = hundredThousandths(row.json["cost"]?["value"])
            if abs(cost - expected.cost) > 0.6 {
                wrong.append("\(what) at \(row.from) costs \(cost), not \(expected.cost)")
            }
            if abs((row.json["energy"]?["value"]?.number ?? .nan) - expected.kwh * 1000) > 0.01 {
                wrong.append("\(what) at \(row.from) has another energy")
            }
        }
        let days = energy.post("/costs/interval/LOC?aggregation=DAY", body(window)).rows()
        if days.count != byDay.count { wrong.append("\(days.count) days, not \(byDay.count)") }
        for row in days { compare(row, byDay[energy.oracle.zone.wall(row.from).day] ?? Expected(), "day") }

        let months = energy.post("/costs/interval/LOC?aggregation=MONTH", body(window)).rows()
        let sum = months.reduce(0) { $0 + hundredThousandths($1.json["cost"]?["value"]) }
        if abs(sum - total.cost) > 1.2 { wrong.append("months cost \(sum), not \(total.cost)") }

        let session = energy.post("/costs/session/s", nil).rows()
        if session.count != records.count { wrong.append("session: \(session.count) rows, not \(records.count)") }
        for (row, record) in zip(session, records) {
            compare(
                row, Expected(kwh: Double(record.wattHours) / 1000, cost: byRecord[record.from]?.cost ?? 0), "record")
        }
        return wrong
    }
}
