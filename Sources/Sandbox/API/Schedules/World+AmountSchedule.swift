import FoundationEssentials

/// Schedules by amount (upstream.md §6.6).
///
/// Where less fits than is asked for, the answer has what fits (a choice: the documents do not say). The solar forecast
/// is not emulated.
extension World {
    mutating func amountSchedule(_ call: APICall) throws(Refusal) -> JSON {
        let fields = try call.fields()
        let id = call.dialect.isZero ? try fields.text("location_id") : call.id
        guard let location = location(id, in: call.scope) else { throw .notFound }
        let request = try AmountRequest(fields, call, zone: location.address.zone)
        for asked in request.devices {
            guard let device = device(asked.id, in: call.scope) else {
                throw .invalid("device_not_found", "Device was not found")
            }
            guard device.isAt(location.id) else {
                throw .invalid("device_id_invalid", "The device is at another location")
            }
        }
        var curves: [Direction: PriceCurve] = [:]
        for device in request.devices { curves[device.direction] = try curve(at: location, device.direction, call) }
        let planned = PlannedAmounts(request, curves)
        guard planned.hasPrices else { throw .noPrices }

        let rows = request.devices.indices.map { planned.row($0, call.dialect) }
        let isZero = call.dialect.isZero
        return envelope(isZero ? "sch" : "sae", isZero ? "schedule" : "schedule_amount", call).merging(
            of(location), planned.total(call.dialect), fields.members.filter { $0.key == "shaving_threshold" },
            ["max_power": request.power.json, "data": .array(rows)])
    }
}

/// A schedule by amount, planned, and the same energy moved as early as can be, which it is compared with.
private struct PlannedAmounts {
    private let request: AmountRequest
    /// The spans of time, and what a kWh costs there in each direction.
    private let spans: [(from: Int, to: Int)]
    private let prices: [Direction: [PriceCurve.Row?]]
    private let plan: EnergyPlan
    private let early: EnergyPlan

    init(_ request: AmountRequest, _ curves: [Direction: PriceCurve]) {
        self.request = request
        let windows = request.devices.map { ($0.window.start.epochSeconds, $0.window.end.epochSeconds) }
        let start = windows.map(\.0).min() ?? 0
        let end = windows.map(\.1).max() ?? 0
        var cuts = Set(windows.flatMap { [$0.0, $0.1] })
        for curve in curves.values { cuts.formUnion(curve.cuts(from: start, to: end)) }
        let sorted = cuts.sorted()
        let spans = Array(zip(sorted, sorted.dropFirst())).map { (from: $0, to: $1) }
        let prices = curves.mapValues { curve in spans.map { curve.rows(from: $0.from, to: $0.to).first } }
        let limit = request.threshold.map { threshold in
            threshold.price(among: (prices[.import] ?? []).compactMap { $0 }) + 1e-9
        }
        let devices = request.devices.map { device in
            let isExport = device.direction == .export
            let window = device.window.start.epochSeconds...device.window.end.epochSeconds
            return EnergyPlan.Device(
                energy: Int((device.energy.base * 3600).rounded()), power: Int(device.power.base.rounded()),
                costs: spans.indices.map { index in
                    guard let row = prices[device.direction]?[index], window.contains(spans[index].from),
                        window.contains(spans[index].to), isExport || limit.map({ row.value <= $0 }) ?? true
                    else { return nil }
                    return Int((row.value * 100_000).rounded()) * (isExport ? -1 : 1)
                })
        }
        let seconds = spans.map { $0.to - $0.from }
        let power = Int(request.power.base.rounded())
        plan = EnergyPlan(devices: devices, seconds: seconds, power: power)
        let moved = plan.flows.map { $0.reduce(0, +) }
        early = EnergyPlan(
            devices: zip(request.devices, moved).map { device, energy in
                let window = device.window.start.epochSeconds...device.window.end.epochSeconds
                return EnergyPlan.Device(
                    energy: energy, power: Int(device.power.base.rounded()),
                    costs: spans.indices.map { index in
                        prices[device.direction]?[index] != nil && window.contains(spans[index].from)
                            && window.contains(spans[index].to) ? 0 : nil
                    })
            }, seconds: seconds, power: power)
        (self.spans, self.prices) = (spans, prices)
    }

    /// Whether every device has a price at some time of its window.
    var hasPrices: Bool {
        request.devices.allSatisfy { device in
            zip(spans, prices[device.direction] ?? []).contains { span, row in
                row != nil && span.from >= device.window.start.epochSeconds && span.to <= device.window.end.epochSeconds
            }
        }
    }

    /// What a device's energy costs in a plan, or brings.
    private func money(_ plan: EnergyPlan, _ number: Int) -> Double {
        let rows = prices[request.devices[number].direction] ?? []
        return zip(plan.flows[number], rows).reduce(0) { $0 + Double($1.0) / 3_600_000 * ($1.1?.value ?? 0) }
    }

    private func confidence(_ number: Int) -> Double {
        let rows = prices[request.devices[number].direction] ?? []
        return zip(plan.flows[number], rows).filter { $0.0 > 0 }.compactMap { $0.1?.confidence }.min() ?? 1
    }

    private static func savings(_ saved: Double, of early: Double) -> JSON {
        [
            "value": .double(saved.roundedToFiveDecimals),
            "percentage": .double(early == 0 ? 0 : (saved / abs(early) * 100).roundedToFiveDecimals),
        ]
    }

    /// `cost` and `savings` of all devices together: what is sold counts against what is bought.
    func total(_ dialect: Dialect) -> [String: JSON] {
        let signs = request.devices.map { $0.direction == .export ? -1.0 : 1 }
        let cost = signs.indices.reduce(0) { $0 + signs[$1] * money(plan, $1) }
        let early = signs.indices.reduce(0) { $0 + signs[$1] * money(self.early, $1) }
        let confidence = signs.indices.map(confidence).min() ?? 1
        return [
            dialect.cost: ["value": .double(cost.roundedToFiveDecimals), "confidence": .double(confidence)],
            "savings": Self.savings(early - cost, of: early),
        ]
    }

    func row(_ number: Int, _ dialect: Dialect) -> JSON {
        let device = request.devices[number]
        let (cost, early) = (money(plan, number), money(self.early, number))
        let saved = device.direction == .export ? cost - early : early - cost
        var steps: [(from: Int, to: Int, watts: Double)] = []
        for (span, energy) in zip(spans, plan.flows[number]) where energy > 0 {
            let watts = Double(energy) / Double(span.to - span.from)
            if let last = steps.last, last.to == span.from, last.watts == watts {
                steps[steps.count - 1].to = span.to
            } else {
                steps.append((span.from, span.to, watts))
            }
        }
        return JSON.object(device.window.json).merging([
            "device_id": .string(device.id), dialect.scheduleDirection: .string(device.direction.rawValue),
            "max_power": device.power.json, "energy": device.energy.json,
            dialect.cost: ["value": .double(cost.roundedToFiveDecimals), "confidence": .double(confidence(number))],
            "savings": Self.savings(saved, of: early),
            "schedule": .array(
                steps.map { step in
                    let value = device.power.isKilo ? step.watts / 1000 : step.watts
                    return [
                        "start_time": .string(device.window.text(step.from)),
                        "end_time": .string(device.window.text(step.to)),
                        "power": [
                            "units": .string(device.power.units), "value": .double(value.roundedToFiveDecimals),
                        ],
                    ]
                }),
        ])
    }
}
