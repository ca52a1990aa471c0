package import Core
package import Flatpeak
package import FoundationEssentials

/// Everything that is known of one session since its mint.
///
/// A join-semilattice: ``merge(_:)`` gives the same value when facts come twice, late, or in another order. Every field
/// therefore only grows: a flag is set, an instant moves to the later one (that of a first time to the earlier one), a
/// stamped value to the newer one.
///
/// Stores keep facts as JSON: the names in ``CodingKeys`` never change.
package struct SessionFacts: Codable, Equatable, Sendable {
    /// Something was relayed.
    package var relayed = false
    /// When Connect last showed the customer a page.
    package var stayedAt: Date?
    /// When the customer last left: closed, went back out of the flow, or arrived at the callback.
    package var leftAt: Date?
    /// The customer pressed DISCONNECT, and Connect let them go.
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
    /// When Flatpeak was last polled about the session, whether it answered or not.
    package var queriedAt: Date?
    /// When Flatpeak's event said that the session is complete.
    package var completedAt: Date?
    /// When the customer first answered a page, other than to leave it or to disconnect.
    package var answeredAt: Date?
    /// When Connect last showed a page that comes after a tariff was connected, let the customer go, or sent them to a
    /// provider; or when the answer to a page was lost.
    package var settledAt: Date?
    /// When Connect last left the tariff to a provider: sent the customer to a login there, or showed that the provider has
    /// not answered yet.
    ///
    /// Also when the answer to a page was lost, so that Connect may have.
    package var providerAt: Date?
    /// When the step was last sent that Connect answered with the summary, other than on the way back.
    package var summaryAt: Date?
    /// When the data of a page was last sent that Connect answered with the summary: the tariff in the slot is the one of
    /// this session.
    package var replacedAt: Date?
    /// When the owner redeemed a code (``Confirmation``).
    package var confirmedAt: Date?
    /// When the token came back in a document that does not hold the session.
    package var foreignAt: Date?
    /// The location that was made for the session before it (upstream.md §9): no subject owns it until ``located`` has it.
    package var preparedLocation: LocationID?

    private enum CodingKeys: String, CodingKey {
        case relayed, stayedAt, leftAt, disconnectAsked, pendingShown, notFinishedAt, goneAt, located, status
        case queriedAt = "askedAt"
        case completedAt, answeredAt, settledAt, providerAt, summaryAt, replacedAt, confirmedAt, foreignAt,
            preparedLocation
    }

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

    /// A status, and when it was queried.
    package struct StampedStatus: Codable, Equatable, Sendable {
        package var value: TariffStatus
        package var at: Date

        package init(value: TariffStatus, at: Date) {
            self.value = value
            self.at = at
        }
    }

    package init() {}

    /// Adds the facts of `other`.
    package mutating func merge(_ other: SessionFacts) {
        relayed = relayed || other.relayed
        stayedAt = later(stayedAt, other.stayedAt)
        leftAt = later(leftAt, other.leftAt)
        disconnectAsked = disconnectAsked || other.disconnectAsked
        pendingShown = pendingShown || other.pendingShown
        notFinishedAt = later(notFinishedAt, other.notFinishedAt)
        goneAt = later(goneAt, other.goneAt)
        queriedAt = later(queriedAt, other.queriedAt)
        completedAt = later(completedAt, other.completedAt)
        answeredAt = earlier(answeredAt, other.answeredAt)
        settledAt = later(settledAt, other.settledAt)
        providerAt = later(providerAt, other.providerAt)
        summaryAt = later(summaryAt, other.summaryAt)
        replacedAt = later(replacedAt, other.replacedAt)
        confirmedAt = earlier(confirmedAt, other.confirmedAt)
        foreignAt = earlier(foreignAt, other.foreignAt)
        // There is one at most; if there were ever two, every order of merges keeps the same.
        preparedLocation = [preparedLocation, other.preparedLocation].compactMap(\.self).min { $0.text < $1.text }
        if let theirs = other.located {
            guard let ours = located else {
                located = theirs
                merge(status: other.status)
                return
            }
            // A location is permanent; if two claims ever disagree, the first one stays.
            located = (theirs.since, theirs.location.text) < (ours.since, ours.location.text) ? theirs : ours
            located?.pricesAvailable = ours.pricesAvailable || theirs.pricesAvailable
        }
        merge(status: other.status)
    }

    /// How far the stored ``stayedAt`` may lag behind, in seconds.
    private static let coarseness: TimeInterval = 60

    /// Whether these facts have to be written over `persisted`.
    ///
    /// A customer's progress alone is written once a minute, not at each tap.
    func needPersisting(over persisted: SessionFacts) -> Bool {
        var coarse = self
        if let seen = stayedAt, let persistedSeen = persisted.stayedAt,
            seen.timeIntervalSince(persistedSeen) < Self.coarseness, cameBack == persisted.cameBack
        {
            coarse.stayedAt = persistedSeen
        }
        return coarse != persisted
    }

    /// Whether the customer left and was seen again afterwards.
    var cameBack: Bool {
        guard let leftAt, let stayedAt else { return false }
        return stayedAt > leftAt
    }

    /// Whether the session may have put a tariff into its slot: the customer answered a page, and since then Connect
    /// showed a page that comes after a connection, sent the customer to a provider, reported the session complete, or let
    /// the customer go.
    ///
    /// A customer who only looks has changed nothing, and so has one whose tab was closed half-way.
    var hasChangedTariff: Bool {
        guard let answeredAt else { return false }
        return [settledAt, completedAt, leftAt].contains { $0.map { $0 >= answeredAt } ?? false }
    }

    /// Whether a provider may still change the tariff without a step in Connect: its login, or its answer, can be on the
    /// way until Connect shows the summary.
    var awaitsProvider: Bool {
        guard let providerAt else { return false }
        return summaryAt.map { $0 <= providerAt } ?? true
    }

    private mutating func merge(status theirs: StampedStatus?) {
        guard let theirs else { return }
        guard let ours = status else {
            status = theirs
            return
        }
        if (theirs.at, theirs.value.rank) > (ours.at, ours.value.rank) { status = theirs }
    }

    private func earlier(_ one: Date?, _ other: Date?) -> Date? {
        guard let one, let other else { return one ?? other }
        return min(one, other)
    }

    private func later(_ one: Date?, _ other: Date?) -> Date? {
        guard let one, let other else { return one ?? other }
        return max(one, other)
    }
}

extension TariffStatus {
    /// Orders statuses of the same instant, so that a merge has one result.
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
