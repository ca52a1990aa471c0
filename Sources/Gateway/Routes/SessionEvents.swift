import Core
import Edge
import FoundationEssentials
import HTTPTypes
import Keys
import Networking
import Sessions
import Synchronization

extension Route {
    /// `GET /v1/connect/sessions/{id}/events`: the session as server-sent events, one for each change, until it ends.
    static func sessionEvents(_ sessions: Sessions, now: @escaping @Sendable () -> Date) -> Route {
        let listeners = Listeners()
        return Route(
            .get, "/v1/connect/sessions/{id}/events", .read,
            .user { (exchange, subject) throws(BFFError) in
                let session = try await sessions.outcomes.session(try exchange.identifier("id"), of: subject)
                var reply = Reply(.ok, contentType: "text/event-stream; charset=utf-8")
                // nginx would otherwise hold events back until its buffer is full.
                reply.headers[.xAccelBuffering] = "no"
                if exchange.head.method == .head { return reply }
                let slot = try listeners.enter(subject)
                let events = SessionEvents(
                    session: session.id, subject: subject, sessions: sessions, now: now,
                    lastSeen: exchange.head.headerFields[.lastEventID])
                reply.body = .stream { writer in
                    defer { slot.leave() }
                    try await events.run(writer)
                }
                return reply
            })
    }
}

/// One listener's events (HTML standard, section 9.2).
private struct SessionEvents {
    let session: SessionID
    let subject: Subject
    let sessions: Sessions
    let now: @Sendable () -> Date
    /// The id of the last event that the listener saw before its connection broke.
    let lastSeen: String?

    /// A listener who left is noticed when something is sent, and proxies close what is silent.
    private static let heartbeat = Duration.seconds(15)
    /// Then the listener has to ask again, with credentials that are still good.
    private static let longest = Duration.seconds(1800)

    /// Sends events until the session or the listener's time ends; throws when the listener has left.
    @concurrent func run(_ writer: any BodyWriter) async throws {
        let end = ContinuousClock.now + Self.longest
        var lastSeen = lastSeen
        try await writer.write(Array("retry: 2000\n\n".utf8))
        while ContinuousClock.now < end, !Task.isCancelled {
            // Gone, or the store is away: the listener asks again and gets a status.
            guard let session = try? await sessions.outcomes.session(session, of: subject) else { return }
            let outcome = session.outcome(at: now())
            let json = try JSONBody.encode(SessionView(session, outcome))
            // The same state has the same id, on every node and after every restart.
            let id = Digest.sha256(json).prefix(8).hexadecimal
            if id != lastSeen {
                let event = Array("id: \(id)\nevent: session\ndata: ".utf8) + json + Array("\n\n".utf8)
                try await writer.write(event)
                lastSeen = id
            } else {
                try await writer.write(Array(":\n\n".utf8))
            }
            // A listener waits for the confirmation, too.
            if outcome.isFinal, !session.awaitsConfirmation(at: now()) { return }
            let wait = min(session.liveWait(at: now()), Self.heartbeat)
            await sessions.outcomes.waitForChange(of: self.session, timeout: wait)
        }
    }
}

/// How many listen, in all and for each subject: a stream is cheap, and so is opening thousands.
private final class Listeners: Sendable {
    private static let most = 1000
    private static let mostOfSubject = 10
    private let listening = Mutex<[Subject: Int]>([:])

    /// One stream's slot; it is given back with the stream, or with an answer that never began to stream.
    final class Slot: Sendable {
        private let listeners: Listeners
        private let subject: Subject
        private let hasLeft = Atomic(false)

        fileprivate init(_ listeners: Listeners, _ subject: Subject) {
            self.listeners = listeners
            self.subject = subject
        }

        deinit { leave() }

        func leave() {
            if !hasLeft.exchange(true, ordering: .relaxed) { listeners.leave(subject) }
        }
    }

    /// Takes a slot, checked and taken in one step.
    func enter(_ subject: Subject) throws(BFFError) -> Slot {
        try listening.withLock { (listening) throws(BFFError) in
            let own = listening[subject] ?? 0
            guard own < Self.mostOfSubject else { throw .rateLimited(retryAfter: 5) }
            guard listening.values.reduce(0, +) < Self.most else { throw .overloaded }
            listening[subject] = own + 1
        }
        return Slot(self, subject)
    }

    private func leave(_ subject: Subject) {
        listening.withLock { listening in
            let left = (listening[subject] ?? 1) - 1
            listening[subject] = left > 0 ? left : nil
        }
    }
}
