import Core
import FoundationEssentials
import Keys
import Sessions

/// An event as both engines keep it: moments in seconds since 1970, the data sealed.
struct EventColumns {
    let id: String
    let type: String
    let session: String?
    let sequence: Int?
    let subject: String?
    let bornAt: Double
    let data: [UInt8]
    var attempts = 0
}

extension EventColumns {
    init(_ event: NewEvent, sequence: Int?, _ keys: SealingKeys) {
        self.init(
            id: event.id.text, type: event.type, session: event.session?.text, sequence: sequence,
            subject: event.subject?.text, bornAt: event.at.timeIntervalSince1970,
            data: keys.seal(event.data, context: event.id.text.utf8))
    }

    func event(leasedUntil lease: Date, _ keys: SealingKeys) throws(SessionColumns.Unreadable) -> OutgoingEvent {
        guard let data = keys.open(data, context: id.utf8) else { throw SessionColumns.Unreadable() }
        return try event(data, leasedUntil: lease)
    }

    private func event(
        _ data: [UInt8], leasedUntil lease: Date
    ) throws(SessionColumns.Unreadable) -> OutgoingEvent {
        guard let eventID = EventID(id), RowCount.range.contains(attempts),
            sequence.map({ RowCount.range.contains($0) }) ?? true
        else { throw SessionColumns.Unreadable() }
        return OutgoingEvent(
            NewEvent(
                id: eventID, type: type, session: session.flatMap { SessionID($0) },
                subject: subject.flatMap { Subject($0) }, at: try Date(row: bornAt), data: data),
            sequence: sequence, attempts: attempts, lease: lease)
    }

    /// The event as the operator sees it; without its data when these cannot be opened.
    /// - Parameters:
    ///   - dueAt: Missing for what is not to be tried any more.
    ///   - deliveredAt: Missing for what was given up as well.
    func kept(
        dueAt: Double?, deliveredAt: Double?, answer: String?, _ keys: SealingKeys
    ) throws(SessionColumns.Unreadable) -> KeptEvent {
        KeptEvent(
            try event(keys.open(data, context: id.utf8) ?? [], leasedUntil: Date(timeIntervalSince1970: dueAt ?? 0)),
            state: dueAt != nil ? .pending : deliveredAt != nil ? .delivered : .dead, answer: answer)
    }
}

extension OutboxCursor {
    init(stateText: String?, sequence: Int) throws(SessionColumns.Unreadable) {
        guard RowCount.range.contains(sequence) else { throw SessionColumns.Unreadable() }
        self.init(state: stateText.flatMap { SessionState(rawValue: $0) }, sequence: sequence)
    }
}
