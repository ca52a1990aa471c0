package import Core

/// Everything that the service stores: what an engine such as SQLite implements.
package typealias ServiceStore = SessionStore & SessionHolderStore & ConfirmationStore & IdempotencyKeyStore
    & LocationStore & DeviceStore & BatchStore & WriteLedger & StateKeyStore & SubjectStore & Inbox & Outbox

/// The keys that seal connect tokens in the store.
package protocol StateKeyStore: Sendable {
    /// Seals connect tokens under the first of `stateKeys` from now on, and reseals those under an older key; keys that
    /// were adopted before still open tokens.
    func adopt(stateKeys: [[UInt8]]) async throws(BFFError)
}

/// The data of one subject in all stores together.
package protocol SubjectStore: Sendable {
    /// Removes everything of a subject, including its events.
    func forget(_ subject: Subject) async throws(BFFError) -> Forgotten
}

/// What was removed with a subject.
package struct Forgotten: Equatable, Sendable {
    package var sessions: Int
    package var locations: Int

    package init(sessions: Int, locations: Int) {
        self.sessions = sessions
        self.locations = locations
    }
}
