package import Core
package import FoundationEssentials

/// What the integrator's backend was told of a session; the store keeps it beside the facts and changes both together.
package struct Told: Equatable, Sendable {
    /// The state that was told last; nil while there was nothing to tell.
    package var state: SessionState?
    /// The number of the session's last event.
    package var sequence: Int

    package init(state: SessionState? = nil, sequence: Int = 0) {
        self.state = state
        self.sequence = sequence
    }

    /// The event to be told of a session, when its state is another one than was told last.
    ///
    /// A function of the facts that are kept and the time: facts that come twice, late or in another order make no
    /// second event, and a process that was killed leaves either facts and event or neither.
    package mutating func event(of session: ConnectSession, at now: Date) throws(BFFError) -> NewEvent? {
        let outcome = session.outcome(at: now)
        guard outcome.state.isTold, outcome.state != state,
            let id = EventID("evt_\(session.id.text.drop { $0 != "_" }.dropFirst())_\(sequence &+ 1)")
        else { return nil }
        state = outcome.state
        sequence &+= 1
        return NewEvent(
            id: id, type: "session.\(outcome.state.rawValue)", session: session.id, subject: session.subject, at: now,
            data: try wireJSON(ToldSession(session, outcome)))
    }
}

extension SessionState {
    /// Whether the integrator's backend hears of it: it knows itself of what it minted and sees its own app at work.
    package var isTold: Bool {
        switch self {
        case .created, .active: false
        case .abandoned, .pending, .connected, .failed, .disconnected, .expired: true
        }
    }
}

extension ConnectSession {
    /// When the state changes next by time alone; nil when it does not, or when Flatpeak is asked before that
    /// (``nextLook``), whose answer then decides.
    package func nextChange(after now: Date) -> Date? {
        let state = outcome(at: now).state
        let change = [expiresAt, facts.located.map { $0.since + Self.pendingLimit }].compactMap(\.self).sorted()
            .first { $0 > now && outcome(at: $0).state != state }
        guard let change, nextLook.map({ $0 > change }) ?? true else { return nil }
        return change
    }
}

/// A session as the integrator's backend hears of it: as its owner reads it, and whose it is.
private struct ToldSession: Encodable {
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
