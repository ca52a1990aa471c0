package import Core
package import FoundationEssentials

/// A step of a session's confirmation, which a store takes in one transaction.
package enum ConfirmationStep: Sendable {
    /// Gives a code to the document that holds the session.
    case issue(ConfirmationCode, to: SessionHolder)
    /// Redeems a code for the session's subject.
    case redeem(ConfirmationCode, by: Subject)
}

/// What a store has of a session when it takes a ``ConfirmationStep``.
package struct ConfirmableSession: Sendable {
    package let session: ConnectSession
    package let holder: SessionHolder?
    package let cursor: OutboxCursor
    package let confirmation: Confirmation

    package init(
        _ session: ConnectSession, holder: SessionHolder?, cursor: OutboxCursor, confirmation: Confirmation
    ) {
        self.session = session
        self.holder = holder
        self.cursor = cursor
        self.confirmation = confirmation
    }
}

/// The change that a ``ConfirmationStep`` makes to a stored session: one rule for every store.
///
/// Pure: a store reads the session, computes the change, and persists all of it in one transaction.
package struct ConfirmationChange: Sendable {
    package enum Verdict: Equatable, Sendable {
        /// The code can be redeemed from now on.
        case issued
        /// The document does not hold the session.
        case notHeld
        /// The session has not ended, or nothing is known of its result.
        case notEnded
        /// The session needs no code: it is confirmed, foreign, over, or was never to be confirmed.
        case notNeeded
        /// The code is redeemed.
        case redeemed
        /// It was redeemed before, and the answer may have been lost.
        case redeemedBefore
        /// The session was confirmed with another code.
        case used
        case expired
        case unknown
        /// The session is foreign.
        case foreign
        /// The session is another subject's.
        case notOwned
    }

    package let verdict: Verdict
    /// The session as it is stored from now on.
    package let session: ConnectSession
    /// The codes to store; `nil` when they stay as they are.
    package let confirmation: Confirmation?
    /// The change of the session's facts, with the location and the event that become due.
    package let change: SessionChange?

    package init(_ step: ConfirmationStep, of stored: ConfirmableSession, at now: Date) throws(BFFError) {
        var session = stored.session
        var confirmation = stored.confirmation
        let verdict: Verdict
        switch step {
        case .issue(let code, let holder):
            verdict = Self.issuing(to: holder, stored, at: now)
            if verdict == .issued { confirmation.issue(code, at: now) }
        case .redeem(let code, let subject):
            verdict = Self.redeeming(code, by: subject, stored, at: now)
            if verdict == .redeemed {
                confirmation.redeem(code)
                session.facts.confirmedAt = now
            }
        }
        self.verdict = verdict
        self.confirmation = confirmation == stored.confirmation ? nil : confirmation
        change =
            verdict == .redeemed
            ? try SessionChange.merging(
                SessionWrite(session, isNew: false),
                into: .init(facts: stored.session.facts, cursor: stored.cursor), at: now) : nil
        self.session = change?.session ?? session
    }

    private static func issuing(to holder: SessionHolder, _ stored: ConfirmableSession, at now: Date) -> Verdict {
        guard stored.session.awaitsConfirmation(at: now) else { return .notNeeded }
        guard stored.holder?.isSame(as: holder) == true else { return .notHeld }
        return stored.session.hasEnd(at: now) ? .issued : .notEnded
    }

    private static func redeeming(
        _ code: ConfirmationCode, by subject: Subject, _ stored: ConfirmableSession, at now: Date
    ) -> Verdict {
        let session = stored.session
        guard session.subject == subject else { return .notOwned }
        guard session.needsConfirmation else { return .unknown }
        if session.isForeign { return .foreign }
        if session.isConfirmed { return stored.confirmation.isRedeemed(code) ? .redeemedBefore : .used }
        let seenAt = [session.facts.stayedAt, session.facts.settledAt].compactMap(\.self).max()
        switch stored.confirmation.verdict(on: code, seenAt: seenAt, at: now) {
        // Without a confirmation a session lapses with its token.
        case .valid: return session.awaitsConfirmation(at: now) ? .redeemed : .expired
        case .expired: return .expired
        case .unknown: return .unknown
        }
    }
}
