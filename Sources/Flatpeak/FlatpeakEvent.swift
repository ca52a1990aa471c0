package import Core
package import FoundationEssentials
import Networking
import Wire

/// Something that happened at Flatpeak (upstream.md §5.2), as a webhook or the list of events has it.
///
/// Only what decides something is read, and leniently: a field of an unexpected type is as good as missing, since an
/// event of an unknown kind has to be kept all the same.
package struct FlatpeakEvent: Sendable {
    /// `evt_…`; nil when the event has none that could be one.
    package let id: EventID?
    /// `resource.event`, such as `tariff.expired`; `unknown` when there is none, or one that could not be written to a
    /// log.
    package let type: String
    package let createdAt: Date?
    /// Whether it is about real customers; nil when it does not say.
    package let liveMode: Bool?
    /// The id of what it is about.
    package let object: String?
    package let tariff: String?
    /// `data.location_id`; of an event about a location itself, `data.id`.
    package let location: LocationID?
    /// The event as it came, to the byte.
    package let body: [UInt8]

    /// - Throws: `malformedJSON` when `body` is not one strict JSON object.
    package init(_ body: [UInt8]) throws(BFFError) {
        guard JSONScanner.scan(body.span), let wire = try? JSONDecoder().decode(Wire.self, from: Data(body)) else {
            throw .malformedJSON
        }
        self.body = body
        id = wire.id.flatMap { EventID($0) }
        type = wire.type.flatMap { Self.isType($0) ? $0 : nil } ?? "unknown"
        createdAt = wire.timeCreated.flatMap { try? Date($0, strategy: .iso8601) }
        liveMode = wire.liveMode ?? wire.data?.liveMode
        object = wire.data?.id
        tariff = wire.data?.tariffID
        // The documents have it as `locaiton.update`, too.
        let isAboutLocation = type.hasBytePrefix("location.") || type.hasBytePrefix("locaiton.")
        location = (wire.data?.locationID ?? (isAboutLocation ? wire.data?.id : nil)).flatMap { LocationID($0) }
    }

    private static func isType(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { $0.isWordByte || $0 == UInt8(ascii: ".") }
    }

    private struct Wire: Decodable {
        let id: String?
        let type: String?
        let timeCreated: String?
        let liveMode: Bool?
        let data: Object?

        enum CodingKeys: String, CodingKey {
            case id, type, data
            case timeCreated = "time_created"
            case liveMode = "live_mode"
        }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            id = try? fields.decode(String.self, forKey: .id)
            type = try? fields.decode(String.self, forKey: .type)
            timeCreated = try? fields.decode(String.self, forKey: .timeCreated)
            liveMode = try? fields.decode(Bool.self, forKey: .liveMode)
            data = try? fields.decode(Object.self, forKey: .data)
        }
    }

    private struct Object: Decodable {
        let id: String?
        let locationID: String?
        let tariffID: String?
        let liveMode: Bool?

        enum CodingKeys: String, CodingKey {
            case id
            case locationID = "location_id"
            case tariffID = "tariff_id"
            case liveMode = "live_mode"
        }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            id = try? fields.decode(String.self, forKey: .id)
            locationID = try? fields.decode(String.self, forKey: .locationID)
            tariffID = try? fields.decode(String.self, forKey: .tariffID)
            liveMode = try? fields.decode(Bool.self, forKey: .liveMode)
        }
    }
}

/// A page of Flatpeak's list of events (upstream.md §6.5).
package struct EventPage: Sendable {
    /// Newest first.
    package let events: [FlatpeakEvent]
    /// Whether there are older ones.
    package let hasMore: Bool

    init(_ answer: HTTPAnswer) throws(BFFError) {
        struct Envelope: Decodable { let has_more: Bool }
        var list: [UInt8] = []
        let isStrict = JSONScanner.scan(answer.body.span) { member, json in
            if member.depth == 0, json.matches("data", in: member.name.range) {
                list = Array(answer.body[member.value])
            }
            return true
        }
        guard isStrict, let ranges = JSONScanner.elements(of: list.span) else { throw .upstreamInvalidAnswer }
        hasMore = try answer.decoded(as: Envelope.self).has_more
        var events: [FlatpeakEvent] = []
        for range in ranges {
            do throws(BFFError) { events.append(try FlatpeakEvent(Array(list[range]))) } catch {
                throw .upstreamInvalidAnswer
            }
        }
        self.events = events
    }
}
