import Core
package import FoundationEssentials

extension ConnectSession {
    /// The wait before the first poll after something happened, and the shortest time between two polls, in seconds.
    private static let shortestWait: TimeInterval = 60
    private static let longestWait: TimeInterval = 3600
    /// The wait for the callback after a customer left, in seconds: it polls at once, but may never come.
    private static let waitForCallback: TimeInterval = 10
    /// How long before a token's end the last poll is, in seconds: nothing can be claimed after it.
    private static let lastPollMargin: TimeInterval = 120

    /// When the customer was last seen.
    private var lastSeen: Date { [facts.stayedAt, facts.leftAt].compactMap(\.self).reduce(createdAt, max) }

    /// How long to wait before the next poll while a client listens: short right after something happened.
    package func liveWait(at now: Date) -> Duration {
        Duration(saturatingSeconds: min(max(now.timeIntervalSince(lastSeen) / 8, 2), 30))
    }

    /// When to poll Flatpeak next without a request; `nil` when no poll can change the outcome.
    ///
    /// A customer may have closed the app before the callback, and a provider may take two days. Waits double: each is as
    /// long as all before it together, from a minute to an hour.
    package var nextPoll: Date? {
        // A customer who never came cannot have connected anything.
        guard facts.relayed || facts.leftAt != nil, !isForeign else { return nil }
        let seen = lastSeen
        let queried = facts.queriedAt ?? .distantPast
        if let left, queried < left { return left + Self.waitForCallback }

        let since: Date
        let end: Date
        switch outcome(at: max(queried, seen)).state {
        case .connected, .disconnected, .expired: return nil
        // A customer who has not left may try again and succeed.
        case .failed where left != nil: return nil
        case .pending where ownLocation != nil:
            since = facts.located?.since ?? seen
            end = since + Self.pendingLimit
        default:
            since = seen
            end = expiresAt - min(Self.lastPollMargin, expiresAt.timeIntervalSince(createdAt) / 10)
        }
        guard queried < end else { return nil }
        let wait = min(max(queried.timeIntervalSince(since), Self.shortestWait), Self.longestWait)
        return min(max(queried, seen) + wait, end)
    }
}
