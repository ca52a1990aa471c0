package import Core
package import Flatpeak
package import FoundationEssentials

/// One mint, and the facts of its session.
package struct ConnectSession: Sendable {
    package let id: SessionID
    /// The user who minted it: the only reader, and the owner of its location.
    package let subject: Subject
    package let connectToken: ConnectToken
    package let slot: TariffSlot
    /// The location that the mint named; `nil` for a session that creates one.
    package let mintedLocation: LocationID?
    package let mintedAction: TariffAction?
    /// Where the customer goes after the callback.
    package let returnURL: String?
    package let liveMode: Bool
    /// Whether the session's result is its subject's only once they redeemed a code of its holder (``Confirmation``).
    package let needsConfirmation: Bool
    package let createdAt: Date
    /// The end of the connect token's life.
    package let expiresAt: Date
    package var facts = SessionFacts()

    package init(
        id: SessionID, subject: Subject, connectToken: ConnectToken, slot: TariffSlot, mintedLocation: LocationID?,
        mintedAction: TariffAction?, returnURL: String?, liveMode: Bool, needsConfirmation: Bool = false,
        createdAt: Date, expiresAt: Date
    ) {
        self.id = id
        self.subject = subject
        self.connectToken = connectToken
        self.slot = slot
        self.mintedLocation = mintedLocation
        self.mintedAction = mintedAction
        self.returnURL = returnURL
        self.liveMode = liveMode
        self.needsConfirmation = needsConfirmation
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }
}
