import FoundationEssentials

/// Devices (upstream.md §6.9).
extension World {
    mutating func createDevice(_ call: APICall) throws(Refusal) -> JSON {
        let body = call.request.body.isEmpty ? Fields([:]) : try call.fields()
        let reference = try body.text("reference_id")
        var locationIDs: [String] = []
        var solar: JSON?
        var description: [String: JSON] = [:]
        switch call.dialect.version {
        case .zero: break
        case .anode:
            locationIDs = [try body.text("location_id")].compactMap(\.self)
            solar = try body.object("pv_system").map { (system) throws(Refusal) in try Self.solar(system) }
        case .busbar:
            guard reference?.isEmpty == false else {
                throw .invalid("reference_id_missing", "reference_id is required")
            }
            locationIDs = (body.members["locations"]?.array ?? []).compactMap(\.string)
            guard !locationIDs.isEmpty else { throw .invalid("locations_missing", "locations is required") }
            description = try Self.description(body)
        }
        guard locationIDs.allSatisfy({ location($0, in: call.scope) != nil }) else {
            throw .invalid("location_not_found", "Location was not found")
        }
        let device = Device(
            id: ids.next("dev"), scope: call.scope, referenceID: reference, locationIDs: locationIDs, solar: solar,
            description: description, created: call.now, number: number())
        devices[device.id] = device
        let json = device.json(call.dialect)
        record("device.create", json.object ?? [:], scope: call.scope, at: call.now)
        return json
    }

    /// The solar system of a device with the documented defaults filled in.
    private static func solar(_ system: Fields) throws(Refusal) -> JSON {
        guard try system.number("rated_power_kw") > 0 else {
            throw .invalid("rated_power_kw_invalid", "rated_power_kw must be larger than zero")
        }
        let enabled = try system.object("forecasts")?.flag("enabled") ?? false
        return JSON.object(["tilt": 23, "terrain_shading": false])
            .merging(system.members, ["forecasts": ["enabled": .bool(enabled)]])
    }

    /// What kind of device it is, in BUSBAR.
    private static func description(_ body: Fields) throws(Refusal) -> [String: JSON] {
        let types = ["EV_CHARGER", "ELECTRIC_VEHICLE", "BATTERY_SYSTEM", "PV_SYSTEM", "OTHER"]
        guard let type = try body.text("type") else { throw .invalid("type_missing", "type is required") }
        guard types.contains(type) else {
            throw .invalid("type_invalid", "type must be one of " + types.joined(separator: ", "))
        }
        var description: [String: JSON] = ["type": .string(type)]
        for name in ["manufacturer", "model_code", "model_name"] {
            description[name] = try body.text(name).map(JSON.string)
        }
        description["properties"] = try body.object("properties").map { .object($0.members) }
        return description
    }

    func listDevices(_ call: APICall) throws(Refusal) -> JSON {
        let reference = call.query["reference_id"]
        let listed = devices.values
            .filter { $0.scope == call.scope && (reference == nil || $0.referenceID == reference) }
            .sorted { $0.number > $1.number }
        return try Self.page(listed.map { ($0.id, $0.json(call.dialect)) }, url: "/devices", call.query)
    }

    func device(_ call: APICall) throws(Refusal) -> JSON {
        guard let device = device(call.id, in: call.scope) else { throw .notFound }
        return device.json(call.dialect)
    }

    mutating func deleteDevice(_ call: APICall) throws(Refusal) -> JSON {
        guard let device = device(call.id, in: call.scope) else { throw .notFound }
        devices[device.id] = nil
        record("device.delete", device.json(call.dialect).object ?? [:], scope: call.scope, at: call.now)
        return ["message": "Accepted"]
    }

    func device(_ id: String?, in scope: Scope) -> Device? {
        guard let id, let device = devices[id], device.scope == scope else { return nil }
        return device
    }
}
