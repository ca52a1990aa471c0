import Core
import Edge
import FoundationEssentials
import HTTPTypes
import Keys
import Networking
import Sessions

extension Route {
    /// `GET /v1/connect/sessions/{id}/events`: the session as server-sent events, one for each change, until it ends.
    static func sessionEvents(
        _ sessions: Sessions, _ listeners: Listeners, now: @escaping @Sendable () -> Date
    ) -> Route {
        Route(
            .get, "/v1/connect/sessions/{id}/events", .read,
            .user { (exchange, subject) throws(BFFError) in
                let session = try await sessions.outcomes.session(try exchange.identifier("id"), of: subject)
                let events = SessionEvents(
                    session: session.id, subject: subject, sessions: sessions, now: now,
                    lastSeen: exchange.head.headerFields[.lastEventID])
                return try .events(to: exchange, of: subject, listeners) { try await events.run($0) }
            })
    }
}

/// One listener's events of a session.
private struct SessionEvents {
    let session: SessionID
    let subject: Subject
    let sessions: Sessions
    let now: @Sendable () -> Date
    /// The id of the last event that the listener saw before its connection broke.
    let lastSeen: String?

    /// Sends events until the session or the listener's time ends; throws when the listener has left.
    @concurrent func run(_ stream: EventStream) async throws {
        var lastSeen = lastSeen
        while stream.isOpen {
            // Gone, or the store is away: the listener asks again and gets a status.
            guard let session = try? await sessions.outcomes.session(session, of: subject) else { return }
            let outcome = session.outcome(at: now())
            let json = try JSONBody.encode(SessionView(session, outcome))
            // The same state has the same id, on every node and after every restart.
            let id = Digest.sha256(json).prefix(8).hexadecimal
            if id != lastSeen {
                try await stream.send("session", id: id, json)
                lastSeen = id
            } else {
                try await stream.beat()
            }
            // A listener waits for the confirmation, too.
            if outcome.isFinal, !session.awaitsConfirmation(at: now()) { return }
            let wait = min(session.liveWait(at: now()), EventStream.heartbeat)
            await sessions.outcomes.waitForChange(of: self.session, timeout: wait)
        }
    }
}
