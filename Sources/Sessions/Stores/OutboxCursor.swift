package import Core
package import FoundationEssentials
import Networking

/// How far the events of a session are published; stored beside its facts and changed together with them.
package struct OutboxCursor: Equatable, Sendable {
    /// The state of the last event; `nil` before the first.
    package var state: SessionState?
    /// The number of the session's last event.
    package var sequence: Int

    package init(state: SessionState? = nil, sequence: Int = 0) {
        self.state = state
        self.sequence = sequence
    }

    /// Creates the event of a session whose state differs from that of the last event, and advances past it.
    ///
    /// A function of the stored facts and the time: facts that come twice, late or in another order create no second event,
    /// and a process that is killed leaves both facts and event or neither.
    package mutating func event(of session: ConnectSession, at now: Date) throws(BFFError) -> NewEvent? {
        let outcome = session.outcome(at: now)
        guard session.publishes(outcome.state), outcome.state != state,
            let id = EventID("evt_\(session.id.text.drop { $0 != "_" }.dropFirst())_\(sequence &+ 1)")
        else { return nil }
        state = outcome.state
        sequence &+= 1
        return NewEvent(
            id: id, type: "session.\(outcome.state.rawValue)", session: session.id, subject: session.subject, at: now,
            data: try JSONBody.encode(PublishedSession(session, outcome)))
    }
}

extension SessionState {
    /// Whether the state has an event: the integrator's backend needs none for its own mints and for the use of its app.
    package var isPublished: Bool {
        switch self {
        case .created, .active: false
        case .abandoned, .pending, .connected, .failed, .disconnected, .expired: true
        }
    }
}

extension ConnectSession {
    /// Whether a state has an event now: that of a connected session waits for its confirmation.
    func publishes(_ state: SessionState) -> Bool { state.isPublished && (isConfirmed || state != .connected) }

    /// When the state changes next by time alone; `nil` when it does not, or when an earlier poll (``nextPoll``) decides.
    package func nextChange(after now: Date) -> Date? {
        let state = outcome(at: now).state
        let change = [expiresAt, facts.located.map { $0.since + Self.pendingLimit }].compactMap(\.self).sorted()
            .first { $0 > now && outcome(at: $0).state != state }
        guard let change, nextPoll.map({ $0 > change }) ?? true else { return nil }
        return change
    }
}

/// The data of a session's event: the session as its owner reads it, and its subject.
private struct PublishedSession: Encodable {
    private let subject: String
    private let session: SessionView

    init(_ session: ConnectSession, _ outcome: Outcome) {
        subject = session.subject.text
        self.session = SessionView(session, outcome)
    }

    private enum CodingKeys: CodingKey { case subject }

    func encode(to encoder: any Encoder) throws {
        try session.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(subject, forKey: .subject)
    }
}
