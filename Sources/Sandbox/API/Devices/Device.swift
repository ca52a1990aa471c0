import FoundationEssentials

extension World {
    /// A device at a location (upstream.md §6.9).
    struct Device: Sendable {
        let id: String
        let scope: Scope
        let referenceID: String?
        /// Where it is, if the call that made it said so: ANODE alone knows.
        let locationID: String?
        let solar: JSON?
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
        guard dialect != .zero else { return .object(members) }
        members["location_id"] = locationID.map(JSON.string)
        members["pv_system"] = solar
        return .object(members)
    }
}
