/// What calls about energy may hold (upstream.md §6.2, §6.3, §6.6 to §6.9).
extension Strictness {
    /// The parameters of a call; nil where the general table has them.
    static func energyQuery(of operation: Sandbox.Operation, _ method: String, _ dialect: Dialect) -> Set<String>? {
        let includes: Set = ["include_tariff", "include_carbon"]
        let window: Set = ["start_time", "end_time", "direction"]
        switch operation {
        case .prices where method == "GET": return window.union(includes)
        case .scheduleDuration where method == "GET": return window.union(["segment", "duration"])
        case .scheduleLimit where method == "GET": return window.union(["segment", "relative", "absolute"])
        case .costInstant: return Set(["non_persistent"]).union(dialect.hasNewerNames ? [] : includes)
        case .costSession: return Set([dialect.costDirection]).union(dialect.hasNewerNames ? [] : includes)
        case .costInterval:
            return Set([dialect.costDirection, "aggregation"]).union(dialect.hasNewerNames ? [] : includes)
        case .meterBatch: return ["batch_id"]
        case .devices: return ["reference_id", "starting_after", "ending_before", "limit"]
        default: return nil
        }
    }

    /// The body of a call; nil where the general table has it.
    static func energyBody(of operation: Sandbox.Operation, _ dialect: Dialect) -> Shape? {
        switch operation {
        case .prices: .object(window(dialect, path: .prices))
        case .scheduleDuration: .object(window(dialect).merging(["segment": .text, "duration": .number]) { $1 })
        case .scheduleLimit:
            .object(window(dialect).merging(["segment": .text, "relative": .number, "absolute": .number]) { $1 })
        case .scheduleAmount: amount(dialect)
        case .costInstant: .object(record(dialect))
        case .costInterval: .object(["start_time": .text, "end_time": .text])
        case .meterInterval: .list(.object(record(dialect)))
        case .meterCumulative:
            .object(
                owner(dialect).merging([
                    "units": .text,
                    "data": .list(.object(["time": .number, "value": .number, "record_reference_id": .text])),
                ]) { $1 })
        case .deviceCreate where dialect.isZero: .object(["reference_id": .text])
        case .deviceCreate where dialect.isBusbar:
            .object([
                "reference_id": .text, "type": .text, "locations": .list(.text), "manufacturer": .text,
                "model_code": .text, "model_name": .text, "properties": .anything,
            ])
        case .deviceCreate: .object(["reference_id": .text, "location_id": .text, "pv_system": solar])
        default: nil
        }
    }

    private static let solar = Shape.object([
        "rated_power_kw": .number, "install_date": .text, "azimuth": .number, "tilt": .number,
        "terrain_shading": .flag, "forecasts": .object(["enabled": .flag]),
    ])

    /// The older edition takes both names, so that a client of the newer one can read its answers.
    ///
    /// - Parameter path: What decides whether BUSBAR has the location in the path.
    private static func window(
        _ dialect: Dialect, path: Sandbox.Disagreement = .schedules
    ) -> [String: Shape] {
        var members: [String: Shape] = ["start_time": .text, "end_time": .text, "tariff_direction": .text]
        if dialect.takesBothNames, path == .schedules { members["direction"] = .text }
        if dialect.isBusbar {
            members["device_id"] = .text
            if !dialect.isOlder(path) { members["location_id"] = .text }
        }
        return members
    }

    private static func amount(_ dialect: Dialect) -> Shape {
        let quantity = Shape.object(["units": .text, "value": dialect.isZero ? .anything : .number])
        var device: [String: Shape] = [
            "device_id": .text, "start_time": .text, "end_time": .text, "max_power": quantity, "energy": quantity,
        ]
        if !dialect.isZero { device["tariff_direction"] = .text }
        if !dialect.hasNewerNames { device["direction"] = .text }
        return .object([
            "location_id": .text, "max_power": quantity,
            "shaving_threshold": .object(["relative": .number, "absolute": .number]), "data": .list(.object(device)),
        ])
    }

    /// Whom a meter record is of.
    private static func owner(_ dialect: Dialect) -> [String: Shape] {
        var members: [String: Shape] = ["location_id": .text, "device_id": .text, "session_reference_id": .text]
        if !dialect.isZero { (members["energy_flow_direction"], members["tariff_direction"]) = (.text, .text) }
        if !dialect.hasNewerNames { members["direction"] = .text }
        if dialect.isZero { members["tariff_rate"] = .text }
        return members
    }

    private static func record(_ dialect: Dialect) -> [String: Shape] {
        var members = owner(dialect).merging([
            "units": .text, "value": .number, "start_time": .text, "end_time": .text, "record_reference_id": .text,
            "confidence": .number,
        ]) { $1 }
        if !dialect.hasNewerNames { members["measurand"] = .text }
        return members
    }
}
