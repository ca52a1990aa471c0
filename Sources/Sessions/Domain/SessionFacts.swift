package import Core
package import Flatpeak
package import FoundationEssentials

/// Everything that was learnt about one session since it was minted.
///
/// It is a set: ``merge(_:)`` may be told the same thing twice, late, or in any order and ends in the same value.
/// Every field therefore only grows: a flag is set, a moment moves to the later one, a stamped value to the newer.
package struct SessionFacts: Codable, Equatable, Sendable {
    /// Something was relayed.
    package var relayed = false
    /// When Connect last showed the customer a page.
    package var stayedAt: Date?
    /// When the customer last left: closed, went back out of the flow, or arrived at the callback.
    package var leftAt: Date?
    /// The customer pressed DISCONNECT.
    package var disconnectAsked = false
    /// Connect showed the page that says "your provider has not answered yet" (upstream.md §4.4).
    package var pendingShown = false
    /// When a claim last said that the customer is not at the end.
    package var notFinishedAt: Date?
    /// When a claim last said that the token is past its life.
    package var goneAt: Date?
    package var located: Located?
    /// The status of the session's slot, as last read.
    package var status: StampedStatus?
    /// When Flatpeak was last asked about the session, whether it answered or not.
    package var askedAt: Date?
    /// When Flatpeak's event said that the session is complete.
    package var completedAt: Date?

    /// The claim that gave a location.
    package struct Located: Codable, Equatable, Sendable {
        package var location: LocationID
        package var pricesAvailable: Bool
        /// The first claim that gave it.
        package var since: Date

        package init(location: LocationID, pricesAvailable: Bool, since: Date) {
            self.location = location
            self.pricesAvailable = pricesAvailable
            self.since = since
        }
    }

    /// A status and when it was asked for.
    package struct StampedStatus: Codable, Equatable, Sendable {
        package var value: TariffStatus
        package var at: Date

        package init(value: TariffStatus, at: Date) {
            self.value = value
            self.at = at
        }
    }

    package init() {}

    /// Adds what `other` knows.
    package mutating func merge(_ other: SessionFacts) {
        relayed = relayed || other.relayed
        stayedAt = later(stayedAt, other.stayedAt)
        leftAt = later(leftAt, other.leftAt)
        disconnectAsked = disconnectAsked || other.disconnectAsked
        pendingShown = pendingShown || other.pendingShown
        notFinishedAt = later(notFinishedAt, other.notFinishedAt)
        goneAt = later(goneAt, other.goneAt)
        askedAt = later(askedAt, other.askedAt)
        completedAt = later(completedAt, other.completedAt)
        if let theirs = other.located {
            guard let ours = located else {
                located = theirs
                merge(status: other.status)
                return
            }
            // A location is permanent; should two claims ever disagree, the first one stays.
            located = (theirs.since, theirs.location.text) < (ours.since, ours.location.text) ? theirs : ours
            located?.pricesAvailable = ours.pricesAvailable || theirs.pricesAvailable
        }
        merge(status: other.status)
    }

    /// How far the store may lag behind in knowing when a customer was last seen, in seconds.
    private static let coarseness: TimeInterval = 60

    /// Whether the store should be told, when it was last told `kept`.
    ///
    /// That a customer taps along is told once a minute; a busy session would otherwise be a write for each tap.
    func areNews(since kept: SessionFacts) -> Bool {
        var coarse = self
        if let seen = stayedAt, let keptSeen = kept.stayedAt, seen.timeIntervalSince(keptSeen) < Self.coarseness,
            cameBack == kept.cameBack
        {
            coarse.stayedAt = keptSeen
        }
        return coarse != kept
    }

    /// Whether the customer left and was seen again afterwards.
    var cameBack: Bool {
        guard let leftAt, let stayedAt else { return false }
        return stayedAt > leftAt
    }

    private mutating func merge(status theirs: StampedStatus?) {
        guard let theirs else { return }
        guard let ours = status else {
            status = theirs
            return
        }
        if (theirs.at, theirs.value.rank) > (ours.at, ours.value.rank) { status = theirs }
    }

    private func later(_ one: Date?, _ other: Date?) -> Date? {
        guard let one, let other else { return one ?? other }
        return max(one, other)
    }
}

extension TariffStatus {
    /// Decides between two statuses of the very same moment, so that a merge has one result.
    fileprivate var rank: Int {
        switch self {
        case .other: 0
        case .notSupported: 1
        case .notConnected: 2
        case .error: 3
        case .connected: 4
        }
    }
}
