import FoundationEssentials

extension World {
    /// A device at a location (upstream.md §6.9).
    struct Device: Sendable {
        let id: String
        let scope: Scope
        let referenceID: String?
        /// Where it is, if the call that made it said so: ANODE has one place at most, ZERO none.
        let locationIDs: [String]
        let solar: JSON?
        /// What BUSBAR says of a device: its type, maker, model and properties.
        let description: [String: JSON]
        let created: Date
        /// Counts up, for the order of lists.
        let number: Int
        /// When a meter record of it last arrived.
        var lastSeen: Date?
    }
}

extension World.Device {
    func json(_ dialect: Dialect) -> JSON {
        var members: [String: JSON] = [
            "id": .string(id), "object": "device", "live_mode": .bool(scope.live), "reference_id": JSON(referenceID),
            "time_created": .string(Timestamp.utc(created)), "account_id": .string(scope.account),
        ]
        members["last_seen"] = lastSeen.map { .string(Timestamp.utc($0)) }
        switch dialect.version {
        case .zero: break
        case .anode:
            members["location_id"] = locationIDs.first.map(JSON.string)
            members["pv_system"] = solar
        case .busbar:
            members.merge(description) { $1 }
            members["locations"] = .array(locationIDs.map(JSON.string))
            members["flex_enabled"] = false
        }
        return .object(members)
    }

    /// Whether it may be at a location: one that names none may be anywhere.
    func isAt(_ locationID: String) -> Bool { locationIDs.isEmpty || locationIDs.contains(locationID) }
}
