package import Core
package import FoundationEssentials

/// The change that a write makes to a stored session: one rule for every store.
///
/// Pure: a store reads the stored session, computes the change, and persists all of it in one transaction.
package struct SessionChange: Sendable {
    /// The stored parts of a session that change after its mint.
    package struct Stored: Equatable, Sendable {
        package let facts: SessionFacts
        package let cursor: OutboxCursor

        package init(facts: SessionFacts, cursor: OutboxCursor) {
            self.facts = facts
            self.cursor = cursor
        }
    }

    package enum Write: Equatable, Sendable {
        case insert
        case update
        /// The row is up to date.
        case none
    }

    /// The session as it is stored from now on.
    package let session: ConnectSession
    package let cursor: OutboxCursor
    package let write: Write
    /// The event to put into the outbox.
    package let event: NewEvent?
    /// The location to bind to the subject.
    ///
    /// Only the first write that has it binds it: a later one does not undo ``LocationStore/unbind(_:from:)``.
    package let location: LocationID?
    /// The location to take from the subject again, if this session bound it: the session turned out to be foreign.
    package let unboundLocation: LocationID?
    /// The location that must not be read from now on, because an unconfirmed session changed a tariff there at
    /// ``ConnectSession/changedAt``; once more after each further change, as another session may have ended the hold.
    package let heldLocation: LocationID?
    /// The location at which the session, now confirmed, ends its own hold, and those of its slot that began before
    /// ``ConnectSession/replacedAt``.
    package let releasedLocation: LocationID?
    /// Whether Flatpeak was polled since, so that the lease holder has done its poll.
    package let endsLease: Bool
    /// When the state changes next by time alone.
    package let changesAt: Date?

    /// The stored parts for the next write of the same session.
    package var stored: Stored { Stored(facts: session.facts, cursor: cursor) }

    private init(
        _ session: ConnectSession, since facts: SessionFacts?, _ cursor: OutboxCursor, isForced: Bool, at now: Date
    ) throws(BFFError) {
        var cursor = cursor
        event = try cursor.event(of: session, at: now)
        self.session = session
        self.cursor = cursor
        let isChanged = facts != session.facts || event != nil || isForced
        write = facts == nil ? .insert : isChanged ? .update : .none
        var before: ConnectSession?
        if let facts {
            before = session
            before?.facts = facts
        }
        let own = (before: before?.boundLocation, now: session.boundLocation)
        location = own.before == nil ? own.now : nil
        unboundLocation = own.now == nil ? own.before : nil
        let isHeldAnew = before?.unconfirmedChange == nil || before?.changedAt != session.changedAt
        heldLocation = isHeldAnew ? session.unconfirmedChange : nil
        let isReleasedAnew = before?.confirmedChange == nil || before?.replacedAt != session.replacedAt
        releasedLocation = isReleasedAnew ? session.confirmedChange : nil
        endsLease = facts?.queriedAt != session.facts.queriedAt
        changesAt = session.nextChange(after: now)
    }

    /// Merges a write into the stored facts.
    /// - Returns: `nil` for a session that was removed since its first write; it is not created again.
    package static func merging(
        _ write: SessionWrite, into stored: Stored?, at now: Date
    ) throws(BFFError) -> SessionChange? {
        var session = write.session
        guard let stored else {
            guard write.isNew else { return nil }
            return try SessionChange(session, since: nil, OutboxCursor(), isForced: false, at: now)
        }
        session.facts.merge(stored.facts)
        return try SessionChange(session, since: stored.facts, stored.cursor, isForced: false, at: now)
    }

    /// Computes the change that time alone makes to a stored session; the next such time is persisted in any case.
    package static func timed(
        _ session: ConnectSession, _ cursor: OutboxCursor, at now: Date
    ) throws(BFFError) -> SessionChange {
        try SessionChange(session, since: session.facts, cursor, isForced: true, at: now)
    }
}
