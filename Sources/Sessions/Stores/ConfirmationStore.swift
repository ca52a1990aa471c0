package import Core
package import FoundationEssentials

/// The durable store of confirmations: which codes a session's holder was given, and whether its owner redeemed one.
///
/// Every call either answers or throws `storeUnavailable`. A confirmation goes with its session.
package protocol ConfirmationStore: Sendable {
    /// Takes a step of a session's confirmation in one transaction, together with the location that it binds and the
    /// event that it publishes. ``ConfirmationChange`` is the rule.
    /// - Returns: `nil` for a session that is not stored, or whose row cannot be read.
    func take(
        _ step: ConfirmationStep, of id: SessionID, at now: Date
    ) async throws(BFFError) -> ConfirmationChange?
}
