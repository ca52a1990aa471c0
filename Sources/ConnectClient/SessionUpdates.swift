import Foundation

extension ConnectClient {
    /// A session as it stands, and again at each change, until it is final.
    ///
    /// The iteration reconnects by itself. It throws `CancellationError` when its task is cancelled, and ``ConnectError``
    /// when the service refuses to go on.
    public struct SessionUpdates: AsyncSequence, Sendable {
        let service: Service
        let call: Call

        /// Begins to follow the session.
        public func makeAsyncIterator() -> Iterator {
            Iterator(feed: EventFeed(service, call, names: ["session"]))
        }

        /// The updates that are still to come.
        public struct Iterator: AsyncIteratorProtocol {
            var feed: EventFeed
            var isOver = false

            /// Returns the session at its next change; nil when it was final.
            public mutating func next() async throws -> Session? {
                guard !isOver else { return nil }
                let session: Session = try await feed.decode(feed.next().data)
                isOver = session.isFinal
                return session
            }
        }
    }

    /// What changes at a location.
    ///
    /// The iteration reconnects by itself, and misses nothing meanwhile. It throws `CancellationError` when its task is
    /// cancelled, and ``ConnectError`` when the service refuses to go on, as when the location is the customer's no more.
    public struct LocationUpdates: AsyncSequence, Sendable {
        let service: Service
        let call: Call

        /// Begins to follow the location.
        public func makeAsyncIterator() -> Iterator {
            Iterator(feed: EventFeed(service, call, names: ["location.updated", "tariff.action_required"]))
        }

        /// The updates that are still to come.
        public struct Iterator: AsyncIteratorProtocol {
            var feed: EventFeed

            /// Returns the next event.
            public mutating func next() async throws -> LocationEvent? {
                let event = try await feed.next()
                let data: LocationEventData = try feed.decode(event.data)
                return LocationEvent(
                    event: event.name, locationID: data.location_id, actionRequired: data.action_required, at: data.at)
            }
        }
    }

    private struct LocationEventData: Decodable {
        let location_id: String
        let action_required: ActionRequired?
        let at: Date
    }
}

extension ConnectClient.Session {
    /// Whether nothing about the session changes any more.
    var isFinal: Bool {
        guard endedAt != nil else { return false }
        return switch state {
        case .expired: true
        case .connected, .failed, .disconnected: confirmed != false || reason != nil
        default: false
        }
    }
}
