package import Core
import FoundationEssentials

/// Which tariffs of a location to list (upstream.md §6.1).
package struct TariffQuery: Hashable, Sendable {
    package var location: LocationID
    package var direction: TariffDirection?
    package var type: TariffType?
    package var page: Page?
    /// 1 to 100; Flatpeak's default is 30.
    package var limit: Int?

    /// Which page: the two cursors exclude each other (upstream.md §6.5).
    package enum Page: Hashable, Sendable {
        case startingAfter(Identifier<Cursor>)
        case endingBefore(Identifier<Cursor>)
    }

    /// The kind of id that a list is paged by.
    package enum Cursor {}

    package init(
        location: LocationID, direction: TariffDirection? = nil, type: TariffType? = nil, page: Page? = nil,
        limit: Int? = nil
    ) {
        self.location = location
        self.direction = direction
        self.type = type
        self.page = page
        self.limit = limit
    }

    /// Names and values that need no escaping, since each passed its type.
    var items: [(String, String)] {
        var items = [("location_id", location.text)]
        if let direction { items.append(("direction", direction.rawValue)) }
        if let type { items.append(("type", type.rawValue)) }
        switch page {
        case .startingAfter(let id): items.append(("starting_after", id.text))
        case .endingBefore(let id): items.append(("ending_before", id.text))
        case nil: break
        }
        if let limit { items.append(("limit", String(limit))) }
        return items
    }
}

/// A tariff of a location, as a list has it (upstream.md §6.1).
package struct ListedTariff: Decodable, Sendable {
    let id: String
    /// Its slot; `nil` where Flatpeak does not say it, or says one that is not known here.
    package let slot: TariffSlot?

    private enum CodingKeys: CodingKey { case id, direction, tariff_direction, type, tariff_type }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        id = try fields.decode(String.self, forKey: .id)
        // Versions differ in the names.
        let direction = Self.word(fields, .tariff_direction, .direction).flatMap { TariffDirection(rawValue: $0) }
        let type = Self.word(fields, .tariff_type, .type).flatMap { TariffType(rawValue: $0) }
        slot = direction.flatMap { direction in type.map { TariffSlot(direction: direction, type: $0) } }
    }

    private static func word(_ fields: KeyedDecodingContainer<CodingKeys>, _ names: CodingKeys...) -> String? {
        names.lazy.compactMap { try? fields.decode(String.self, forKey: $0) }.first
    }
}

/// Which prices of a location to read (upstream.md §6.3).
struct PriceQuery: Sendable {
    var location: LocationID
    var start: Date?
    var end: Date
    var direction: TariffDirection?
}

/// How the tariffs of a location stand.
package struct LocationStatus: Sendable {
    private let slots: LocationStatusReply.Slots
    /// Flatpeak's answer as clients may read it.
    package let body: [UInt8]

    init(slots: LocationStatusReply.Slots, body: [UInt8]) {
        self.slots = slots
        self.body = body
    }

    /// The status of one slot; nil when the answer does not name it.
    package subscript(slot slot: TariffSlot) -> TariffStatus? {
        let reply =
            switch (slot.type, slot.direction) {
            case (.commodity, .importing): slots.commodity_import
            case (.commodity, .exporting): slots.commodity_export
            case (.nonCommodity, .importing): slots.non_commodity_import
            case (.nonCommodity, .exporting): slots.non_commodity_export
            case (_, .local): slots.local
            }
        return reply.map { TariffStatus($0.status) }
    }

    /// Whether the customer has to connect a tariff again, when an event said so of `tariff`.
    ///
    /// The slot of that tariff decides. When no slot has it, or the event named none, any broken slot does, and so does
    /// a location at which nothing is connected.
    package func needsReconnection(of tariff: String?) -> Bool {
        if let tariff, let own = all.first(where: { $0.tariffID == tariff }) {
            return TariffStatus(own.status) != .connected
        }
        let statuses = all.map { TariffStatus($0.status) }
        return statuses.contains(.error) || !statuses.contains(.connected)
    }

    /// Whether a tariff is in one of the slots, and connected.
    package func isConnected(_ tariff: String) -> Bool {
        all.contains { $0.tariffID.map { $0.equalsBytes(of: tariff) } == true && TariffStatus($0.status) == .connected }
    }

    private var all: [LocationStatusReply.Slot] {
        [
            slots.commodity_import, slots.commodity_export, slots.non_commodity_import, slots.non_commodity_export,
            slots.local,
        ].compactMap(\.self)
    }
}
