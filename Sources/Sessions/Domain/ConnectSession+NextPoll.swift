import Core
package import FoundationEssentials

extension ConnectSession {
    /// The first look after something happened, and the shortest time between two looks, in seconds.
    private static let shortestWait: TimeInterval = 60
    private static let longestWait: TimeInterval = 3600
    /// After a customer left, the callback asks at once; this is for one that never comes.
    private static let waitForCallback: TimeInterval = 10
    /// So long before a token's end it is asked for a last time, since nothing can be claimed after it.
    private static let lastLook: TimeInterval = 120

    /// When the customer was last heard of.
    private var lastSeen: Date { [facts.stayedAt, facts.leftAt].compactMap(\.self).reduce(createdAt, max) }

    /// How long to wait before asking again while somebody listens: short right after something happened.
    package func liveWait(at now: Date) -> Duration {
        Duration(saturatingSeconds: min(max(now.timeIntervalSince(lastSeen) / 8, 2), 30))
    }

    /// When Flatpeak is to be asked about the session on nobody's behalf; nil when nothing more can come of asking.
    ///
    /// A customer may have closed the app before the callback, and a provider may take two days. Waits double: each is as long as all before it together, from a minute to an hour.
    package var nextPoll: Date? {
        // A customer who never came cannot have connected anything.
        guard facts.relayed || facts.leftAt != nil else { return nil }
        let seen = lastSeen
        let asked = facts.askedAt ?? .distantPast
        if let left, asked < left { return left + Self.waitForCallback }

        let since: Date
        let end: Date
        switch outcome(at: max(asked, seen)).state {
        case .connected, .disconnected, .expired: return nil
        // Who is still there may try again and succeed.
        case .failed where left != nil: return nil
        case .pending where facts.located != nil:
            since = facts.located?.since ?? seen
            end = since + Self.pendingLimit
        default:
            since = seen
            end = expiresAt - min(Self.lastLook, expiresAt.timeIntervalSince(createdAt) / 10)
        }
        guard asked < end else { return nil }
        let wait = min(max(asked.timeIntervalSince(since), Self.shortestWait), Self.longestWait)
        return min(max(asked, seen) + wait, end)
    }
}
