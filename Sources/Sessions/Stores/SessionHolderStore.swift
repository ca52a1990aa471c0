package import Core

/// The durable store of the document that holds each session: what makes a ticket one document's.
///
/// Every call either answers or throws `storeUnavailable`. A holder goes with its session.
package protocol SessionHolderStore: Sendable {
    /// Finds a session and its holder; `nil` also for one whose row cannot be read.
    func held(_ id: SessionID) async throws(BFFError) -> HeldSession?
    /// Makes `holder` the holder of a session whose holder is still `expected`.
    /// - Returns: False when it is another one by now, or the session was removed.
    func setHolder(
        _ holder: SessionHolder, of id: SessionID, replacing expected: SessionHolder?
    ) async throws(BFFError) -> Bool
}

/// A session as it is stored, with the document that holds it.
package struct HeldSession: Sendable {
    package let session: ConnectSession
    /// `nil` before the first exchange.
    package let holder: SessionHolder?

    package init(_ session: ConnectSession, holder: SessionHolder?) {
        self.session = session
        self.holder = holder
    }
}
