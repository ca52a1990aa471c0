package import Core
package import FoundationEssentials

/// What a write makes of a session: the one rule by which every store changes what it keeps.
///
/// Pure: a store reads what it has of the session, asks for the change, and keeps all of it in one transaction.
package struct SessionChange: Sendable {
    /// What a store has of a session beside what was fixed when it was minted.
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
        /// The store has all of it.
        case none
    }

    /// The session as it is kept from now on.
    package let session: ConnectSession
    package let cursor: OutboxCursor
    package let write: Write
    /// Goes into the outbox.
    package let event: NewEvent?
    /// Becomes the subject's own.
    ///
    /// Only the first write that knows it binds it, so that a later one does not undo ``SessionStore/unbind(_:from:)``.
    package let location: LocationID?
    /// Whether Flatpeak was asked since: whoever took the session to ask has done so.
    package let endsLease: Bool
    /// When the state changes next by time alone.
    package let changesAt: Date?

    /// What is read back for the next write of the same session.
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
        location = facts?.located == nil ? session.facts.located?.location : nil
        endsLease = facts?.askedAt != session.facts.askedAt
        changesAt = session.nextChange(after: now)
    }

    /// Merges what a write knows into what is stored.
    /// - Returns: Nil for a session that was removed since it was written first; it is not made again.
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

    /// Publishes what became of a stored session by time alone; the next such time is kept even where that is nothing.
    package static func timed(
        _ session: ConnectSession, _ cursor: OutboxCursor, at now: Date
    ) throws(BFFError) -> SessionChange {
        try SessionChange(session, since: session.facts, cursor, isForced: true, at: now)
    }
}
