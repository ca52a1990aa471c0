import Core
import FoundationEssentials
import Sessions

/// An entry of the write ledger as both engines keep it.
struct LedgerColumns {
    let route: String
    let location: String
    let body: [UInt8]
    let owner: String
    let startedAt: Double
    let outcome: LedgerOutcomeColumns

    /// The entry; `nil` when it cannot be read.
    var entry: LedgerEntry? {
        guard let location = LocationID(location), let startedAt = try? Date(row: startedAt),
            let outcome = outcome.outcome
        else { return nil }
        return LedgerEntry(
            route: route, location: location, body: body, owner: owner, startedAt: startedAt, outcome: outcome)
    }
}

/// What came of a write, as both engines keep it.
struct LedgerOutcomeColumns {
    let text: String
    let status: Int?
    let answer: [UInt8]?

    init(text: String, status: Int?, answer: [UInt8]?) {
        self.text = text
        self.status = status
        self.answer = answer
    }

    init(_ outcome: LedgerEntry.Outcome) {
        switch outcome {
        case .begun: self.init(text: "begun", status: nil, answer: nil)
        case .answered(let status, let body): self.init(text: "answered", status: status, answer: body)
        case .unknown: self.init(text: "unknown", status: nil, answer: nil)
        }
    }

    /// `nil` when it cannot be read.
    var outcome: LedgerEntry.Outcome? {
        switch (text, status, answer) {
        case ("begun", _, _): .begun
        case ("answered", let status?, let answer?) where (200..<600).contains(status):
            .answered(status: status, body: answer)
        case ("unknown", _, _): .unknown
        default: nil
        }
    }
}

extension Quarantine {
    /// What a key is held by, as read from its row.
    ///
    /// A row that cannot be read may be of a write that was sent, which must not be sent again: its outcome is unknown.
    func entry(_ columns: LedgerColumns?, as key: IdempotencyKey, for entry: LedgerEntry) -> LedgerEntry {
        if let read = columns?.entry { return read }
        add("ledger", key.text)
        var lost = entry
        lost.outcome = .unknown
        return lost
    }
}
