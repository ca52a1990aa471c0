package import Core
import Flatpeak
package import FoundationEssentials

/// Where a session stands.
///
/// `openapi.yaml` tells clients what each state means.
package enum SessionState: String, Sendable, CaseIterable {
    case created, active, abandoned, pending, connected, failed, disconnected, expired
}

/// How a session stands or ended, decided from facts alone.
package struct Outcome: Equatable, Sendable {
    package var state: SessionState
    /// When the customer left, or the token's life was over.
    package var endedAt: Date?
    package var location: LocationID?
    /// Whether Flatpeak has prices of the tariff; false once it is disconnected.
    package var pricesAvailable: Bool

    /// Whether nothing can change any more, so that Flatpeak need not be asked again.
    package var isFinal: Bool {
        guard endedAt != nil else { return false }
        return switch state {
        case .connected, .failed, .disconnected, .expired: true
        case .created, .active, .abandoned, .pending: false
        }
    }
}

extension ConnectSession {
    /// How long a provider may take before a pending connection counts as failed (upstream.md §4.4).
    package static let pendingLimit: TimeInterval = 48 * 3600

    /// How long a session that Flatpeak called complete stays open after the customer was last seen, in seconds: Connect
    /// completes it when it shows the summary, from which the customer still goes back, closes or disconnects.
    static let lingerLimit: TimeInterval = 15 * 60

    /// The outcome at `now`: a function of the facts, not of the order in which they came.
    // Inlined, and what it nearly always calls, as each relayed call asks: what is called is handed a copy of it all.
    @inline(__always) package func outcome(at now: Date) -> Outcome {
        let isOver = now >= expiresAt || facts.goneAt != nil
        var endedAt = left ?? completed(by: now)
        if endedAt == nil, isOver { endedAt = min(expiresAt, facts.goneAt ?? expiresAt) }
        let state =
            facts.located.map { self.state(with: $0, at: now, isOver: isOver) } ?? stateWithoutLocation(isOver: isOver)
        return Outcome(
            state: state, endedAt: endedAt, location: facts.located?.location,
            // What a claim said before the customer disconnected holds no longer; facts only grow.
            pricesAvailable: state != .disconnected && facts.located?.pricesAvailable ?? false)
    }

    /// When the customer left, unless they came back afterwards.
    var left: Date? {
        facts.cameBack ? nil : facts.leftAt
    }

    /// When the session was over for Flatpeak, once the customer is not seen any more.
    private func completed(by now: Date) -> Date? {
        guard let completedAt = facts.completedAt else { return nil }
        let end = max(completedAt, facts.stayedAt ?? completedAt)
        return now >= end + Self.lingerLimit ? end : nil
    }

    /// Whether Flatpeak was last asked before the customer left: what it said then may be over, as a tariff is that was
    /// disconnected by the last step.
    var wasAskedBeforeLeaving: Bool {
        guard let left, let askedAt = facts.askedAt else { return false }
        return askedAt < left
    }

    private func state(with located: SessionFacts.Located, at now: Date, isOver: Bool) -> SessionState {
        switch facts.status?.value {
        case .connected: return .connected
        case .error: return .failed
        case .notConnected where facts.disconnectAsked || mintedAction == .disconnect: return .disconnected
        case .notConnected, .notSupported, .other, nil: break
        }
        if mintedLocation == nil {
            if located.pricesAvailable { return .connected }
        } else if facts.status?.value == .notConnected, !facts.pendingShown {
            // The location was there before this session, and so may be its prices: they say nothing about a slot
            // that is still empty. Adding an export tariff and closing half-way must not read as connected.
            return isOver ? .expired : left != nil ? .abandoned : facts.relayed ? .active : .created
        }
        return now >= located.since + Self.pendingLimit ? .failed : .pending
    }

    @inline(__always) private func stateWithoutLocation(isOver: Bool) -> SessionState {
        if isOver { return .expired }
        if let left, let notFinishedAt = facts.notFinishedAt, notFinishedAt >= left { return .abandoned }
        return facts.relayed || left != nil ? .active : .created
    }
}
