import FoundationEssentials

/// Events as the API lists them (upstream.md §5.2, §5.3).
extension World {
    func listEvents(_ query: FormFields, scope: Scope, at now: Date) throws(Refusal) -> JSON {
        let oldest = now.addingTimeInterval(-90 * 86_400)
        let listed = events.reversed().filter { event in
            event.scope == scope && event.created >= oldest
                && (query["event_type"].map { $0 == event.type } ?? true)
                && (query["object_id"].map { event.concerns($0) } ?? true)
        }
        return try Self.page(listed.map { ($0.id, $0.json) }, url: "/events", query)
    }

    func event(_ id: String?, scope: Scope) throws(Refusal) -> JSON {
        guard let event = events.first(where: { $0.id == id && $0.scope == scope }) else { throw .notFound }
        return event.json
    }
}

extension World.Event {
    /// The generic shape of upstream.md §5.2.
    var json: JSON {
        [
            "id": .string(id), "object": "event", "type": .string(type), "data": .object(data),
            "time_created": .string(Timestamp.utc(created)),
        ]
    }

    func concerns(_ objectID: String) -> Bool {
        ["id", "location_id", "tariff_id"].contains { data[$0] == .string(objectID) }
    }
}
