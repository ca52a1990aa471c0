import Core
import Edge
import FoundationEssentials
import HTTPTypes
import Networking
import Sessions

extension Route {
    /// `GET /v1/locations/{id}/events`: what changes at one of the subject's locations, as server-sent events.
    static func locationEvents(_ feed: LocationFeed, _ listeners: Listeners) -> Route {
        Route(
            .get, "/v1/locations/{id}/events", .read,
            .user { (exchange, subject) throws(BFFError) in
                let location: LocationID = try exchange.identifier("id")
                // What the listener has seen is judged by the state before the stream begins: nothing is missed between.
                let cursor = LocationCursor(
                    try await feed.state(of: location, for: subject),
                    lastSeen: exchange.head.headerFields[.lastEventID])
                let events = LocationEvents(location: location, subject: subject, feed: feed, start: cursor)
                return try .events(to: exchange, of: subject, listeners) { try await events.run($0) }
            })
    }
}

/// One listener's events of a location.
private struct LocationEvents {
    let location: LocationID
    let subject: Subject
    let feed: LocationFeed
    /// What the listener has seen.
    let start: LocationCursor

    /// Sends events until the location is the listener's no more, or its time ends; throws when the listener has left.
    @concurrent func run(_ stream: EventStream) async throws {
        try await feed.watch(location) { watch in
            var cursor = start
            // Also a listener that gets no event repeats it, and misses nothing while it connects again.
            try await stream.mark(cursor.text)
            while stream.isOpen {
                // Not the listener's any more, or the store is away: the listener asks again and gets a status.
                guard let state = try? await feed.state(of: location, for: subject) else { return }
                let events = cursor.advance(to: state)
                for (event, cursor) in events {
                    try await stream.send(event.name, id: cursor.text, try JSONBody.encode(Data(location, event)))
                }
                if events.isEmpty { try await stream.beat() }
                await watch.wait(timeout: EventStream.heartbeat)
            }
        }
    }

    /// The data of an event.
    private struct Data: Encodable {
        let location_id: String
        let action_required: String?
        let at: Date

        init(_ location: LocationID, _ event: LocationCursor.Event) {
            location_id = location.text
            switch event {
            case .updated(let at): (action_required, self.at) = (nil, at)
            case .actionRequired(let action, let at): (action_required, self.at) = (action.rawValue, at)
            }
        }

        private enum CodingKeys: CodingKey { case location_id, action_required, at }
    }
}

extension LocationCursor.Event {
    fileprivate var name: String {
        switch self {
        case .updated: "location.updated"
        case .actionRequired: "tariff.action_required"
        }
    }
}
