package import Core
import Flatpeak
package import FoundationEssentials

/// The state of a session, as clients read it; `openapi.yaml` describes each.
package enum SessionState: String, Sendable, CaseIterable {
    case created, active, abandoned, pending, connected, failed, disconnected, expired
}

/// The state and the result of a session, a function of its facts and the time.
package struct Outcome: Equatable, Sendable {
    package var state: SessionState
    /// When the customer left, or the token's life was over.
    package var endedAt: Date?
    package var location: LocationID?
    /// Whether Flatpeak has prices of the tariff; false once it is disconnected.
    package var pricesAvailable: Bool

    /// Whether the outcome cannot change any more, so that Flatpeak need not be polled again.
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

    /// How long a session that Flatpeak reported complete stays open after the customer was last seen, in seconds: Connect
    /// completes it when it shows the summary, from which the customer still goes back, closes or disconnects.
    static let lingerLimit: TimeInterval = 15 * 60

    /// The outcome at `now`: a function of the facts, not of the order in which they came.
    ///
    /// A session that is not confirmed has no location, ends with its token, and fails once it is foreign.
    package func outcome(at now: Date) -> Outcome {
        if isForeign {
            return Outcome(state: .failed, endedAt: left ?? facts.foreignAt, location: nil, pricesAvailable: false)
        }
        let isOver = now >= expiresAt || facts.goneAt != nil
        var endedAt = left ?? completed(by: now)
        if endedAt == nil, isOver { endedAt = min(expiresAt, facts.goneAt ?? expiresAt) }
        // Not `map`: each relayed call comes here, and a closure would take copies of the facts along.
        guard let located = facts.located else {
            return Outcome(
                state: stateWithoutLocation(isOver: isOver), endedAt: endedAt, location: nil, pricesAvailable: false)
        }
        let state = state(with: located, at: now, isOver: isOver)
        guard isConfirmed else {
            return Outcome(
                state: now >= expiresAt ? .expired : state, endedAt: endedAt, location: nil, pricesAvailable: false)
        }
        return Outcome(
            state: state, endedAt: endedAt, location: located.location,
            // A claim before the customer disconnected may have had prices; facts only grow.
            pricesAvailable: state != .disconnected && located.pricesAvailable)
    }

    /// When the customer left, unless they came back afterwards.
    var left: Date? {
        facts.cameBack ? nil : facts.leftAt
    }

    /// When Flatpeak completed the session, once the customer has not been seen for a while since.
    private func completed(by now: Date) -> Date? {
        guard let completedAt = facts.completedAt else { return nil }
        let end = max(completedAt, facts.stayedAt ?? completedAt)
        return now >= end + Self.lingerLimit ? end : nil
    }

    /// Whether the session came to a result, where Flatpeak names its location from the start and has no data of it yet.
    ///
    /// At a location that was made for the session, whatever is connected is the session's. At one that was there before,
    /// it is when Connect showed it after the customer's data, and what is gone is when they asked for that.
    /// - Parameter status: That of the session's slot.
    func hasResult(at status: TariffStatus?) -> Bool {
        if facts.pendingShown { return true }
        switch status {
        case .connected, .error: return mintedLocation == nil || facts.replacedAt != nil
        case .notConnected: return mintedLocation != nil && (facts.disconnectAsked || mintedAction == .disconnect)
        case .notSupported, .other, nil: return false
        }
    }

    /// Whether the last poll of Flatpeak began before the customer left: its answer may be outdated, since the last step
    /// may have disconnected the tariff.
    var wasQueriedBeforeLeaving: Bool {
        guard let left, let queriedAt = facts.queriedAt else { return false }
        return queriedAt < left
    }

    private func state(with located: SessionFacts.Located, at now: Date, isOver: Bool) -> SessionState {
        switch facts.status?.value {
        case .connected: return .connected
        case .error: return .failed
        case .notConnected where hasDisconnected: return .disconnected
        case .notConnected, .notSupported, .other, nil: break
        }
        if mintedLocation == nil {
            if located.pricesAvailable { return .connected }
        } else if facts.status?.value == .notConnected, !facts.pendingShown {
            // The location is older than this session, and so may be its prices: they say nothing about a slot that is
            // still empty. Adding an export tariff and closing half-way must not read as connected.
            return isOver ? .expired : left != nil ? .abandoned : facts.relayed ? .active : .created
        }
        return now >= located.since + Self.pendingLimit ? .failed : .pending
    }

    private func stateWithoutLocation(isOver: Bool) -> SessionState {
        if isOver { return .expired }
        if let left, let notFinishedAt = facts.notFinishedAt, notFinishedAt >= left { return .abandoned }
        return facts.relayed || left != nil ? .active : .created
    }
}
